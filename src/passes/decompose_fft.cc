// SPDX-License-Identifier: Apache-2.0
// Fourier transforms as products with constant matrices. A length n = n1 n2 is two shorter transforms with a twist
// between (Cooley and Tukey); a length with a large prime factor is a convolution of a power-of-two length (Bluestein).
// Complex numbers are taken apart: one product of [real, imag] with [[c, s], [-s, c]] gives both parts. Devices that
// compile long code fast have kernels instead (fourier_lines.h).
#include <algorithm>

#include "ir/fourier.h"
#include "passes/decompose_rules.h"
#include "passes/fourier_lines.h"
#include "passes/fourier_tables.h"

namespace dragoman::passes {
namespace {

constexpr int64_t kMaxMatrix = 64;        // lengths up to this are one product
constexpr int64_t kMaxPrimeMatrix = 256;  // also those, where the length has no small divisor

using ir::FftType;

// Rows of complex numbers: both parts [rows, n]. imag is null where all are zero.
struct Parts {
  Value* real;
  Value* imag;
};

using Complexes = std::vector<std::complex<double>>;

class FourierBuilder {
 public:
  FourierBuilder(Builder& builder, int sign) : b_(builder), sign_(sign) {}

  Parts TransformRows(const Parts& x) {
    const int64_t n = x.real->type.dims[1];
    if (n == 1) return x.imag == nullptr ? Parts{x.real, b_.SplatLike(x.real, 0)} : x;
    if (n <= kMaxMatrix) return ByMatrix(x, n);
    const int64_t divisor = LargestDivisor(n, kMaxMatrix);
    if (divisor > 1) return ByFactors(x, divisor, n / divisor);
    return n <= kMaxPrimeMatrix ? ByMatrix(x, n) : ByChirp(x, n);
  }

 private:
  Parts ByMatrix(const Parts& x, int64_t n) {
    const bool is_real = x.imag == nullptr;
    std::vector<double> matrix;
    matrix.reserve(static_cast<size_t>((is_real ? 2 : 4) * n * n));
    for (int part = 0; part < (is_real ? 1 : 2); ++part) {
      for (int64_t row = 0; row < n; ++row) {
        for (int64_t k = 0; k < n; ++k) {
          const auto root = UnitRoot(row * k, n, sign_);
          matrix.push_back(part == 0 ? root.real() : -root.imag());
        }
        for (int64_t k = 0; k < n; ++k) {
          const auto root = UnitRoot(row * k, n, sign_);
          matrix.push_back(part == 0 ? root.imag() : root.real());
        }
      }
    }
    Value* left = is_real ? x.real : b_.Concatenate({x.real, x.imag}, 1);
    const TensorType type{x.real->type.dtype, {left->type.dims[1], 2 * n}};
    Value* product = b_.Dot(left, b_.Constant(DenseLiteral(type, matrix)),
                            {.lhs_batching = {}, .rhs_batching = {}, .lhs_contracting = {1}, .rhs_contracting = {0}});
    return {b_.SliceDim(product, 1, 0, n), b_.SliceDim(product, 1, n, 2 * n)};
  }

  // With j = n2 j1 + j2 and k = k1 + n1 k2: over j1, then a twist by j2 k1, then over j2.
  Parts ByFactors(const Parts& x, int64_t n1, int64_t n2) {
    const int64_t rows = x.real->type.dims[0];
    const int64_t n = n1 * n2;
    Parts y = Each(x, [&](Value* part) {
      Value* swapped = b_.Transpose(b_.Reshape(part, {rows, n1, n2}), {0, 2, 1});
      return b_.Reshape(swapped, {rows * n2, n1});
    });
    y = TransformRows(y);  // [rows, j2, k1]
    Complexes twist;
    for (int64_t j2 = 0; j2 < n2; ++j2) {
      for (int64_t k1 = 0; k1 < n1; ++k1) twist.push_back(UnitRoot(j2 * k1, n, sign_));
    }
    y = Each(y, [&](Value* part) { return b_.Reshape(part, {rows, n}); });
    y = Times(y, twist);
    y = Each(y, [&](Value* part) {
      Value* swapped = b_.Transpose(b_.Reshape(part, {rows, n2, n1}), {0, 2, 1});
      return b_.Reshape(swapped, {rows * n1, n2});
    });
    y = TransformRows(y);  // [rows, k1, k2]
    return Each(y, [&](Value* part) {
      Value* swapped = b_.Transpose(b_.Reshape(part, {rows, n1, n2}), {0, 2, 1});
      return b_.Reshape(swapped, {rows, n});
    });
  }

