// SPDX-License-Identifier: Apache-2.0
#include "kernel/builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "kernel/interpreter.h"

namespace dragoman::kernel {
namespace {

class BuilderTest : public testing::Test {
 protected:
  target::DeviceProfile profile;
  Builder b{profile};

  // Instructions of the outermost region with this op.
  static int Count(const Kernel& kernel, KOp op) {
    int count = 0;
    for (const Instruction& instruction : kernel.body.body) count += instruction.op == op ? 1 : 0;
    return count;
  }
};

TEST_F(BuilderTest, FoldsIntegerConstants) {
  EXPECT_EQ(b.ConstantInt(b.IMul(b.IAdd(b.I32(3), b.I32(4)), b.I32(-2))), -14);
  EXPECT_EQ(b.ConstantInt(b.Binary(KOp::kShrU, b.I32(-1), b.I32(28))), 15);
  EXPECT_EQ(b.ConstantInt(b.Binary(KOp::kUMulHigh, b.I32(-1), b.I32(2))), 1);
  EXPECT_EQ(b.ConstantInt(b.ULt(b.I32(1), b.I32(-1))), 1);
  EXPECT_EQ(b.ConstantInt(b.SLt(b.I32(1), b.I32(-1))), 0);
  EXPECT_EQ(b.ConstantInt(b.Convert(KOp::kSExt, b.I32(-5), KType::kI64)), -5);
  EXPECT_EQ(b.ConstantInt(b.IAdd(b.I32(INT32_MAX), b.I32(1))), INT32_MIN);
}

TEST_F(BuilderTest, ComparisonsWithNanAreFalseWhateverTheRangeOfTheOther) {
  const V nan = b.F32(std::numeric_limits<float>::quiet_NaN());
  const V infinity = b.F32(std::numeric_limits<float>::infinity()), least = b.Unary(KOp::kFNeg, infinity);
  const V magnitude = b.Unary(KOp::kFAbs, b.Bitcast(b.LocalIndex(), KType::kF32));
  EXPECT_EQ(b.ConstantInt(b.Compare(KOp::kFLe, nan, infinity)), 0);
  EXPECT_EQ(b.ConstantInt(b.Compare(KOp::kFLe, least, nan)), 0);
  EXPECT_NE(b.ConstantInt(b.Compare(KOp::kFLe, nan, nan)), 1);
  EXPECT_NE(b.ConstantInt(b.Compare(KOp::kFLe, nan, magnitude)), 1);
}

TEST_F(BuilderTest, ComparisonsThatRangesDecideAskForNanAlone) {
  const V x = b.Bitcast(b.LocalIndex(), KType::kF32), zero = b.F32(0);
  const V magnitude = b.Unary(KOp::kFAbs, x), square = b.FMul(x, x), below = b.Unary(KOp::kFNeg, magnitude);
  const V is_number = b.Compare(KOp::kFEq, magnitude, magnitude);
  EXPECT_EQ(b.Compare(KOp::kFLe, zero, magnitude).id, is_number.id);
  EXPECT_EQ(b.Compare(KOp::kFLt, b.F32(-1), magnitude).id, is_number.id);
  EXPECT_EQ(b.Compare(KOp::kFLe, zero, square).id, b.Compare(KOp::kFEq, square, square).id);
  EXPECT_EQ(b.Compare(KOp::kFLe, below, b.F32(88)).id, b.Compare(KOp::kFEq, below, below).id);
  EXPECT_EQ(b.ConstantInt(b.Compare(KOp::kFLt, magnitude, zero)), 0);
  EXPECT_EQ(b.ConstantInt(b.Compare(KOp::kFLe, magnitude, b.F32(-1))), 0);
  const V either = b.Select(b.Compare(KOp::kFLt, x, zero), magnitude, b.F32(3));
  EXPECT_EQ(b.Compare(KOp::kFLe, zero, either).id, b.Compare(KOp::kFEq, either, either).id);
  const V bounded = b.Bounded(b.Bitcast(b.WorkgroupIndex(), KType::kF32), {-1, 1});
  EXPECT_EQ(b.Compare(KOp::kFLt, bounded, b.F32(2)).id, b.Compare(KOp::kFEq, bounded, bounded).id);
  // What depends on the number stays: a zero is not above zero.
  const Kernel kernel = [&] {
    b.Compare(KOp::kFLt, zero, magnitude);
    b.Compare(KOp::kFLe, bounded, b.F32(0.5f));
    b.Compare(KOp::kFLe, x, zero);
    return std::move(b).Finish(64);
  }();
  EXPECT_EQ(Count(kernel, KOp::kFLt), 2);  // and that of the select
  EXPECT_EQ(Count(kernel, KOp::kFLe), 2);
}

TEST_F(BuilderTest, DropsOperationsWithoutEffect) {
  const V x = b.LocalIndex();
  EXPECT_EQ(b.IAdd(x, b.I32(0)).id, x.id);
  EXPECT_EQ(b.IMul(b.I32(1), x).id, x.id);
  EXPECT_EQ(b.ConstantInt(b.IMul(x, b.I32(0))), 0);
  EXPECT_EQ(b.UDiv(x, b.I32(1)).id, x.id);
  EXPECT_EQ(b.ConstantInt(b.URem(x, b.I32(1))), 0);
  EXPECT_EQ(b.ConstantInt(b.ISub(x, x)), 0);
  EXPECT_EQ(b.And(x, b.I32(-1)).id, x.id);
  EXPECT_EQ(b.Select(b.Bool(false), b.I32(7), x).id, x.id);
  EXPECT_EQ(b.And(b.ULt(x, b.I32(4)), b.Bool(true)).id, b.ULt(x, b.I32(4)).id);
}

// Every comparison, minimum and maximum of a 32-bit value extended to 64 bits with a constant, on both sides.
class WidenedTest : public testing::TestWithParam<KOp> {
 protected:
  static constexpr int32_t kValues[] = {0, 1, 2, -1, -2, 100, INT32_MAX, INT32_MIN, INT32_MIN + 1};
  static constexpr int64_t kConstants[] = {0,
                                           1,
                                           -4,
                                           INT32_MAX,
                                           INT32_MIN,
                                           1ll << 31,
                                           UINT32_MAX,
                                           1ll << 32,
                                           INT32_MIN - 1ll,
                                           1ll << 40,
                                           -(1ll << 40),
                                           INT64_MAX,
                                           INT64_MIN};

