// SPDX-License-Identifier: Apache-2.0
// Random expressions over all types, built twice: of constants, which the builder folds and simplifies, and of values
// that it knows nothing of. Both compute the same bits.
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <map>
#include <random>

#include "base/arithmetic.h"
#include "kernel/builder.h"
#include "kernel/interpreter_scalar.h"
#include "kernel/kernel_testing.h"

namespace dragoman::kernel {
namespace {

constexpr KType kTypes[] = {KType::kBool, KType::kI32, KType::kI64, KType::kF16, KType::kF32, KType::kF64};
constexpr KType kInts[] = {KType::kI32, KType::kI64};
constexpr KType kFloats[] = {KType::kF16, KType::kF32, KType::kF64};

constexpr int64_t kIntLeaves[] = {0,         1,         -1,        2,          3,          4,         7,
                                  8,         31,        32,        63,         64,         255,       4096,
                                  50257,     1 << 30,   INT32_MAX, INT32_MIN,  UINT32_MAX, 1ll << 32, 1ll << 40,
                                  INT64_MAX, INT64_MIN, -8,        -(1 << 30), -1ll << 33};
constexpr double kFloatLeaves[] = {0.0,       -0.0, 1.0,        -1.0, 0.5,  -2.0,  3.0,    10.0,     65504,  -70000,
                                   kInfinity, kNan, -kInfinity, 1e-7, 6e-8, 1e-40, 3.4e38, 0x1p-126, 0x1p31, -0x1p31};

// Makes the same choices for each builder that it is run on.
class Expression {
 public:
  Expression(uint32_t seed, bool knows_constants) : random_(seed), knows_constants_(knows_constants) {
    profile_.float16 = profile_.float64 = profile_.int64 = true;
  }

  // The bits of all values, NaNs as one.
  std::vector<Memory> Run() {
    for (const KType type : kTypes) inputs_[type] = b_.AddBuffer({.memory = MemoryOf(type), .is_read = true});
    for (int i = 0; i < 12; ++i) {
      for (const KType type : kTypes) AddLeaf(type);
    }
    for (int i = 0; i < 60; ++i) AddOperation();
    for (const KType type : kTypes) StoreAll(type);
    const Kernel kernel = std::move(b_).Finish(1);
    const Status status = RunOn(kernel, memory_);
    EXPECT_TRUE(status.ok()) << status.message() << "\n" << Print(kernel);
    return {memory_.begin() + std::size(kTypes), memory_.end()};
  }

 private:
  size_t Below(size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random_); }
  V Any(KType type) { return values_[type][Below(values_[type].size())]; }
  template <size_t N>
  KType AnyOf(const KType (&types)[N]) {
    return types[Below(N)];
  }
  template <size_t N>
  KOp AnyOf(const KOp (&ops)[N]) {
    return ops[Below(N)];
  }
  void Keep(V value) { values_[value.type].push_back(value); }

  uint64_t LeafBits(KType type) {
    if (type == KType::kBool) return Below(2);
    if (IsIntType(type)) return static_cast<uint64_t>(kIntLeaves[Below(std::size(kIntLeaves))]);
    return FromDouble(type, kFloatLeaves[Below(std::size(kFloatLeaves))]);
  }

  void AddLeaf(KType type) {
    const uint64_t bits = LeafBits(type);
    const bool is_constant = Below(2) == 0;
    const size_t buffer = static_cast<size_t>(inputs_[type]);
    if (memory_.size() <= buffer) memory_.resize(buffer + 1);
    const size_t bytes = static_cast<size_t>(SizeBytes(MemoryOf(type)));
    const size_t place = memory_[buffer].size() / bytes;
    memory_[buffer].resize(memory_[buffer].size() + bytes);
    WriteElement(&memory_[buffer][place * bytes], MemoryOf(type), type, bits);
    const V loaded = b_.Load(inputs_[type], b_.I32(static_cast<int64_t>(place)));
    Keep(is_constant && knows_constants_ ? b_.ConstantBits(type, bits) : loaded);
  }

  void AddOperation() {
    switch (Below(6)) {
      case 0:
        return AddIntOperation(AnyOf(kInts));
      case 1:
        return AddComparison();
      case 2:
        return AddFloatOperation(AnyOf(kFloats));
      case 3:
        return AddConversion();
      case 4:
        return AddBoolOperation();
      default:
        return AddChoice(AnyOf(kTypes));
    }
  }