  // j k = (j j + k k - (k - j)^2) / 2.
  Parts ByChirp(const Parts& x, int64_t n) {
    int64_t length = 1;
    while (length < 2 * n - 1) length *= 2;
    Complexes chirp;
    Complexes kernel(static_cast<size_t>(length));
    for (int64_t j = 0; j < n; ++j) {
      chirp.push_back(UnitRoot(j * j % (2 * n), 2 * n, sign_));
      kernel[j] = std::conj(chirp.back());
      if (j > 0) kernel[length - j] = kernel[j];
    }
    kernel = Transform(std::move(kernel), -1);
    for (auto& number : kernel) number /= static_cast<double>(length);
    Parts y = x.imag == nullptr ? Parts{x.real, b_.SplatLike(x.real, 0)} : x;
    y = Times(y, chirp);
    y = Each(y, [&](Value* part) { return b_.Pad(part, b_.Scalar(part->type.dtype, 0), {0, 0}, {0, length - n}); });
    y = Times(FourierBuilder(b_, -1).TransformRows(y), kernel);
    y = FourierBuilder(b_, 1).TransformRows(y);
    y = Each(y, [&](Value* part) { return b_.SliceDim(part, 1, 0, n); });
    return Times(y, chirp);
  }

  template <typename Function>
  static Parts Each(const Parts& x, Function&& function) {
    return {function(x.real), x.imag == nullptr ? nullptr : function(x.imag)};
  }

  // Every row times the same numbers.
  Parts Times(const Parts& x, const Complexes& numbers) {
    std::vector<double> reals, imags;
    for (const auto& number : numbers) {
      reals.push_back(number.real());
      imags.push_back(number.imag());
    }
    const TensorType type{x.real->type.dtype, {static_cast<int64_t>(numbers.size())}};
    const Dims& dims = x.real->type.dims;
    Value* real = b_.Broadcast(b_.Constant(DenseLiteral(type, reals)), dims, {1});
    Value* imag = b_.Broadcast(b_.Constant(DenseLiteral(type, imags)), dims, {1});
    return {b_.Subtract(b_.Multiply(x.real, real), b_.Multiply(x.imag, imag)),
            b_.Add(b_.Multiply(x.real, imag), b_.Multiply(x.imag, real))};
  }

