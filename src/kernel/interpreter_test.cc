// SPDX-License-Identifier: Apache-2.0
#include "kernel/interpreter.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <functional>
#include <string>

#include "base/arithmetic.h"
#include "kernel/builder.h"
#include "kernel/interpreter_scalar.h"
#include "kernel/kernel_testing.h"
#include "types/small_float.h"

namespace dragoman::kernel {
namespace {

class InterpreterTest : public testing::Test {
 protected:
  target::DeviceProfile profile;
  Builder b{profile};
  std::vector<std::byte> memory = std::vector<std::byte>(256 * 4);

  Status Run(int workgroups = 1) {
    const Kernel kernel = std::move(b).Finish(64);
    std::vector<std::byte>* const buffers[] = {&memory};
    return Interpret(kernel, buffers, {}, workgroups);
  }
  int32_t At(int i) const {
    int32_t value = 0;
    std::memcpy(&value, memory.data() + 4 * i, 4);
    return value;
  }
};

TEST_F(InterpreterTest, PassesValuesThroughSharedMemory) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  const int shared = b.AddShared(KType::kI32, 64);
  b.StoreShared(shared, b.LocalIndex(), b.LocalIndex());
  b.Barrier();
  b.Store(out, b.GlobalIndex(64), b.LoadShared(shared, b.ISub(b.I32(63), b.LocalIndex())));
  const Status status = Run(2);
  ASSERT_TRUE(status.ok()) << status.message();
  for (int i = 0; i < 128; ++i) EXPECT_EQ(At(i), 63 - i % 64);
}

TEST_F(InterpreterTest, ReportsAMissingBarrier) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  const int shared = b.AddShared(KType::kI32, 64);
  b.StoreShared(shared, b.LocalIndex(), b.LocalIndex());
  b.Store(out, b.LocalIndex(), b.LoadShared(shared, b.ISub(b.I32(63), b.LocalIndex())));
  const Status status = Run();
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_NE(status.message().find("load_shared"), std::string::npos) << status.message();
}

TEST_F(InterpreterTest, ReportsABarrierThatSomeMiss) {
  b.AddBuffer({DType::kS32, false, true});
  b.If(b.ULt(b.LocalIndex(), b.I32(3)), [&] { b.Barrier(); });
  const Status status = Run();
  EXPECT_NE(status.message().find("reached by 3 of 64"), std::string::npos) << status.message();
}

TEST_F(InterpreterTest, ReportsAccessOutOfBounds) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  b.Store(out, b.IAdd(b.LocalIndex(), b.I32(193)), b.I32(1));
  const Status status = Run();
  EXPECT_NE(status.message().find("element 256 of 256"), std::string::npos) << status.message();
}

TEST_F(InterpreterTest, ReportsConflictsBetweenWorkgroups) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  b.Store(out, b.LocalIndex(), b.WorkgroupIndex());
  EXPECT_TRUE(Status(Run(1)).ok());
  Builder again(profile);
  const int target = again.AddBuffer({DType::kS32, false, true});
  again.Store(target, again.LocalIndex(), again.WorkgroupIndex());
  std::vector<std::byte>* const buffers[] = {&memory};
  const Status status = Interpret(std::move(again).Finish(64), buffers, {}, 2);
  EXPECT_NE(status.message().find("another invocation writes"), std::string::npos) << status.message();
}

TEST_F(InterpreterTest, ReportsDivisionByZero) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  b.Store(out, b.LocalIndex(), b.UDiv(b.I32(7), b.LocalIndex()));
  EXPECT_NE(Run().message().find("divides by zero"), std::string::npos);
}

TEST_F(InterpreterTest, ShufflesOnlyWithinASubgroup) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  const V distance = b.Select(b.ULt(b.LocalIndex(), b.I32(32)), b.I32(3), b.I32(8));
  b.Store(out, b.LocalIndex(), b.Binary(KOp::kSubgroupShuffleXor, b.LocalIndex(), distance));
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(At(13), 14);
  EXPECT_NE(At(45), 37) << "a subgroup has eight invocations";
}

// ---- Conflicts between workgroups, which no barrier keeps apart

struct Conflict {
  const char* name;
  const char* sentence;  // a part of it; empty: there is none
  void (*build)(Builder& b, int data);
};

V IsFirst(Builder& b) { return b.IEq(b.WorkgroupIndex(), b.I32(0)); }