  void AddIntOperation(KType type) {
    constexpr KOp kPlain[] = {KOp::kIAdd, KOp::kISub, KOp::kIMul, KOp::kSMin, KOp::kSMax,
                              KOp::kUMin, KOp::kUMax, KOp::kAnd,  KOp::kOr,   KOp::kXor};
    constexpr KOp kDivisions[] = {KOp::kSDiv, KOp::kUDiv, KOp::kSRem, KOp::kURem};
    constexpr KOp kShifts[] = {KOp::kShl, KOp::kShrU, KOp::kShrS};
    const V a = Any(type), x = Any(type);
    switch (Below(5)) {
      case 0:
        return Keep(b_.Binary(AnyOf(kDivisions), a, b_.Select(b_.IEq(x, b_.Zero(type)), b_.Int(type, 16), x)));
      case 1:
        return Keep(b_.Binary(AnyOf(kShifts), a, b_.And(x, b_.Int(type, type == KType::kI64 ? 63 : 31))));
      case 2:
        return Keep(b_.Not(a));
      case 3:
        if (type == KType::kI32) return Keep(b_.Unary(Below(2) == 0 ? KOp::kClz : KOp::kPopcount, a));
        return Keep(b_.Binary(AnyOf(kPlain), a, a));
      default:
        return Keep(b_.Binary(AnyOf(kPlain), a, x));
    }
  }

  void AddComparison() {
    constexpr KOp kOfInts[] = {KOp::kIEq, KOp::kINe, KOp::kSLt, KOp::kSLe, KOp::kULt, KOp::kULe};
    constexpr KOp kOfFloats[] = {KOp::kFEq, KOp::kFNe, KOp::kFLt, KOp::kFLe};
    if (Below(2) == 0) {
      const KType type = AnyOf(kInts);
      return Keep(b_.Compare(AnyOf(kOfInts), Any(type), Any(type)));
    }
    const KType type = AnyOf(kFloats);
    if (Below(4) == 0) return Keep(b_.Convert(KOp::kIsNan, Any(type), KType::kBool));
    Keep(b_.Compare(AnyOf(kOfFloats), Any(type), Any(type)));
  }

  void AddBoolOperation() {
    constexpr KOp kOps[] = {KOp::kAnd, KOp::kOr, KOp::kXor, KOp::kIEq, KOp::kINe};
    if (Below(6) == 0) return Keep(b_.Not(Any(KType::kBool)));
    Keep(b_.Binary(AnyOf(kOps), Any(KType::kBool), Any(KType::kBool)));
  }

  void AddFloatOperation(KType type) {
    constexpr KOp kBinary[] = {KOp::kFAdd, KOp::kFSub, KOp::kFMul, KOp::kFDiv};
    constexpr KOp kUnary[] = {KOp::kFNeg,  KOp::kFAbs, KOp::kFloor,    KOp::kCeil,
                              KOp::kTrunc, KOp::kSqrt, KOp::kRoundEven};
    if (Below(3) == 0) return Keep(b_.Unary(AnyOf(kUnary), Any(type)));
    const V a = Any(type);
    if (Below(5) == 0) return Keep(b_.FMul(a, a));
    Keep(b_.Binary(AnyOf(kBinary), a, Any(type)));
  }

  void AddConversion() {
    switch (Below(5)) {
      case 0:
        return Keep(b_.Convert(Below(2) == 0 ? KOp::kSExt : KOp::kZExt, Any(KType::kI32), KType::kI64));
      case 1:
        return Keep(b_.Convert(KOp::kTruncI, Any(KType::kI64), KType::kI32));
      case 2:
        return Keep(b_.Convert(Below(2) == 0 ? KOp::kSToF : KOp::kUToF, Any(AnyOf(kInts)), AnyOf(kFloats)));
      case 3:
        return Keep(b_.Bitcast(Any(KType::kI32), KType::kF32));
      default: {
        const KType from = AnyOf(kFloats), to = AnyOf(kFloats);
        return Keep(from == to ? Any(from) : b_.Convert(KOp::kFToF, Any(from), to));
      }
    }
  }

  void AddChoice(KType type) {
    const V condition = Any(KType::kBool), x = Any(type), y = Any(type);
    if (Below(2) == 0) return Keep(b_.Select(condition, x, y));
    Keep(b_.IfValue(
        condition, [&] { return std::vector<V>{x}; }, [&] { return std::vector<V>{y}; })[0]);
  }

  V OneNan(V value) {
    if (!IsFloatType(value.type)) return value;
    return b_.Select(b_.Convert(KOp::kIsNan, value, KType::kBool), b_.Float(value.type, kNan), value);
  }

  void StoreAll(KType type) {
    const int out = b_.AddBuffer({.memory = MemoryOf(type), .is_written = true});
    const std::vector<V>& all = values_[type];
    for (size_t i = 0; i < all.size(); ++i) b_.Store(out, b_.I32(static_cast<int64_t>(i)), OneNan(all[i]));
    memory_.emplace_back(all.size() * static_cast<size_t>(SizeBytes(MemoryOf(type))));
  }

  std::mt19937 random_;
  const bool knows_constants_;
  target::DeviceProfile profile_;
  Builder b_{profile_};
  std::map<KType, int> inputs_;
  std::map<KType, std::vector<V>> values_;
  std::vector<Memory> memory_;
};

TEST(RandomExpressions, FoldedComputeWhatTheyDidUnfolded) {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    const std::vector<Memory> folded = Expression(seed, true).Run(), plain = Expression(seed, false).Run();
    for (size_t i = 0; i < std::size(kTypes); ++i) {
      ASSERT_EQ(folded[i], plain[i]) << "seed " << seed << ", values of " << Name(MemoryOf(kTypes[i]));
    }
  }
}

