// SPDX-License-Identifier: Apache-2.0
#include "passes/fourier_lines.h"

#include <algorithm>
#include <bit>

#include "ir/fourier.h"
#include "passes/fourier_tables.h"

namespace dragoman::passes {
namespace {

using Complexes = std::vector<std::complex<double>>;

// Without the prime factors that no kernel takes.
int64_t SmoothPart(int64_t n) {
  int64_t smooth = 1;
  for (const int64_t prime : {2, 3, 5, 7, 11, 13}) {
    for (; n % prime == 0; n /= prime) smooth *= prime;
  }
  return smooth;
}

// The smooth divisor up to `max` that is nearest to the root of n from above, or the largest.
int64_t ChooseDivisor(int64_t n, int64_t max) {
  const int64_t smooth = SmoothPart(n);
  int64_t best = LargestDivisor(smooth, max);
  for (int64_t divisor = best; divisor * divisor >= n; --divisor) {
    if (smooth % divisor == 0) best = divisor;
  }
  return best;
}

// Of x's element type.
Value* ConstantLike(Value* x, const Complexes& numbers, Builder& b) {
  std::vector<double> parts;
  for (const auto& number : numbers) parts.insert(parts.end(), {number.real(), number.imag()});
  const auto count = static_cast<int64_t>(numbers.size());
  const ir::Literal pairs = DenseLiteral({RealPart(x->type.dtype), {count, 2}}, parts);
  return b.Constant(ir::Literal({x->type.dtype, {count}}, pairs.Dense()));
}

struct Lines {
  ir::FftType type;
  int64_t length;
  int64_t dimension;
  std::vector<int64_t> order;  // of the result's dimensions
};

Value* MakeFourier(Value* x, const Lines& lines, int most_held, Builder& b) {
  Complexes twists;
  int64_t done = 1;
  for (const int radix : ir::FourierRadices(lines.length, most_held)) {
    for (int64_t j = 1; j < radix; ++j) {
      for (int64_t k = 0; k < done; ++k) twists.push_back(UnitRoot(j * k, done * radix, ir::SignOf(lines.type)));
    }
    done *= radix;
  }
  Attributes attributes;
  attributes.Set(AttrKey::kDimension, lines.dimension);
  attributes.Set(AttrKey::kFftType, static_cast<int64_t>(lines.type));
  attributes.Set(AttrKey::kPermutation, lines.order);
  return b.Make(OpCode::kFourier, {x, ConstantLike(x, twists, b)}, std::move(attributes))->result();
}

class LineBuilder {
 public:
  LineBuilder(const LineLimits& limits, int sign, Builder& builder) : limits_(limits), sign_(sign), b_(builder) {}

  // [outer, n, inner] to the same.
  Value* Transform(Value* x) {
    const Dims dims = x->type.dims;
    return b_.Reshape(Transform(b_.Reshape(x, {dims[0], 1, dims[1], dims[2]}), false), dims);
  }

 private:
  // x [outer, m, n, inner] along n; where `moves`, to [outer, n, m, inner].
  Value* Transform(Value* x, bool moves) {
    const Dims dims = x->type.dims;
    const int64_t n = dims[2];
    const std::vector<int64_t> order = moves ? std::vector<int64_t>{0, 2, 1, 3} : std::vector<int64_t>{0, 1, 2, 3};
    if (n == 1) return b_.Transpose(x, order);
    const int64_t limit = dims[3] == 1 && !moves ? limits_.rows : limits_.columns;
    if (ir::HasFourierRadices(n) && n <= limit) {
      return MakeFourier(x, {sign_ > 0 ? ir::FftType::kIfft : ir::FftType::kFft, n, 2, order}, limits_.most_held, b_);
    }
    const int64_t divisor = ChooseDivisor(n, limits_.columns);
    const Dims lines = {dims[0] * dims[1], n, dims[3]};
    Value* y = b_.Reshape(x, lines);
    y = divisor > 1 ? ByFactors(y, divisor, n / divisor) : ByChirp(y);
    return b_.Transpose(b_.Reshape(y, dims), order);
  }

  // With j = n2 j1 + j2 and k = k1 + n1 k2: over j1, then a twist by j2 k1, then over j2.
  Value* ByFactors(Value* x, int64_t n1, int64_t n2) {
    const Dims dims = x->type.dims;
    Complexes twist;
    for (int64_t k1 = 0; k1 < n1; ++k1) {
      for (int64_t j2 = 0; j2 < n2; ++j2) twist.push_back(UnitRoot(j2 * k1, n1 * n2, sign_));
    }
    Value* y = Transform(b_.Reshape(x, {dims[0], n1, n2 * dims[2]}));  // [outer, k1, j2 inner]
    y = Times(b_.Reshape(y, dims), twist);
    y = Transform(b_.Reshape(y, {dims[0], n1, n2, dims[2]}), true);  // [outer, k2, k1, inner]
    return b_.Reshape(y, dims);
  }

  // j k = (j j + k k - (k - j)^2) / 2.
  Value* ByChirp(Value* x) {
    const Dims dims = x->type.dims;
    const int64_t n = dims[1];
    const auto length = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(2 * n - 1)));
    Complexes chirp;
    Complexes kernel(static_cast<size_t>(length));
    for (int64_t j = 0; j < n; ++j) {
      chirp.push_back(UnitRoot(j * j % (2 * n), 2 * n, sign_));
      kernel[j] = std::conj(chirp.back());
      if (j > 0) kernel[length - j] = kernel[j];
    }
    kernel = passes::Transform(std::move(kernel), -1);
    for (auto& number : kernel) number /= static_cast<double>(length);
    Value* y = b_.Pad(Times(x, chirp), b_.Scalar(x->type.dtype, 0), {0, 0, 0}, {0, length - n, 0});
    y = Times(LineBuilder(limits_, -1, b_).Transform(y), kernel);
    y = LineBuilder(limits_, 1, b_).Transform(y);
    return Times(b_.SliceDim(y, 1, 0, n), chirp);
  }

  // Every line times the same numbers.
  Value* Times(Value* x, const Complexes& numbers) {
    return b_.Multiply(x, b_.Broadcast(ConstantLike(x, numbers, b_), x->type.dims, {1}));
  }

  const LineLimits& limits_;
  const int sign_;
  Builder& b_;
};

}  // namespace

LineLimits LimitsOfLines(DType real, const target::DeviceProfile& profile) {
  const int most_held = ir::MostHeldByTransform(real, profile.unrolling_is_costly);
  // What lower/fourier/line_plan.cc takes: in shared memory with its gaps, by invocations that each hold more than half
  // of the elements that they may.
  const int64_t elements = profile.shared_memory_bytes / SizeBytes(real) / 17 * 16;
  const int64_t rows = std::min<int64_t>(elements, std::min(profile.widest_workgroup(), 1024) * (most_held / 2 + 1));
  // Lines that lie apart are read with their neighbours, but for a CPU.
  const int64_t neighbours = profile.type == target::DeviceType::kCpu ? 1 : 4;
  return {most_held, rows, rows / neighbours};
}

Value* TransformLines(Value* x, int sign, const LineLimits& limits, Builder& builder) {
  return LineBuilder(limits, sign, builder).Transform(x);
}

Value* TransformHalfLines(Value* x, ir::FftType type, int64_t length, const LineLimits& limits, Builder& builder) {
  return MakeFourier(x, {type, length, 1, {0, 1}}, limits.most_held, builder);
}

}  // namespace dragoman::passes