const Conflict kConflicts[] = {
    {"one_reads_another_group_writes", "another invocation reads",
     [](Builder& b, int data) {
       b.If(
           IsFirst(b), [&] { b.Store(data, b.IAdd(b.LocalIndex(), b.I32(16)), b.Load(data, b.LocalIndex())); },
           [&] { b.Store(data, b.LocalIndex(), b.I32(1)); });
     }},
    {"all_read_another_group_writes", "another invocation reads",
     [](Builder& b, int data) {
       b.If(
           IsFirst(b), [&] { b.Store(data, b.IAdd(b.LocalIndex(), b.I32(16)), b.Load(data, b.I32(0))); },
           [&] { b.Store(data, b.LocalIndex(), b.I32(1)); });
     }},
    // The one that writes is the last that read.
    {"two_groups_read_and_one_writes", "another invocation reads",
     [](Builder& b, int data) {
       const V value = b.Load(data, b.LocalIndex());
       b.If(
           IsFirst(b), [] {}, [&] { b.Store(data, b.LocalIndex(), value); });
     }},
    {"one_writes_another_group_reads", "another invocation writes",
     [](Builder& b, int data) {
       b.If(
           IsFirst(b), [&] { b.Store(data, b.LocalIndex(), b.I32(1)); },
           [&] { b.Store(data, b.IAdd(b.LocalIndex(), b.I32(16)), b.Load(data, b.LocalIndex())); });
     }},
    {"a_barrier_parts_no_groups", "another invocation",
     [](Builder& b, int data) {
       b.If(IsFirst(b), [&] { b.Store(data, b.LocalIndex(), b.I32(1)); });
       b.DeviceBarrier();
       b.If(
           IsFirst(b), [] {}, [&] { b.Store(data, b.LocalIndex(), b.I32(2)); });
     }},
    {"all_read_the_same", "",
     [](Builder& b, int data) {
       b.Store(data, b.IAdd(b.GlobalIndex(4), b.I32(16)), b.IAdd(b.Load(data, b.I32(0)), b.Load(data, b.I32(1))));
     }},
    {"each_reads_and_writes_its_own", "",
     [](Builder& b, int data) {
       const V i = b.GlobalIndex(4);
       b.Store(data, i, b.IAdd(b.Load(data, i), b.I32(1)));
     }},
    {"all_count_in_one", "", [](Builder& b, int data) { b.Atomic(KOp::kAtomicAdd, data, b.I32(0), b.I32(1)); }},
    {"all_count_in_one_shared", "",
     [](Builder& b, int data) {
       const int array = b.AddShared(KType::kI32, 2);
       b.If(b.IEq(b.LocalIndex(), b.I32(0)), [&] { b.StoreShared(array, b.I32(1), b.I32(0)); });
       b.Barrier();
       b.SharedAtomic(KOp::kSharedAtomicAdd, array, b.I32(1), b.I32(1));
       b.Barrier();
       b.Store(data, b.GlobalIndex(4), b.LoadShared(array, b.I32(1)));
     }},
    {"one_counts_another_reads", "another invocation writes",
     [](Builder& b, int data) {
       const int array = b.AddShared(KType::kI32, 2);
       b.SharedAtomic(KOp::kSharedAtomicOr, array, b.I32(1), b.I32(1));
       b.Store(data, b.GlobalIndex(4), b.LoadShared(array, b.I32(1)));
     }},
    {"one_reads_another_counts", "another invocation reads",
     [](Builder& b, int data) {
       const int array = b.AddShared(KType::kI32, 2);
       b.Store(data, b.GlobalIndex(4), b.LoadShared(array, b.I32(1)));
       b.SharedAtomic(KOp::kSharedAtomicOr, array, b.I32(1), b.I32(1));
     }},
    {"a_device_barrier_parts_invocations", "",
     [](Builder& b, int data) {
       const V base = b.IMul(b.WorkgroupIndex(), b.I32(4));
       b.Store(data, b.IAdd(base, b.LocalIndex()), b.LocalIndex());
       b.DeviceBarrier();
       const V other = b.Load(data, b.IAdd(base, b.ISub(b.I32(3), b.LocalIndex())));
       b.DeviceBarrier();
       b.Store(data, b.IAdd(base, b.LocalIndex()), other);
     }},
    {"a_barrier_over_shared_memory_does_not", "without a barrier",
     [](Builder& b, int data) {
       const V base = b.IMul(b.WorkgroupIndex(), b.I32(4));
       b.Store(data, b.IAdd(base, b.LocalIndex()), b.LocalIndex());
       b.Barrier();
       b.Store(data, b.IAdd(b.GlobalIndex(4), b.I32(16)), b.Load(data, b.IAdd(base, b.ISub(b.I32(3), b.LocalIndex()))));
     }},
};

