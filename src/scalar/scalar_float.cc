// SPDX-License-Identifier: Apache-2.0
// Scalar operations on floats. Narrow floats compute in f32 and round to their type after each operation,
// bf16 only where it shows (Operands).
#include <limits>

#include "scalar/float_math.h"
#include "scalar/scalar_emit.h"

namespace dragoman::kernel {
namespace {

// How an operation treats types narrower than f32.
enum class Rounding : uint8_t {
  kExact,   // the result is a value of the type whenever the operands are
  kNative,  // f16 arithmetic rounds correctly; other types are rounded afterwards
  kWide,    // computed in f32 and rounded
};

// Of bf16: whether an operation that smoothly follows its operands takes them as f32, before they were rounded
// (docs/adr/0045). A difference does not: what cancels must be what memory holds. Nor does what jumps.
enum class Operands : uint8_t { kRounded, kUnrounded };

using EmitReal = V (*)(FloatMath& math, std::span<const V> x);

struct FloatRow {
  ScalarOp op;
  EmitReal real;
  Rounding rounding = Rounding::kWide;
  Operands operands = Operands::kRounded;
  EmitScalar whole = nullptr;  // emits everything itself
  bool is_present = false;
};

template <KOp op>
V Unary(FloatMath& math, std::span<const V> x) {
  return math.b().Unary(op, x[0]);
}
template <KOp op>
V Binary(FloatMath& math, std::span<const V> x) {
  return math.b().Binary(op, x[0], x[1]);
}
template <V (FloatMath::*function)(V)>
V Of(FloatMath& math, std::span<const V> x) {
  return (math.*function)(x[0]);
}
template <V (FloatMath::*function)(V, V)>
V Of(FloatMath& math, std::span<const V> x) {
  return (math.*function)(x[0], x[1]);
}
V Exp(FloatMath& math, std::span<const V> x) { return math.Exp(x[0]); }

Scalar FloatCompare(const ScalarCall& call) {
  Builder& b = call.b;
  const ir::Attributes& attributes = *call.context.attributes;
  const auto direction = static_cast<ComparisonDirection>(attributes.Int(ir::AttrKey::kComparisonDirection));
  const auto type = static_cast<ComparisonType>(attributes.IntOr(ir::AttrKey::kCompareType, 0));
  if (type != ComparisonType::kTotalOrder) {
    return {EmitOrdering(b, direction, call.dtype(), call.re(0), call.re(1)), {}};
  }
  const V lhs = WidenFloat(b, call.re(0)), rhs = WidenFloat(b, call.re(1));
  FloatMath math(b, lhs.type);
  return {EmitOrdering(b, direction, DType::kS32, math.TotalOrder(lhs), math.TotalOrder(rhs)), {}};
}

Scalar FloatSelect(const ScalarCall& call) { return {call.b.Select(call.re(0), call.re(1), call.re(2)), {}}; }

Scalar IsFinite(const ScalarCall& call) {
  Builder& b = call.b;
  const V magnitude = b.Unary(KOp::kFAbs, call.re(0));
  return {b.Compare(KOp::kFLt, magnitude, b.Float(magnitude.type, std::numeric_limits<double>::infinity())), {}};
}

Scalar Complex(const ScalarCall& call) { return {call.re(0), call.re(1)}; }
Scalar FloatReal(const ScalarCall& call) { return {call.re(0), {}}; }
Scalar FloatImag(const ScalarCall& call) { return {call.b.Zero(call.re(0).type), {}}; }

V FloatClamp(FloatMath& math, std::span<const V> x) { return math.Minimum(math.Maximum(x[0], x[1]), x[2]); }

constexpr FloatRow Whole(ScalarOp op, EmitScalar emit) {
  return {op, nullptr, Rounding::kExact, Operands::kRounded, emit};
}

constexpr RowsByOp<FloatRow> kFloatRows = ByOp<FloatRow>({
    {ScalarOp::kAbs, Unary<KOp::kFAbs>, Rounding::kExact},
    {ScalarOp::kAdd, Binary<KOp::kFAdd>, Rounding::kNative, Operands::kUnrounded},
    {ScalarOp::kAtan2, Of<&FloatMath::Atan2>},
    {ScalarOp::kCbrt, Of<&FloatMath::Cbrt>, Rounding::kWide, Operands::kUnrounded},
    {ScalarOp::kCeil, Unary<KOp::kCeil>, Rounding::kExact},
    {ScalarOp::kClamp, FloatClamp, Rounding::kExact},
    Whole(ScalarOp::kCompare, FloatCompare),
    Whole(ScalarOp::kComplex, Complex),
    Whole(ScalarOp::kConvert, EmitConvert),
    {ScalarOp::kCosine, Of<&FloatMath::Cos>},
    {ScalarOp::kDivide, Of<&FloatMath::Divide>, Rounding::kWide, Operands::kUnrounded},
    {ScalarOp::kExponential, Exp, Rounding::kWide, Operands::kUnrounded},
    {ScalarOp::kExponentialMinusOne, Of<&FloatMath::Expm1>, Rounding::kWide, Operands::kUnrounded},
    {ScalarOp::kFloor, Unary<KOp::kFloor>, Rounding::kExact},
    Whole(ScalarOp::kImag, FloatImag),
    Whole(ScalarOp::kIsFinite, IsFinite),
    {ScalarOp::kLog, Of<&FloatMath::Log>, Rounding::kWide, Operands::kUnrounded},
    {ScalarOp::kLogPlusOne, Of<&FloatMath::Log1p>, Rounding::kWide, Operands::kUnrounded},
    {ScalarOp::kLogistic, Of<&FloatMath::Logistic>, Rounding::kWide, Operands::kUnrounded},
    {ScalarOp::kMaximum, Of<&FloatMath::Maximum>, Rounding::kExact},
    {ScalarOp::kMinimum, Of<&FloatMath::Minimum>, Rounding::kExact},
    {ScalarOp::kMultiply, Binary<KOp::kFMul>, Rounding::kNative, Operands::kUnrounded},
    {ScalarOp::kNegate, Unary<KOp::kFNeg>, Rounding::kExact},
    {ScalarOp::kPower, Of<&FloatMath::Power>},
    Whole(ScalarOp::kReal, FloatReal),
    Whole(ScalarOp::kReducePrecision, EmitReducePrecision),
    {ScalarOp::kRemainder, Of<&FloatMath::Remainder>},
    {ScalarOp::kRoundNearestAfz, Of<&FloatMath::RoundHalfAway>},
    {ScalarOp::kRoundNearestEven, Unary<KOp::kRoundEven>, Rounding::kExact},
    {ScalarOp::kRsqrt, Of<&FloatMath::Rsqrt>, Rounding::kWide, Operands::kUnrounded},
    Whole(ScalarOp::kSelect, FloatSelect),
    {ScalarOp::kSign, Of<&FloatMath::Sign>, Rounding::kExact},
    {ScalarOp::kSine, Of<&FloatMath::Sin>},
    {ScalarOp::kSqrt, Of<&FloatMath::Sqrt>, Rounding::kWide, Operands::kUnrounded},
    {ScalarOp::kSubtract, Binary<KOp::kFSub>, Rounding::kNative},
    {ScalarOp::kTan, Of<&FloatMath::Tan>},
    {ScalarOp::kTanh, Of<&FloatMath::Tanh>, Rounding::kWide, Operands::kUnrounded},
    {ScalarOp::kErf, Of<&FloatMath::Erf>, Rounding::kWide, Operands::kUnrounded},
    {ScalarOp::kErfc, Of<&FloatMath::Erfc>, Rounding::kWide, Operands::kUnrounded},
});
static_assert(Covers(kFloatRows, kOnFloat), "A scalar op on floats has no row.");

Scalar EmitFloat(const ScalarCall& call) {
  const FloatRow& row = kFloatRows[static_cast<int>(call.op)];
  Builder& b = call.b;
  const bool is_half = call.re(0).type == KType::kF16;
  const bool stays_half = is_half && row.rounding != Rounding::kWide;
  std::vector<V> operands;
  for (const Scalar& x : call.x) operands.push_back(stays_half ? x.re : WidenFloat(b, x.re));
  if (call.dtype() == DType::kBF16 && row.operands == Operands::kUnrounded) {
    for (V& operand : operands) operand = b.BeforeRounding(operand);
  }
  FloatMath math(b, operands[0].type);
  const V result = row.real(math, operands);
  if (stays_half || row.rounding == Rounding::kExact) return {result, {}};
  return {NarrowFloat(b, result, call.dtype()), {}};
}

}  // namespace

EmitScalar FloatEmitter(ScalarOp op) {
  const FloatRow& row = kFloatRows[static_cast<int>(op)];
  if (row.whole != nullptr) return row.whole;
  return row.real != nullptr ? EmitFloat : nullptr;
}

}  // namespace dragoman::kernel
