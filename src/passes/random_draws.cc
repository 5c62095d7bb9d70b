// SPDX-License-Identifier: Apache-2.0
#include "passes/random_draws.h"

#include <cmath>
#include <numbers>

#include "base/format.h"

namespace dragoman::passes {
namespace {

enum class Distribution : int64_t { kUniform = 1, kNormal = 2 };  // as in both encodings

constexpr int64_t kThreefry = 1;

// The words of one draw.
class Bits {
 public:
  Bits(Value* state, Builder& builder) : state_(state), b_(builder) {}

  Value* Words(DType dtype, const Dims& dims) {
    Attributes attributes;
    attributes.Set(AttrKey::kRngAlgorithm, kThreefry);
    const TensorType flat{dtype, {NumElements(dims)}};
    Op* op = b_.MakeTyped(OpCode::kRngBitGenerator, {state_}, {state_->type, flat}, std::move(attributes));
    state_ = op->result(0);
    return b_.Reshape(op->result(1), dims);
  }
  Value* state() const { return state_; }

 private:
  Value* state_;
  Builder& b_;
};

int PrecisionOf(DType dtype) {
  if (dtype == DType::kF64) return 53;
  if (dtype == DType::kF32) return 24;
  return SmallFloat(dtype)->mantissa_bits + 1;
}

// In [0, 1), of f32 or f64, with as many binary digits as `dtype` has: it is exact there too.
Value* UnitInterval(Bits& bits, DType dtype, const Dims& dims, Builder& b) {
  const bool is_double = dtype == DType::kF64;
  const int word_bits = is_double ? 64 : 32, precision = PrecisionOf(dtype);
  Value* words = bits.Words(is_double ? DType::kU64 : DType::kU32, dims);
  Value* digits = b.Binary(OpCode::kShiftRightLogical, words, b.SplatLike(words, word_bits - precision));
  Value* number = b.Convert(digits, is_double ? DType::kF64 : DType::kF32);
  return b.Multiply(number, b.SplatLike(number, std::ldexp(1.0, -precision)));
}

Value* UniformFloats(const Op& rng, Bits& bits, Builder& b) {
  const TensorType& type = rng.type();
  Value* unit = UnitInterval(bits, type.dtype, type.dims, b);
  Value* low = b.Fill(b.Convert(rng.operands[0], unit->type.dtype), type.dims);
  Value* high = b.Fill(b.Convert(rng.operands[1], unit->type.dtype), type.dims);
  Value* value = b.Convert(b.Add(low, b.Multiply(unit, b.Subtract(high, low))), type.dtype);
  // Rounding may reach the end, which is not in the interval.
  Value* first = b.Fill(rng.operands[0], type.dims);
  return b.Select(b.Compare(ComparisonDirection::kLt, value, b.Fill(rng.operands[1], type.dims)), value, first);
}

Value* UniformIntegers(const Op& rng, Bits& bits, Builder& b) {
  const TensorType& type = rng.type();
  const bool is_wide = SizeBytes(type.dtype) == 8, is_signed = IsSigned(type.dtype);
  const DType word = is_wide ? DType::kU64 : DType::kU32;
  const DType same_width = is_wide ? DType::kS64 : DType::kS32;
  const auto as_word = [&](Value* x) {
    if (!is_signed) return b.Convert(x, word);
    return b.Bitcast(b.Convert(x, same_width), {word, x->type.dims});
  };
  Value* low = as_word(rng.operands[0]);
  Value* range = b.Subtract(as_word(rng.operands[1]), low);
  Value* words = bits.Words(word, type.dims);
  Value* offset = b.Binary(OpCode::kRemainder, words, b.Fill(range, type.dims));
  Value* value = b.Add(b.Fill(low, type.dims), offset);
  return b.Convert(is_signed ? b.Bitcast(value, {same_width, type.dims}) : value, type.dtype);
}

Value* NormalFloats(const Op& rng, Bits& bits, Builder& b) {
  const TensorType& type = rng.type();
  const DType computed = type.dtype == DType::kF64 ? DType::kF64 : DType::kF32;
  Value* u = UnitInterval(bits, computed, type.dims, b);
  Value* angle = UnitInterval(bits, computed, type.dims, b);
  angle = b.Multiply(angle, b.SplatLike(angle, 2 * std::numbers::pi));
  Value* log = b.Unary(OpCode::kLog, b.Subtract(b.SplatLike(u, 1), u));  // of (0, 1]
  Value* radius = b.Unary(OpCode::kSqrt, b.Multiply(log, b.SplatLike(log, -2)));
  Value* normal = b.Multiply(radius, b.Unary(OpCode::kCosine, angle));
  Value* mean = b.Fill(b.Convert(rng.operands[0], computed), type.dims);
  Value* deviation = b.Fill(b.Convert(rng.operands[1], computed), type.dims);
  return b.Convert(b.Add(mean, b.Multiply(normal, deviation)), type.dtype);
}

}  // namespace

StatusOr<Draw> WriteDraw(const Op& rng, Value* state, Builder& builder) {
  const auto distribution = static_cast<Distribution>(rng.attributes.Int(AttrKey::kRngDistribution));
  const DType dtype = rng.type().dtype;
  const bool is_uniform = distribution == Distribution::kUniform;
  if (rng.type().num_elements() == 0) return Draw{builder.SplatLike(rng.result(), 0), state};
  Bits bits(state, builder);
  if (is_uniform && IsFloat(dtype)) return Draw{UniformFloats(rng, bits, builder), bits.state()};
  if (is_uniform && IsInteger(dtype)) return Draw{UniformIntegers(rng, bits, builder), bits.state()};
  if (distribution == Distribution::kNormal && IsFloat(dtype))
    return Draw{NormalFloats(rng, bits, builder), bits.state()};
  return Unimplemented(Format("The operation rng of {} with distribution {} is not supported.", rng.type().ToString(),
                              static_cast<int64_t>(distribution)));
}

}  // namespace dragoman::passes