class Conflicts : public testing::TestWithParam<Conflict> {};
INSTANTIATE_TEST_SUITE_P(Table, Conflicts, testing::ValuesIn(kConflicts),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(Conflicts, AreFoundWhereTheyAre) {
  const target::DeviceProfile profile;
  Builder b(profile);
  const int data = b.AddBuffer({.memory = DType::kS32, .is_read = true, .is_written = true});
  GetParam().build(b, data);
  std::vector<Memory> buffers = {Memory(32 * 4)};
  const Status status = RunOn(std::move(b).Finish(4), buffers, 2);
  const std::string_view sentence = GetParam().sentence;
  EXPECT_EQ(status.ok(), sentence.empty()) << status.message();
  EXPECT_NE(status.message().find(sentence), std::string::npos) << status.message();
}

// ---- Memory

TEST_F(InterpreterTest, VectorsAreAlignedAndWhollyWithin) {
  const auto run = [&](int64_t index, int count) {
    Builder builder(profile);
    const int data = builder.AddBuffer({.memory = DType::kS32, .is_read = true, .is_written = true});
    builder.StoreVector(data, builder.I32(index), builder.LoadVector(data, builder.I32(index), count));
    std::vector<Memory> buffers = {Memory(10 * 4)};
    return RunOn(std::move(builder).Finish(1), buffers);
  };
  EXPECT_TRUE(run(4, 4).ok());
  EXPECT_TRUE(run(8, 2).ok());
  EXPECT_NE(run(8, 4).message().find("element 8 of 10 (4 at once)"), std::string::npos) << run(8, 4).message();
  EXPECT_NE(run(2, 4).message().find("accesses 4 elements at once at 2"), std::string::npos) << run(2, 4).message();
  EXPECT_NE(run(10, 1).message().find("element 10 of 10"), std::string::npos);
  EXPECT_NE(run(-1, 1).message().find("element 4294967295 of 10"), std::string::npos) << run(-1, 1).message();
}

TEST_F(InterpreterTest, RunsAPartOfALargeDispatch) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  b.Store(out, b.GlobalIndex(64), b.WorkgroupIndex());
  const Kernel kernel = std::move(b).Finish(64);
  std::vector<Memory> buffers = {Memory(256 * 4)};
  InterpretOptions options;
  options.first_workgroup = 1 << 20;
  options.first_elements = {uint64_t{64} << 20};
  ASSERT_TRUE(RunOn(kernel, buffers, 4, {}, options).ok());
  for (int i = 0; i < 256; ++i) EXPECT_EQ(FromMemory<int32_t>(buffers[0])[i], (1 << 20) + i / 64);
  EXPECT_NE(RunOn(kernel, buffers, 5, {}, options).message().find("element 256 of 256"), std::string::npos);
  --options.first_workgroup;  // before what the memory begins with
  EXPECT_FALSE(RunOn(kernel, buffers, 1, {}, options).ok());
}

TEST_F(InterpreterTest, AtomicsGiveTheOldValueAndKeepTheNew) {
  const struct {
    KOp op;
    uint32_t before, operand, after;
  } rows[] = {
      {KOp::kAtomicAdd, 0xffffffff, 2, 1},          {KOp::kAtomicMin, 0xffffffff, 2, 2},
      {KOp::kAtomicMax, 5, 0xfffffff0, 0xfffffff0}, {KOp::kAtomicOr, 0xf0, 0x0f, 0xff},
      {KOp::kAtomicAnd, 0xf0, 0x30, 0x30},          {KOp::kAtomicExchange, 7, 9, 9},
  };
  for (const auto& row : rows) {
    Builder builder(profile);
    const int data = builder.AddBuffer({.memory = DType::kU32});
    const int old = builder.AddBuffer({.memory = DType::kU32, .is_written = true});
    builder.Store(old, builder.I32(0), builder.Atomic(row.op, data, builder.I32(0), builder.I32(row.operand)));
    std::vector<Memory> buffers = {ToMemory(std::vector<uint32_t>{row.before}), Memory(4)};
    ASSERT_TRUE(RunOn(std::move(builder).Finish(1), buffers).ok());
    EXPECT_EQ(FromMemory<uint32_t>(buffers[0])[0], row.after) << Name(row.op);
    EXPECT_EQ(FromMemory<uint32_t>(buffers[1])[0], row.before) << Name(row.op);
  }
}