  Builder& b_;
  int sign_;
};

// How a transform's lines are transformed.
struct Manner {
  int sign;
  LineLimits limits;
  Builder& b;
};

Parts ByLines(const Parts& value, int64_t d, const Manner& manner) {
  Builder& b = manner.b;
  const Dims dims = value.real->type.dims;
  const int64_t outer = NumElements(Dims(dims.begin(), dims.begin() + d));
  const int64_t inner = NumElements(Dims(dims.begin() + d + 1, dims.end()));
  Value* imag = value.imag != nullptr ? value.imag : b.SplatLike(value.real, 0);
  Value* lines = b.Reshape(b.Binary(OpCode::kComplex, value.real, imag), {outer, dims[d], inner});
  lines = b.Reshape(TransformLines(lines, manner.sign, manner.limits, b), dims);
  return {b.Unary(OpCode::kReal, lines), b.Unary(OpCode::kImag, lines)};
}

// A real transform along the last dimension.
Parts HalfByLines(const Parts& value, FftType type, int64_t length, Builder& b) {
  Dims dims = value.real->type.dims;
  const int64_t read = dims.back();
  Value* imag = value.imag != nullptr ? value.imag : b.SplatLike(value.real, 0);
  Value* lines = b.Reshape(b.Binary(OpCode::kComplex, value.real, imag), {NumElements(dims) / read, read});
  dims.back() = ir::NumKept(type, length);
  lines = b.Reshape(TransformHalfLines(lines, type, length, b), dims);
  return {b.Unary(OpCode::kReal, lines), b.Unary(OpCode::kImag, lines)};
}

// Complex (or real) `value` transformed along dimension `d`.
Parts AlongDimension(const Parts& value, int64_t d, const Manner& manner) {
  if (manner.limits.columns > 1) return ByLines(value, d, manner);
  Builder& b = manner.b;
  const Dims dims = value.real->type.dims;
  const auto rank = static_cast<int64_t>(dims.size());
  std::vector<int64_t> swap(dims.size());
  for (int64_t i = 0; i < rank; ++i) swap[i] = i;
  std::swap(swap[d], swap[rank - 1]);
  Dims swapped = dims;
  std::swap(swapped[d], swapped[rank - 1]);
  const int64_t n = dims[d];
  const int64_t rows = NumElements(dims) / n;
  const auto to_rows = [&](Value* part) -> Value* {
    if (part == nullptr) return nullptr;
    if (d != rank - 1) part = b.Transpose(part, swap);
    return b.Reshape(part, {rows, n});
  };
  const auto from_rows = [&](Value* part) {
    part = b.Reshape(part, swapped);
    return d != rank - 1 ? b.Transpose(part, swap) : part;
  };
  const Parts result = FourierBuilder(b, manner.sign).TransformRows({to_rows(value.real), to_rows(value.imag)});
  return {from_rows(result.real), from_rows(result.imag)};
}

// The whole of a last dimension of `n` of which the first half is given: element n - k is the conjugate of element k.
Parts Mirrored(const Parts& half, int64_t n, Builder& b) {
  const auto last = static_cast<int64_t>(half.real->type.dims.size()) - 1;
  const int64_t num_mirrored = n - (n / 2 + 1);
  if (num_mirrored <= 0) return half;
  const auto mirror = [&](Value* part) { return b.Reverse(b.SliceDim(part, last, 1, 1 + num_mirrored), {last}); };
  Value* negated = b.Unary(OpCode::kNegate, mirror(half.imag));
  return {b.Concatenate({half.real, mirror(half.real)}, last), b.Concatenate({half.imag, negated}, last)};
}

// The dimensions [first, last) in turn.
Parts AlongLeading(Parts parts, int64_t first, int64_t last, const Manner& manner) {
  for (int64_t d = first; d < last; ++d) parts = AlongDimension(parts, d, manner);
  return parts;
}

Parts TransformAll(const Op& op, Parts parts, const Manner& manner) {
  Builder& b = manner.b;
  const auto type = static_cast<FftType>(op.attributes.Int(AttrKey::kFftType));
  const auto& lengths = op.attributes.Ints(AttrKey::kFftLength);
  const auto last = static_cast<int64_t>(op.type().rank()) - 1;
  const int64_t first = last + 1 - static_cast<int64_t>(lengths.size());
  const bool is_half = (type == FftType::kRfft || type == FftType::kIrfft) && lengths.back() <= manner.limits.rows &&
                       ir::HasFourierRadices(lengths.back());
  if (type != FftType::kIrfft) {
    if (is_half) return AlongLeading(HalfByLines(parts, type, lengths.back(), b), first, last, manner);
    parts = AlongDimension(parts, last, manner);
    const int64_t kept = op.type().dims[last];
    if (kept != lengths.back()) parts = {b.SliceDim(parts.real, last, 0, kept), b.SliceDim(parts.imag, last, 0, kept)};
    return AlongLeading(parts, first, last, manner);
  }
  // Once the other dimensions are transformed, each row along the last is symmetric by itself.
  parts = AlongLeading(parts, first, last, manner);
  if (is_half) return HalfByLines(parts, type, lengths.back(), b);
  return AlongDimension(Mirrored(parts, lengths.back(), b), last, manner);
}

}  // namespace

StatusOr<Replacement> DecomposeFft(Op& op, RewriteContext& context, const target::DeviceProfile& profile) {
  Builder& b = context.builder;
  Value* operand = op.operands[0];
  if (op.type().num_elements() == 0 || operand->type.num_elements() == 0) return ReplaceWith(b.Splat(op.type(), 0));
  Parts parts{operand, nullptr};
  if (IsComplex(operand->type.dtype)) {
    parts = {b.Unary(OpCode::kReal, operand), b.Unary(OpCode::kImag, operand)};
  }
  const auto type = static_cast<FftType>(op.attributes.Int(AttrKey::kFftType));
  const bool is_inverse = type == FftType::kIfft || type == FftType::kIrfft;
  parts = TransformAll(op, parts, {is_inverse ? 1 : -1, LimitsOfLines(RealPart(operand->type.dtype), profile), b});
  if (is_inverse) {
    const auto count = static_cast<double>(NumElements(op.attributes.Ints(AttrKey::kFftLength)));
    Value* scale = b.SplatLike(parts.real, 1.0 / count);
    parts = {b.Multiply(parts.real, scale), b.Multiply(parts.imag, scale)};
  }
  if (type == FftType::kIrfft) return ReplaceWith(parts.real);
  return ReplaceWith(b.Binary(OpCode::kComplex, parts.real, parts.imag));
}

}  // namespace dragoman::passes
