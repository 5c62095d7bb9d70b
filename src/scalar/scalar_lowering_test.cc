// SPDX-License-Identifier: Apache-2.0
// Every scalar operation on every element type against the evaluator, over random and special values.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "base/arithmetic.h"
#include "base/format.h"
#include "kernel/drop_unused.h"
#include "reference/evaluator.h"
#include "scalar/scalar_testing.h"

namespace dragoman::kernel {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

constexpr DType kTypes[] = {
#define X(name, text, bits, bytes, kind) DType::name,
    DRAGOMAN_DTYPES(X)
#undef X
};

std::vector<double> Samples(DType dtype, int count, std::mt19937& random) {
  std::vector<double> values;
  if (IsPred(dtype)) {
    for (int i = 0; i < count; ++i) values.push_back(static_cast<double>(random() & 1));
    return values;
  }
  if (IsInteger(dtype)) {
    const int bits = std::min(Info(dtype).bits, 52);
    const double low = IsSigned(dtype) ? -std::ldexp(1.0, bits - 1) : 0,
                 high = std::ldexp(1.0, IsSigned(dtype) ? bits - 1 : bits) - 1;
    for (const double special : {0.0, 1.0, -1.0, 2.0, low, high, 31.0, 32.0, 7.0}) {
      if (special >= low && special <= high) values.push_back(special);
    }
    std::uniform_real_distribution<double> any(low, high), small(std::max(low, -9.0), std::min(high, 9.0));
    while (static_cast<int>(values.size()) < count)
      values.push_back(std::floor(random() % 2 == 0 ? any(random) : small(random)));
    return values;
  }
  values = {0.0,   -0.0, 1.0,  -1.0, 0.5,  -0.5,  1.5,  2.5,   -2.5, kInf,
            -kInf, kNan, 1e-3, 3.0,  -7.0, 100.0, 1e30, 2e-38, 6e4};
  std::uniform_real_distribution<double> middle(-8, 8), wide(-100, 100);
  while (static_cast<int>(values.size()) < count) values.push_back(random() % 3 == 0 ? wide(random) : middle(random));
  return values;
}

// How far a result may be from the evaluator's, in units of the result type's last place.
double AllowedUnits(ScalarOp op) {
  switch (op) {
    case ScalarOp::kAtan2:
    case ScalarOp::kCbrt:
    case ScalarOp::kRsqrt:
    case ScalarOp::kExponential:
    case ScalarOp::kExponentialMinusOne:
    case ScalarOp::kLog:
    case ScalarOp::kLogPlusOne:
    case ScalarOp::kPower:
      return 2;
    case ScalarOp::kCosine:
    case ScalarOp::kSine:
    case ScalarOp::kLogistic:
      return 3;
    case ScalarOp::kTan:
    case ScalarOp::kTanh:
    case ScalarOp::kErfc:
      return 5;
    case ScalarOp::kErf:
      return 6;
    default:
      return 0;
  }
}

int MantissaBits(DType dtype) {
  if (dtype == DType::kF64) return 52;
  return dtype == DType::kF32 ? 23 : SmallFloat(dtype)->mantissa_bits;
}

struct ScalarCase {
  ScalarOp op;
  DType dtype;
  DType result;
  ir::Attributes attributes;
};

DType ScalarResultOf(ScalarOp op, DType dtype) {
  switch (Info(op).result) {
    case ScalarResult::kSame:
    case ScalarResult::kBranch:
    case ScalarResult::kDeclared:
      return dtype;
    case ScalarResult::kPred:
      return DType::kPred;
    case ScalarResult::kReal:
      return RealPart(dtype);
    case ScalarResult::kComplex:
      return dtype == DType::kF64 ? DType::kC128 : DType::kC64;
  }
  return dtype;
}

struct Outcome {
  std::vector<double> actual, expected;
  std::vector<std::vector<double>> operands;
};

// Real operand types only.
Outcome RunCase(const ScalarCase& test, int count, const target::DeviceProfile& profile) {
  std::mt19937 random(11);
  const int arity = Info(test.op).arity;
  std::vector<DType> types(arity, test.dtype);
  if (test.op == ScalarOp::kSelect) types[0] = DType::kPred;
  Outcome outcome;
  ir::Block block;
  std::vector<ir::Value*> arguments;
  std::vector<ir::Literal> literals;
  for (int i = 0; i < arity; ++i) {
    std::vector<double> values = Samples(types[i], count, random);
    if (i > 0) std::shuffle(values.begin(), values.end(), random);
    const TensorType type{types[i], {count}};
    arguments.push_back(block.AddArgument(type));
    literals.emplace_back(type, EncodeReals(types[i], values));
    outcome.operands.push_back(DecodeReals(types[i], literals.back().bytes()));
  }
  const TensorType result_type{test.result, {count}};
  ir::Op* op = block.Append(ir::FromScalarOp(test.op), arguments, {result_type}, test.attributes);
  const auto expected = reference::EvaluateOp(*op, literals);
  EXPECT_TRUE(expected.ok()) << expected.status().message();
  if (!expected.ok()) return outcome;
  std::vector<std::vector<std::byte>> bytes;
  for (const ir::Literal& literal : literals) bytes.push_back(literal.bytes());
  outcome.actual = DecodeReals(RealPart(test.result),
                               RunScalarBytes({test.op, types, test.result, test.attributes}, bytes, profile));
  outcome.expected = DecodeReals(RealPart(test.result), (*expected)[0].Dense());
  return outcome;
}

bool IsClose(const ScalarCase& test, double actual, double expected) {
  const bool has_period = test.op == ScalarOp::kSine || test.op == ScalarOp::kCosine || test.op == ScalarOp::kTan;
  if (has_period && test.dtype == DType::kF64 && std::isnan(actual)) return true;  // beyond 2^50
  // What is 0 below the smallest normal number is none of a type without zero.
  const bool is_lost = test.result == DType::kF8E8M0FNU && AllowedUnits(test.op) > 0 && expected < 0x1p-126;
  if (is_lost && std::isnan(actual)) return true;
  if (std::isnan(expected) || std::isnan(actual)) return std::isnan(expected) && std::isnan(actual);
  if (actual == expected)
    return expected != 0 || Info(test.op).arity > 1 || std::signbit(actual) == std::signbit(expected);
  const double units = AllowedUnits(test.op);
  if (!IsFloat(test.result)) return false;
  const double unit = std::ldexp(1.0, std::ilogb(expected) - MantissaBits(test.result));
  const double smallest_normal = test.result == DType::kF64 ? 0x1p-1022 : 0x1p-126;
  // Narrow types: the f32 result is rounded once more.
  const bool is_narrow = SizeBytes(test.result) < 4;
  const double allowed = is_narrow ? (units > 0 ? unit : 0) : units * unit;
  if (units > 0 && std::fabs(actual - expected) <= smallest_normal) return true;
  return std::fabs(actual - expected) <= allowed;
}

void CheckScalar(const ScalarCase& test, const target::DeviceProfile& profile) {
  const Outcome outcome = RunCase(test, 200, profile);
  int failures = 0;
  for (size_t i = 0; i < outcome.expected.size() && failures < 3; ++i) {
    if (IsClose(test, outcome.actual[i], outcome.expected[i])) continue;
    ++failures;
    std::string text = Format("{} on {} of", Info(test.op).name, Name(test.dtype));
    for (const auto& operand : outcome.operands) text += Format(" {}", operand[i]);
    ADD_FAILURE() << text << Format(" is {}, expected {}", outcome.actual[i], outcome.expected[i]);
  }
}

bool IsTestable(ScalarOp op) {
  return op != ScalarOp::kConvert && op != ScalarOp::kCompare && op != ScalarOp::kReducePrecision &&
         op != ScalarOp::kComplex && op != ScalarOp::kImag && op != ScalarOp::kReal;
}

TEST(ScalarLowering, EveryOperationOnEveryRealTypeAgreesWithTheEvaluator) {
  target::DeviceProfile without_half = TestProfile();
  without_half.float16 = false;
  without_half.type = target::DeviceType::kDiscreteGpu;
  for (const auto& profile : {TestProfile(), without_half}) {
    for (int i = 0; i < kNumScalarOps; ++i) {
      const auto op = static_cast<ScalarOp>(i);
      if (!IsTestable(op)) continue;
      for (const DType dtype : kTypes) {
        if (IsComplex(dtype) || (Info(op).domain & DomainOf(dtype)) == 0) continue;
        CheckScalar({op, dtype, ScalarResultOf(op, dtype), {}}, profile);
      }
    }
  }
}

// Of (x * x) op (x * x), how often it rounds: the result, and the operands where the operation takes them rounded.
int RoundingsOf(ScalarOp op, DType dtype) {
  const target::DeviceProfile profile = TestProfile();
  Builder b(profile);
  const int in = b.AddBuffer({dtype, true, false}), out = b.AddBuffer({dtype, false, true});
  const V index = b.LocalIndex();
  const Scalar x{b.Load(in, index), {}};
  const auto emit = [&](ScalarOp each, std::vector<Scalar> operands) {
    operands.resize(static_cast<size_t>(Info(each).arity));
    return *EmitScalarOp(b, each, {dtype, dtype, nullptr}, operands);
  };
  const Scalar square = emit(ScalarOp::kMultiply, {x, x});
  b.Store(out, index, emit(op, {square, square}).re);
  Kernel kernel = std::move(b).Finish(64);
  DropUnused(kernel);
  return static_cast<int>(std::ranges::count(kernel.body.body, KOp::kRoundBF16, &Instruction::op));
}

TEST(ScalarLowering, RoundsBF16WhereAnOperationWouldShowIt) {
  for (const ScalarOp op : {ScalarOp::kAdd, ScalarOp::kMultiply, ScalarOp::kDivide, ScalarOp::kTanh, ScalarOp::kErfc}) {
    EXPECT_EQ(RoundingsOf(op, DType::kBF16), 1) << Info(op).name;
  }
  for (const ScalarOp op : {ScalarOp::kSubtract, ScalarOp::kPower, ScalarOp::kSine, ScalarOp::kRemainder}) {
    EXPECT_EQ(RoundingsOf(op, DType::kBF16), 2) << Info(op).name;
  }
  EXPECT_EQ(RoundingsOf(ScalarOp::kFloor, DType::kBF16), 1);
  EXPECT_EQ(RoundingsOf(ScalarOp::kMaximum, DType::kBF16), 1);
}

TEST(ScalarLowering, ComparesInEveryDirectionAndOrder) {
  for (const DType dtype : kTypes) {
    if (IsComplex(dtype) || IsToken(dtype)) continue;
    for (int direction = 0; direction < 6; ++direction) {
      for (const int type : {1, 2}) {
        if (type == 2 && !IsFloat(dtype)) continue;
        // The narrow formats order NaN after widening, as f32 does.
        if (type == 2 && SizeBytes(dtype) == 1) continue;
        ir::Attributes attributes;
        attributes.Set(ir::AttrKey::kComparisonDirection, int64_t{direction});
        attributes.Set(ir::AttrKey::kCompareType, int64_t{type});
        CheckScalar({ScalarOp::kCompare, dtype, DType::kPred, attributes}, TestProfile());
      }
    }
  }
}

TEST(ScalarLowering, ConvertsBetweenAllTypes) {
  for (const DType from : kTypes) {
    for (const DType to : kTypes) {
      if (IsComplex(from) || IsComplex(to) || IsToken(from) || IsToken(to)) continue;
      // Integers go by way of f32, as on JAX's CPU backend: a double rounding may show.
      if (IsFloat(to) && SizeBytes(to) < 4 && IsInteger(from) && SizeBytes(from) >= 4) continue;
      CheckScalar({ScalarOp::kConvert, from, to, {}}, TestProfile());
    }
  }
}

// Through a narrow type and back without memory in between.
float ThereAndBack(DType narrow, DType from, double x) {
  const target::DeviceProfile profile = TestProfile();
  Builder b(profile);
  const int in = b.AddBuffer({from, true, false}), out = b.AddBuffer({DType::kF32, false, true});
  const ScalarOpContext there{from, narrow}, back{narrow, DType::kF32};
  b.If(b.IEq(b.LocalIndex(), b.I32(0)), [&] {
    const Scalar loaded[] = {{b.Load(in, b.I32(0)), {}}};
    const Scalar rounded[] = {*EmitScalarOp(b, ScalarOp::kConvert, there, loaded)};
    b.Store(out, b.I32(0), EmitScalarOp(b, ScalarOp::kConvert, back, rounded)->re);
  });
  std::vector<std::byte> input = EncodeReals(from, {x}), output(4);
  std::vector<std::byte>* const buffers[] = {&input, &output};
  EXPECT_TRUE(Interpret(std::move(b).Finish(64), buffers, {}, 1).ok());
  return static_cast<float>(DecodeReals(DType::kF32, output)[0]);
}

float Rounded(DType narrow, float x) { return static_cast<float>(DecodeReals(narrow, EncodeReals(narrow, {x}))[0]); }

TEST(ScalarLowering, AConversionRoundsHugeValuesToo) {
  for (const float x : {3e38f, -3e38f, 3.4e38f, 1.5e33f, 1e-3f, -0.0f, INFINITY}) {
    EXPECT_EQ(ThereAndBack(DType::kBF16, DType::kF32, x), Rounded(DType::kBF16, x)) << x;
  }
}

// Half of the values nearest to a tie would go to the wrong side if f32 made ties of them.
TEST(ScalarLowering, RoundsF64OnceToWhatIsNarrow) {
  const struct {
    DType dtype;
    int mantissa_bits;
  } rows[] = {{DType::kF16, 10}, {DType::kBF16, 7}, {DType::kF8E5M2, 2}, {DType::kF8E4M3FN, 3}};
  for (const auto& row : rows) {
    const double ulp = std::ldexp(1.0, -row.mantissa_bits);
    for (const double sign : {1.0, -1.0}) {
      EXPECT_EQ(ThereAndBack(row.dtype, DType::kF64, sign * (1 + 0.5 * ulp + 0x1p-50)), sign * (1 + ulp))
          << Name(row.dtype);
      EXPECT_EQ(ThereAndBack(row.dtype, DType::kF64, sign * (1 + 1.5 * ulp - 0x1p-50)), sign * (1 + ulp))
          << Name(row.dtype);
      EXPECT_EQ(ThereAndBack(row.dtype, DType::kF64, sign * (1 + 0.5 * ulp)), sign) << Name(row.dtype);
    }
  }
  EXPECT_EQ(ThereAndBack(DType::kF16, DType::kF64, -1e300), -INFINITY);
  EXPECT_TRUE(std::isnan(ThereAndBack(DType::kF16, DType::kF64, kNan)));
}

// As XLA has it: ties go up, and what the type lacks (zero, signs, infinity) is NaN.
TEST(ScalarLowering, RoundsToPowersOfTwo) {
  const struct {
    float x;
    double expected;
  } rows[] = {
      {1, 1},
      {1.4999f, 1},
      {1.5f, 2},
      {3, 4},
      {2.99f, 2},
      {6, 8},
      {0.75f, 1},
      {0x1p-126f, 0x1p-126},
      {0x1p-127f, 0x1p-127},
      {0x1p-149f, 0x1p-127},
      {0x1.4p-127f, 0x1p-127},
      {0x1.8p-127f, 0x1p-126},
      {0x1.7ffffep127f, 0x1p127},
      {0x1.8p127f, kNan},
      {3.4e38f, kNan},
      {INFINITY, kNan},
      {0, kNan},
      {-0.0f, kNan},
      {-1, kNan},
      {-0x1p-149f, kNan},
      {NAN, kNan},
  };
  for (const auto& row : rows) {
    const double actual = RunScalar({ScalarOp::kConvert, {DType::kF32}, DType::kF8E8M0FNU, {}}, {{row.x}})[0];
    EXPECT_TRUE(actual == row.expected || (std::isnan(actual) && std::isnan(row.expected))) << row.x << ": " << actual;
    const float back = ThereAndBack(DType::kF8E8M0FNU, DType::kF32, row.x);
    EXPECT_TRUE(back == row.expected || (std::isnan(back) && std::isnan(row.expected))) << row.x << ": " << back;
  }
}

// Below a power of two the last place is half of what it is above.
TEST(ScalarLowering, RoundsWhatLiesBesidePowersOfTwo) {
  for (const DType dtype :
       {DType::kBF16, DType::kF16, DType::kF8E4M3FN, DType::kF8E5M2, DType::kF8E3M4, DType::kF6E2M3FN}) {
    for (const float power : {0.5f, 1.0f, 2.0f, 4.0f}) {
      const auto word = std::bit_cast<uint32_t>(power);
      for (const int32_t away :
           {-0x8001, -0x8000, -129, -128, -127, -3, -2, -1, 1, 2, 3, 127, 0x7fff, 0x8000, 0x8001}) {
        const auto x = std::bit_cast<float>(word + static_cast<uint32_t>(away));
        EXPECT_EQ(ThereAndBack(dtype, DType::kF32, x), Rounded(dtype, x)) << Name(dtype) << " of " << x;
        EXPECT_EQ(ThereAndBack(dtype, DType::kF32, -x), Rounded(dtype, -x)) << Name(dtype) << " of " << -x;
      }
    }
  }
}

TEST(ScalarLowering, KnowsThatF8E8M0FNUHasPowersOfTwoAlone) {
  const float least = 0x1p-127f;
  for (const float x :
       {0.0f,        -0.0f, -1.0f, 0x1p-149f, -0x1p-149f, 0x1p-130f, least,      1.4f * least, 1.5f * least, 0x1p-126f,
        0x1.8p-126f, 0.07f, 1.0f,  1.5f,      300.0f,     0x1p127f,  0x1.7p127f, 0x1.8p127f,   INFINITY,     NAN}) {
    const float rounded = ThereAndBack(DType::kF8E8M0FNU, DType::kF32, x), expected = Rounded(DType::kF8E8M0FNU, x);
    EXPECT_TRUE(rounded == expected || (std::isnan(rounded) && std::isnan(expected))) << x << ": " << rounded;
  }
}

TEST(ScalarLowering, RoundsIntegersToF16) {
  for (const float x :
       {0.f, 2047.f, 2049.f, 2051.f, 4095.f, 8191.f, 32767.f, 65503.f, 65504.f, 65519.f, 65520.f, 65535.f, 1e6f}) {
    for (const float signed_x : {x, -x}) {
      EXPECT_EQ(ThereAndBack(DType::kF16, DType::kS32, signed_x), Rounded(DType::kF16, signed_x)) << signed_x;
    }
  }
}

TEST(ScalarLowering, ReducesPrecision) {
  for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
    for (const auto& [exponent, mantissa] : {std::pair(5, 10), {8, 7}, {5, 2}, {4, 3}, {8, 23}}) {
      if (dtype == DType::kF16 && exponent > 5) continue;
      ir::Attributes attributes;
      attributes.Set(ir::AttrKey::kExponentBits, int64_t{exponent});
      attributes.Set(ir::AttrKey::kMantissaBits, int64_t{mantissa});
      CheckScalar({ScalarOp::kReducePrecision, dtype, dtype, attributes}, TestProfile());
    }
  }
}

}  // namespace
}  // namespace dragoman::kernel