TEST_F(InterpreterTest, TakesTheBuffersAndParametersThatTheKernelHas) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  b.Store(out, b.I32(0), b.Param(b.AddParam()));
  const Kernel kernel = std::move(b).Finish(1);
  std::vector<Memory> buffers = {Memory(4)};
  const uint32_t params[] = {7, 8};
  EXPECT_TRUE(RunOn(kernel, buffers, 1, std::span(params, 1)).ok());
  EXPECT_EQ(FromMemory<int32_t>(buffers[0])[0], 7);
  EXPECT_NE(RunOn(kernel, buffers, 1, params).message().find("takes 1 buffers and 1 parameters, not 1 and 2"),
            std::string::npos);
  buffers.emplace_back(4);
  EXPECT_FALSE(RunOn(kernel, buffers, 1, std::span(params, 1)).ok());
}

// ---- Values

uint64_t ToInt(KOp op, KType to, double value) {
  const Instruction instruction{op, to, {0}, 1, 1, 0, -1, {}};
  const uint64_t bits = std::bit_cast<uint64_t>(value);
  return EvaluateScalar(instruction, KType::kF64, {&bits, 1}).value();
}

TEST(EvaluateScalar, FloatsBecomeIntegersUpToTheTypesEnds) {
  for (const double value : {0.0, -0.0, 0.9, -0.9, 1.5, -1.5, 2147483646.9, -2147483648.0, -2147483648.9}) {
    EXPECT_EQ(static_cast<int32_t>(ToInt(KOp::kFToS, KType::kI32, value)), static_cast<int64_t>(value)) << value;
  }
  for (const double value : {-0x1p63, 0x1p63 - 1024, 0x1p62, -1.5, 9007199254740993.0}) {
    EXPECT_EQ(static_cast<int64_t>(ToInt(KOp::kFToS, KType::kI64, value)), static_cast<int64_t>(value)) << value;
  }
  for (const double value : {0.0, -0.9, 4294967295.9, 3e9}) {
    EXPECT_EQ(ToInt(KOp::kFToU, KType::kI32, value), static_cast<uint64_t>(value)) << value;
  }
  for (const double value : {0x1p63, 0x1p64 - 2048, -0.5}) {
    EXPECT_EQ(ToInt(KOp::kFToU, KType::kI64, value), static_cast<uint64_t>(value)) << value;
  }
}

TEST(EvaluateScalar, BeyondTheEndsIsTheLargestInteger) {
  for (const double value : {0x1p31, -2147483649.0, kInfinity, -kInfinity, kNan, 1e300}) {
    EXPECT_EQ(ToInt(KOp::kFToS, KType::kI32, value), 0x7fffffffu) << value;
  }
  for (const double value : {0x1p63, -0x1p64, kInfinity, kNan}) {
    EXPECT_EQ(ToInt(KOp::kFToS, KType::kI64, value), uint64_t{INT64_MAX}) << value;
  }
  for (const double value : {0x1p32, -1.0, kNan})
    EXPECT_EQ(ToInt(KOp::kFToU, KType::kI32, value), 0xffffffffu) << value;
  for (const double value : {0x1p64, -1.0, kNan}) EXPECT_EQ(ToInt(KOp::kFToU, KType::kI64, value), UINT64_MAX) << value;
}

TEST(EvaluateScalar, ElementsSurviveMemoryInEveryType) {
  const struct {
    DType dtype;
    KType type;
    uint64_t written, read;
  } rows[] = {
      {DType::kS8, KType::kI32, 0x80, 0xffffff80},
      {DType::kU8, KType::kI32, 0x1ff, 0xff},
      {DType::kS4, KType::kI32, 0xf8, 0xfffffff8},
      {DType::kU4, KType::kI32, 0xf8, 8},
      {DType::kS2, KType::kI32, 2, 0xfffffffe},
      {DType::kS16, KType::kI32, 0x8000, 0xffff8000},
      {DType::kU16, KType::kI32, 0x18000, 0x8000},
      {DType::kS32, KType::kI32, 0xffffffff, 0xffffffff},
      {DType::kU64, KType::kI64, ~uint64_t{0}, ~uint64_t{0}},
      {DType::kPred, KType::kBool, 1, 1},
      {DType::kF16, KType::kF16, 0xfc00, 0xfc00},
      {DType::kF16, KType::kF32, 0x3f800000, 0x3f800000},
      {DType::kBF16, KType::kF32, 0x3f808000, 0x3f800000},
      {DType::kF8E4M3FN, KType::kF32, 0x43e00000, 0x43e00000},
  };
  for (const auto& row : rows) {
    std::byte memory[8] = {};
    WriteElement(memory, row.dtype, row.type, row.written);
    EXPECT_EQ(ReadElement(memory, row.dtype, row.type), row.read) << Name(row.dtype);
  }
  const std::byte two{2};
  EXPECT_EQ(ReadElement(&two, DType::kPred, KType::kBool), 1u);
}

// ---- Subgroups and matrices