  static int64_t Expected(KOp op, int64_t a, int64_t b) {
    const uint64_t ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
    switch (op) {
      case KOp::kIEq:
        return a == b;
      case KOp::kINe:
        return a != b;
      case KOp::kSLt:
        return a < b;
      case KOp::kSLe:
        return a <= b;
      case KOp::kULt:
        return ua < ub;
      case KOp::kULe:
        return ua <= ub;
      case KOp::kSMin:
        return std::min(a, b);
      case KOp::kSMax:
        return std::max(a, b);
      case KOp::kUMin:
        return static_cast<int64_t>(std::min(ua, ub));
      default:
        return static_cast<int64_t>(std::max(ua, ub));
    }
  }

  // out[0] = op(extension(in[0]), constant), or with the operands changed over.
  static Kernel Make(KOp op, KOp extension, int64_t constant, bool is_reversed) {
    const target::DeviceProfile profile;
    Builder b(profile);
    const int in = b.AddBuffer({.memory = DType::kS32, .is_read = true});
    const int out = b.AddBuffer({.memory = DType::kS64, .is_written = true});
    const V x = b.Convert(extension, b.Load(in, b.I32(0)), KType::kI64);
    const V c = b.I64(constant);
    const bool is_compare = op < KOp::kSMin || op > KOp::kUMax;
    const V operands[] = {is_reversed ? c : x, is_reversed ? x : c};
    V result = b.Emit(op, operands, is_compare ? KType::kBool : KType::kI64);
    if (is_compare) result = b.Select(result, b.I64(1), b.I64(0));
    b.Store(out, b.I32(0), result);
    return std::move(b).Finish(1);
  }

