// SPDX-License-Identifier: Apache-2.0
// Fourier transforms of several dimensions, real ones and inverse ones as transforms of complex lines.
#include "ir/fourier.h"
#include "passes/decompose_rules.h"
#include "passes/fourier_lines.h"

namespace dragoman::passes {
namespace {

using ir::FftType;

class Transformer {
 public:
  Transformer(const Op& op, const target::DeviceProfile& profile, Builder& builder)
      : type_(static_cast<FftType>(op.attributes.Int(AttrKey::kFftType))),
        lengths_(op.attributes.Ints(AttrKey::kFftLength)),
        last_(static_cast<int64_t>(op.type().rank()) - 1),
        limits_(LimitsOfLines(RealPart(op.type().dtype), profile)),
        b_(builder) {}

  // Complex `x` to complex results, unscaled.
  Value* Transform(Value* x) {
    const int64_t first = last_ + 1 - static_cast<int64_t>(lengths_.size());
    // Of a half, each row along the last dimension is symmetric by itself once the others are transformed.
    const bool last_is_last = type_ == FftType::kIrfft;
    if (!last_is_last) x = AlongLast(x);
    for (int64_t d = first; d < last_; ++d) x = AlongDimension(x, d);
    return last_is_last ? AlongLast(x) : x;
  }

 private:
  Value* AlongLast(Value* x) {
    const int64_t length = lengths_.back();
    const bool is_half = type_ == FftType::kRfft || type_ == FftType::kIrfft;
    if (is_half && length <= limits_.rows && ir::HasFourierRadices(length)) {
      Dims dims = x->type.dims;
      Value* lines = b_.Reshape(x, {NumElements(dims) / dims.back(), dims.back()});
      dims.back() = ir::NumKept(type_, length);
      return b_.Reshape(TransformHalfLines(lines, type_, length, limits_, b_), dims);
    }
    if (type_ == FftType::kIrfft) x = Completed(x, length);
    x = AlongDimension(x, last_);
    return type_ == FftType::kRfft ? b_.SliceDim(x, last_, 0, ir::NumKept(type_, length)) : x;
  }

  Value* AlongDimension(Value* x, int64_t d) {
    const Dims dims = x->type.dims;
    const int64_t outer = NumElements(Dims(dims.begin(), dims.begin() + d));
    const int64_t inner = NumElements(Dims(dims.begin() + d + 1, dims.end()));
    return b_.Reshape(TransformLines(b_.Reshape(x, {outer, dims[d], inner}), ir::SignOf(type_), limits_, b_), dims);
  }

  // The whole of a last dimension of `n` of which the first half is given: element n - k is the conjugate of element k.
  Value* Completed(Value* half, int64_t n) {
    const int64_t num_mirrored = n - (n / 2 + 1);
    if (num_mirrored <= 0) return half;
    Value* mirrored = b_.Reverse(b_.SliceDim(half, last_, 1, 1 + num_mirrored), {last_});
    return b_.Concatenate({half, Conjugate(mirrored, b_)}, last_);
  }

  const FftType type_;
  const std::vector<int64_t>& lengths_;
  const int64_t last_;
  const LineLimits limits_;
  Builder& b_;
};

Value* Scaled(Value* x, double factor, Builder& b) {
  if (!IsComplex(x->type.dtype)) return b.Multiply(x, b.SplatLike(x, factor));
  Value* real = Scaled(b.Unary(OpCode::kReal, x), factor, b);
  return b.Binary(OpCode::kComplex, real, Scaled(b.Unary(OpCode::kImag, x), factor, b));
}

}  // namespace

StatusOr<Replacement> DecomposeFft(Op& op, RewriteContext& context, const target::DeviceProfile& profile) {
  Builder& b = context.builder;
  Value* x = op.operands[0];
  if (op.type().num_elements() == 0 || x->type.num_elements() == 0) return ReplaceWith(b.Splat(op.type(), 0));
  const auto type = static_cast<ir::FftType>(op.attributes.Int(AttrKey::kFftType));
  if (type == ir::FftType::kRfft) x = b.Convert(x, op.type().dtype);
  x = Transformer(op, profile, b).Transform(x);
  if (type == ir::FftType::kIrfft) x = b.Unary(OpCode::kReal, x);
  if (ir::SignOf(type) > 0) {
    const auto count = static_cast<double>(NumElements(op.attributes.Ints(AttrKey::kFftLength)));
    x = Scaled(x, 1.0 / count, b);
  }
  return ReplaceWith(x);
}

}  // namespace dragoman::passes