// ---- Index arithmetic, as lowerings write it

constexpr int32_t kIndices[] = {
    0, 1, 2, 3, 7, 8, 9, 255, 256, 4095, 4096, 50256, 50257, 1 << 20, (1 << 20) + 1, INT32_MAX - 1, INT32_MAX};
constexpr int64_t kDivisors[] = {
    1, 2, 3, 4, 5, 7, 8, 10, 64, 100, 128, 1000, 4096, 50257, 1 << 30, INT32_MAX, int64_t{1} << 31};

// out[i] = make(kIndices[i]), of an index that nothing is known of.
std::vector<int32_t> OfIndices(const std::function<V(Builder&, V)>& make, KType type = KType::kI32) {
  target::DeviceProfile profile;
  profile.int64 = true;
  Builder b(profile);
  const int in = b.AddBuffer({.memory = DType::kS32, .is_read = true});
  const int out = b.AddBuffer({.memory = DType::kS32, .is_written = true});
  V x = b.Load(in, b.LocalIndex());
  if (type == KType::kI64) x = b.Convert(KOp::kZExt, x, type);
  V result = make(b, x);
  if (type == KType::kI64) result = b.Convert(KOp::kTruncI, result, KType::kI32);
  b.Store(out, b.LocalIndex(), result);
  std::vector<Memory> buffers = {ToMemory(std::vector<int32_t>(std::begin(kIndices), std::end(kIndices))),
                                 Memory(sizeof(kIndices))};
  const Status status = RunOn(std::move(b).Finish(std::size(kIndices)), buffers);
  EXPECT_TRUE(status.ok()) << status.message();
  return FromMemory<int32_t>(buffers[1]);
}

TEST(IndexArithmetic, QuotientsAndRemaindersByConstantsAreExact) {
  for (const KType type : kInts) {
    for (const int64_t divisor : kDivisors) {
      const auto quotient = OfIndices([&](Builder& b, V x) { return b.UDiv(x, b.Int(type, divisor)); }, type);
      const auto rest = OfIndices([&](Builder& b, V x) { return b.URem(x, b.Int(type, divisor)); }, type);
      const auto back = OfIndices(
          [&](Builder& b, V x) {
            const V d = b.Int(type, divisor);
            return b.MulAdd(b.UDiv(x, d), divisor, b.URem(x, d));
          },
          type);
      for (size_t i = 0; i < std::size(kIndices); ++i) {
        EXPECT_EQ(quotient[i], kIndices[i] / divisor) << kIndices[i] << " / " << divisor;
        EXPECT_EQ(rest[i], kIndices[i] % divisor) << kIndices[i] << " % " << divisor;
        EXPECT_EQ(back[i], kIndices[i]);
      }
    }
  }
}

TEST(IndexArithmetic, PowersOfTwoNeitherDivideNorMultiply) {
  for (int64_t power = 2; power <= 1 << 30; power *= 2) {
    const target::DeviceProfile profile;
    Builder b(profile);
    const V x = b.LocalIndex(), y = b.WorkgroupIndex(), d = b.I32(power);
    const V all[] = {b.UDiv(x, d), b.URem(x, d), b.IMul(x, d), b.MulAdd(x, power, y)};
    const int out = b.AddBuffer({.memory = DType::kS32, .is_written = true});
    for (const V v : all) b.Store(out, v, v);
    const Kernel kernel = std::move(b).Finish(1);
    for (const KOp op : {KOp::kUDiv, KOp::kURem, KOp::kIMul}) EXPECT_EQ(CountOf(kernel.body, op), 0) << power;
  }
}

TEST(IndexArithmetic, PartsEndWhereTheExtentDoesEvenNearTheLargestInteger) {
  for (const int64_t extent :
       {int64_t{0}, int64_t{1}, int64_t{50257}, int64_t{1} << 30, int64_t{INT32_MAX} - 1, int64_t{INT32_MAX}}) {
    for (const int64_t part : {int64_t{1}, int64_t{4}, int64_t{1024}, int64_t{1} << 30, int64_t{INT32_MAX}}) {
      const auto ends = OfIndices([&](Builder& b, V lo) { return b.EndOfPart(lo, part, extent); });
      for (size_t i = 0; i < std::size(kIndices); ++i) {
        if (kIndices[i] > extent) continue;  // lo <= extent
        EXPECT_EQ(ends[i], std::min(kIndices[i] + part, extent)) << kIndices[i] << " + " << part << " of " << extent;
      }
    }
  }
}

TEST(IndexArithmetic, SharesTheSameIndexWrittenTwice) {
  const target::DeviceProfile profile;
  Builder b(profile);
  const auto index = [&] {
    return b.MulAdd(b.UDiv(b.GlobalIndex(64), b.I32(3)), 50257, b.URem(b.LocalIndex(), b.I32(7)));
  };
  EXPECT_EQ(index().id, index().id);
}

}  // namespace
}  // namespace dragoman::kernel