TEST_F(InterpreterTest, ShufflesWithinSubgroupsOfTheSizeThatIsAsked) {
  for (const int size : {4, 8, 32}) {
    Builder builder(profile);
    builder.RequireSubgroupSize(size);
    const int out = builder.AddBuffer({DType::kS32, false, true});
    const V i = builder.LocalIndex();
    const V lane = builder.Emit(KOp::kSubgroupLane, {}, KType::kI32);
    const V group = builder.Emit(KOp::kSubgroupIndex, {}, KType::kI32);
    const V other = builder.Binary(KOp::kSubgroupShuffleXor, lane, builder.I32(size / 2));
    builder.Store(out, i, builder.MulAdd(group, 1000, other));
    std::vector<Memory> buffers = {Memory(64 * 4)};
    ASSERT_TRUE(RunOn(std::move(builder).Finish(64), buffers).ok());
    const auto values = FromMemory<int32_t>(buffers[0]);
    for (int k = 0; k < 64; ++k) EXPECT_EQ(values[k], k / size * 1000 + ((k % size) ^ (size / 2))) << size;
  }
}

// C = A x B of shared memory, A in rows and B in rows or columns.
TEST_F(InterpreterTest, MultipliesMatricesOfSharedMemory) {
  constexpr int kSize = 16;
  for (const bool is_column_major : {false, true}) {
    Builder builder(profile);
    builder.RequireSubgroupSize(8);
    builder.SetMatrixShape({kSize, kSize, kSize, DType::kF16, DType::kF32});
    const int in = builder.AddBuffer({.memory = DType::kS32, .is_read = true});
    const int out = builder.AddBuffer({.memory = DType::kF32, .is_written = true});
    const int halves = builder.AddShared(KType::kI32, 2 * kSize * kSize / 2);
    const int sums = builder.AddShared(KType::kI32, kSize * kSize);
    const V local = builder.LocalIndex();
    const auto each = [&](int64_t count, const std::function<void(V)>& body) {
      builder.ForEach({local, builder.I32(count), builder.I32(8), count / 8}, body);
    };
    each(kSize * kSize, [&](V i) { builder.StoreShared(halves, i, builder.Load(in, i)); });
    builder.Barrier();
    const V a = builder.MatrixLoad(KType::kMatrixA, halves, builder.I32(0), {kSize / 2, false});
    const V m =
        builder.MatrixLoad(KType::kMatrixB, halves, builder.I32(kSize * kSize / 2), {kSize / 2, is_column_major});
    builder.MatrixStore(sums, builder.I32(0), builder.MatrixMulAdd(a, m, builder.MatrixZero()), {kSize, false});
    builder.Barrier();
    each(kSize * kSize, [&](V i) { builder.Store(out, i, builder.Bitcast(builder.LoadShared(sums, i), KType::kF32)); });
    std::vector<uint16_t> elements(2 * kSize * kSize);
    for (size_t i = 0; i < elements.size(); ++i) {
      elements[i] = static_cast<uint16_t>(EncodeSmallFloat(DType::kF16, static_cast<double>(i * 7 % 11) - 5));
    }
    std::vector<Memory> buffers = {ToMemory(elements), Memory(kSize * kSize * 4)};
    const Status status = RunOn(std::move(builder).Finish(8), buffers);
    ASSERT_TRUE(status.ok()) << status.message();
    const auto at = [&](int i) { return DecodeSmallFloat(DType::kF16, elements[static_cast<size_t>(i)]); };
    const auto actual = FromMemory<float>(buffers[1]);
    for (int row = 0; row < kSize; ++row) {
      for (int column = 0; column < kSize; ++column) {
        double sum = 0;
        for (int k = 0; k < kSize; ++k) {
          const int place = is_column_major ? column * kSize + k : k * kSize + column;
          sum += at(row * kSize + k) * at(kSize * kSize + place);
        }
        EXPECT_EQ(actual[row * kSize + column], sum) << row << ", " << column;
      }
    }
  }
}

TEST_F(InterpreterTest, ReportsMatricesThatAPartOfASubgroupReaches) {
  b.RequireSubgroupSize(8);
  b.SetMatrixShape({16, 16, 16, DType::kF16, DType::kF32});
  const int array = b.AddShared(KType::kI32, 256);
  b.AddBuffer({DType::kS32, false, true});
  b.If(b.ULt(b.LocalIndex(), b.I32(12)), [&] { b.MatrixStore(array, b.I32(0), b.MatrixZero(), {16, false}); });
  EXPECT_NE(Run().message().find("is not reached by the whole subgroup"), std::string::npos);
}

}  // namespace
}  // namespace dragoman::kernel