  static bool ComparesWideSigned(const Kernel& kernel) {
    for (const Instruction& inst : kernel.body.body) {
      const bool is_signed =
          inst.op == KOp::kSLt || inst.op == KOp::kSLe || inst.op == KOp::kSMin || inst.op == KOp::kSMax;
      if (is_signed && kernel.value_types[inst.operands[0]] == KType::kI64) return true;
    }
    return false;
  }
};

TEST_P(WidenedTest, TakesTheValueItHadIn64Bits) {
  for (const KOp extension : {KOp::kSExt, KOp::kZExt}) {
    for (const int64_t constant : kConstants) {
      for (const bool is_reversed : {false, true}) {
        const Kernel kernel = Make(GetParam(), extension, constant, is_reversed);
        EXPECT_FALSE(ComparesWideSigned(kernel)) << Print(kernel);
        for (const int32_t value : kValues) {
          std::vector<std::byte> in(16), out(16);
          std::memcpy(in.data(), &value, sizeof(value));
          std::vector<std::byte>* buffers[] = {&in, &out};
          ASSERT_TRUE(Interpret(kernel, buffers, {}, 1).ok()) << Print(kernel);
          int64_t actual = 0;
          std::memcpy(&actual, out.data(), sizeof(actual));
          const int64_t x = extension == KOp::kSExt ? int64_t{value} : int64_t{static_cast<uint32_t>(value)};
          EXPECT_EQ(actual, is_reversed ? Expected(GetParam(), constant, x) : Expected(GetParam(), x, constant))
              << value << " and " << constant << "\n"
              << Print(kernel);
        }
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Ops, WidenedTest,
                         testing::Values(KOp::kIEq, KOp::kINe, KOp::kSLt, KOp::kSLe, KOp::kULt, KOp::kULe, KOp::kSMin,
                                         KOp::kSMax, KOp::kUMin, KOp::kUMax),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST_F(BuilderTest, ComparesTwoWidenedValuesBeforeTheyAre) {
  const V x = b.LocalIndex(), y = b.WorkgroupIndex();
  const auto widen = [&](KOp op, V v) { return b.Convert(op, v, KType::kI64); };
  EXPECT_EQ(b.SLt(widen(KOp::kSExt, x), widen(KOp::kSExt, y)).id, b.SLt(x, y).id);
  EXPECT_EQ(b.SLt(widen(KOp::kZExt, x), widen(KOp::kZExt, y)).id, b.ULt(x, y).id);
  EXPECT_EQ(b.SMax(widen(KOp::kZExt, x), widen(KOp::kZExt, y)).id, widen(KOp::kZExt, b.Binary(KOp::kUMax, x, y)).id);
  EXPECT_EQ(b.Convert(KOp::kTruncI, widen(KOp::kSExt, x), KType::kI32).id, x.id);
  EXPECT_EQ(b.Convert(KOp::kSToF, widen(KOp::kZExt, x), KType::kF32).id, b.Convert(KOp::kUToF, x, KType::kF32).id);
  // Of different extensions the order is not that of the 32 bits.
  EXPECT_NE(b.SLt(widen(KOp::kSExt, x), widen(KOp::kZExt, y)).id, b.SLt(x, y).id);
}

TEST_F(BuilderTest, KnowsWhatWasThereBeforeRounding) {
  const V x = b.Bitcast(b.LocalIndex(), KType::kF32);
  const V rounded = b.Convert(KOp::kRoundBF16, x, KType::kF32);
  EXPECT_EQ(b.BeforeRounding(x).id, x.id);
  EXPECT_EQ(b.BeforeRounding(rounded).id, x.id);
  const V magnitude = b.Unary(KOp::kFAbs, b.Unary(KOp::kFNeg, rounded));
  EXPECT_EQ(b.BeforeRounding(magnitude).id, b.Unary(KOp::kFAbs, b.Unary(KOp::kFNeg, x)).id);
  EXPECT_EQ(b.BeforeRounding(b.FAdd(rounded, rounded)).id, b.FAdd(rounded, rounded).id);
}

TEST_F(BuilderTest, KeepsFloatZeroAndInfinityArithmetic) {
  const V x = b.F32(-0.0f);
  EXPECT_NE(b.FAdd(x, b.F32(0)).id, x.id);
}

TEST_F(BuilderTest, SharesEqualInstructionsWhereTheFirstIsVisible) {
  const V x = b.LocalIndex();
  const V first = b.IAdd(x, b.I32(5));
  EXPECT_EQ(b.IAdd(b.I32(5), x).id, first.id);
  V inner, other;
  b.If(b.ULt(x, b.I32(3)), [&] {
    EXPECT_EQ(b.IAdd(x, b.I32(5)).id, first.id);
    inner = b.IAdd(x, b.I32(6));
  });
  b.If(b.ULt(x, b.I32(9)), [&] { other = b.IAdd(x, b.I32(6)); });
  EXPECT_NE(inner.id, other.id);
  const Kernel kernel = std::move(b).Finish(64);
  EXPECT_TRUE(Verify(kernel).ok()) << Verify(kernel).message();
  EXPECT_EQ(Count(kernel, KOp::kIAdd), 1);
}

TEST_F(BuilderTest, TakesBranchesAndLoopsOfConstantsApart) {
  int built = 0;
  b.If(b.Bool(false), [&] { ++built; });
  EXPECT_EQ(built, 0);
  const auto none = b.For(b.I32(3), b.I32(3), b.I32(1), {b.I32(1)}, [&](V, std::span<const V> c) {
    ++built;
    return std::vector<V>(c.begin(), c.end());
  });
  EXPECT_EQ(built, 0);
  EXPECT_EQ(b.ConstantInt(none[0]), 1);
  const auto once = b.For(b.I32(3), b.I32(5), b.I32(2), {b.I32(1)},
                          [&](V i, std::span<const V> c) { return std::vector<V>{b.IAdd(i, c[0])}; });
  EXPECT_EQ(b.ConstantInt(once[0]), 4);
  EXPECT_EQ(Count(std::move(b).Finish(64), KOp::kFor), 0);
}

// Collatz steps: a while loop inside an if, with values going round in other order.
TEST_F(BuilderTest, BuildsNestedStructureThatRuns) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  const V i = b.GlobalIndex(64);
  b.If(b.ULt(i, b.I32(100)), [&] {
    const auto result = b.While(
        120, {b.I32(0), b.IAdd(i, b.I32(1))}, [&](std::span<const V> c) { return b.INe(c[1], b.I32(1)); },
        [&](std::span<const V> c) {
          const V is_odd = b.INe(b.And(c[1], b.I32(1)), b.I32(0));
          const auto next = b.IfValue(
              is_odd, [&] { return std::vector<V>{b.IAdd(b.IMul(c[1], b.I32(3)), b.I32(1))}; },
              [&] { return std::vector<V>{b.UDiv(c[1], b.I32(2))}; });
          return std::vector<V>{b.IAdd(c[0], b.I32(1)), next[0]};
        });
    b.Store(out, i, result[0]);
  });
  const Kernel kernel = std::move(b).Finish(64);
  std::vector<std::byte> bytes(400);
  std::vector<std::byte>* const buffers[] = {&bytes};
  const Status status = Interpret(kernel, buffers, {}, 2);
  ASSERT_TRUE(status.ok()) << status.message();
  const auto* steps = reinterpret_cast<const int32_t*>(bytes.data());
  for (int n = 1; n <= 100; ++n) {
    int expected = 0;
    for (int k = n; k != 1; k = k % 2 == 1 ? 3 * k + 1 : k / 2) ++expected;
    EXPECT_EQ(steps[n - 1], expected) << n;
  }
}

TEST_F(BuilderTest, VerifyNamesWhatIsBroken) {
  const V x = b.LocalIndex();
  const V operands[] = {x, b.F32(1)};
  b.Emit(KOp::kIAdd, operands, KType::kI32);
  const Status status = Verify(std::move(b).Finish(64));
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_NE(status.message().find("iadd"), std::string::npos) << status.message();
}

TEST_F(BuilderTest, VerifyRefusesMatricesWithoutAShapeOrInTheWrongPlace) {
  const auto broken = [&](const target::MatrixShape& shape, int subgroup_size, KType second) {
    Builder builder(profile);
    builder.SetMatrixShape(shape);
    builder.RequireSubgroupSize(subgroup_size);
    const int array = builder.AddShared(KType::kI32, 256);
    const MatrixLayout layout = {8, false};
    const V a = builder.MatrixLoad(KType::kMatrixA, array, builder.I32(0), layout);
    const V b = builder.MatrixLoad(second, array, builder.I32(128), layout);
    builder.MatrixStore(array, builder.I32(0), builder.MatrixMulAdd(a, b, builder.MatrixZero()), {16, false});
    return Verify(std::move(builder).Finish(32)).code() == StatusCode::kInternal;
  };
  const target::MatrixShape shape = {16, 16, 16, DType::kBF16, DType::kF32};
  EXPECT_FALSE(broken(shape, 32, KType::kMatrixB));
  EXPECT_TRUE(broken(shape, 32, KType::kMatrixA));
  EXPECT_TRUE(broken(shape, 0, KType::kMatrixB));
  EXPECT_TRUE(broken({}, 32, KType::kMatrixB));
}

}  // namespace
}  // namespace dragoman::kernel
