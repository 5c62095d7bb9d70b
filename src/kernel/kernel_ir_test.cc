// SPDX-License-Identifier: Apache-2.0
// What Print writes, and that Verify refuses each malformed kernel with a sentence that names the fault.
#include "kernel/kernel_ir.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

#include "kernel/builder.h"
#include "kernel/kernel_testing.h"

namespace dragoman::kernel {
namespace {

target::DeviceProfile WideProfile() {
  target::DeviceProfile profile;
  profile.float16 = profile.float64 = profile.int64 = true;
  return profile;
}

// Something of everything, and nothing that the builder would fold.
Kernel MakeAll() {
  const target::DeviceProfile profile = WideProfile();
  Builder b(profile);
  b.RequireSubgroupSize(32);
  b.SetMatrixShape({16, 16, 16, DType::kF16, DType::kF32});
  const int floats = b.AddBuffer({.memory = DType::kF32, .is_read = true, .is_written = true});
  const int ints = b.AddBuffer({.memory = DType::kU32, .is_read = true, .is_written = true});
  const int shared = b.AddShared(KType::kI32, 256);
  const V limit = b.Param(b.AddParam());
  const V i = b.GlobalIndex(32);
  const V x = b.LoadVector(floats, i, 2)[1];
  const V wide = b.Convert(KOp::kSExt, i, KType::kI64);
  const V real = b.Convert(KOp::kUToF, i, KType::kF32);
  const V doubled = b.Convert(KOp::kFToF, b.FMul(x, real), KType::kF64);
  b.Store(floats, wide, b.Select(b.ULt(i, limit), x, b.Bitcast(i, KType::kF32)));
  b.Atomic(KOp::kAtomicAdd, ints, i, b.Unary(KOp::kClz, i));
  b.StoreShared(shared, i,
                b.SharedAtomic(KOp::kSharedAtomicAdd, shared, i, b.Convert(KOp::kFToS, doubled, KType::kI32)));
  b.Barrier();
  const V a = b.MatrixLoad(KType::kMatrixA, shared, b.I32(0), {8, false});
  const V c = b.MatrixLoad(KType::kMatrixB, shared, b.I32(0), {8, true});
  b.MatrixStore(shared, b.I32(0), b.MatrixMulAdd(a, c, b.MatrixZero()), {16, false});
  b.Store(floats, i, b.Unary(KOp::kExp, x));
  b.Store(ints, i, b.Binary(KOp::kSubgroupShuffleXor, b.LoadShared(shared, i), b.I32(1)));
  const auto sums = b.For({b.I32(0), limit, b.I32(1), 9}, {x},
                          [&](V, std::span<const V> carried) { return std::vector<V>{b.FAdd(carried[0], real)}; });
  const auto counts = b.While(
      5, {i}, [&](std::span<const V> carried) { return b.ULt(carried[0], limit); },
      [&](std::span<const V> carried) { return std::vector<V>{b.IAdd(carried[0], b.I32(3))}; });
  b.Store(ints, i,
          b.IfValue(
              b.INe(counts[0], i), [&] { return std::vector<V>{counts[0]}; },
              [&] { return std::vector<V>{b.Bitcast(sums[0], KType::kI32)}; })[0]);
  return std::move(b).Finish(32);
}

TEST(KernelIr, EveryOpHasANameOfItsOwn) {
  std::set<std::string_view> names;
  int count = 0;
  for (int op = 0; op <= static_cast<int>(KOp::kYield); ++op, ++count) names.insert(Name(static_cast<KOp>(op)));
  EXPECT_EQ(static_cast<int>(names.size()), count);
  EXPECT_FALSE(names.contains(""));
}

TEST(KernelIr, PrintsWhatAKernelSays) {
  const target::DeviceProfile profile = WideProfile();
  Builder b(profile);
  const int in = b.AddBuffer({.memory = DType::kF16, .is_read = true, .may_alias = true});
  const int out = b.AddBuffer({.memory = DType::kF16, .is_written = true});
  const V limit = b.Param(b.AddParam());
  b.If(b.ULt(b.LocalIndex(), limit),
       [&] { b.Store(out, b.LocalIndex(), b.Unary(KOp::kFNeg, b.Load(in, b.LocalIndex()))); });
  b.SetSegmented();
  EXPECT_EQ(Print(std::move(b).Finish(64)), R"(kernel workgroup_size=64 params=1 segmented
buffer 0: f16 read may_alias
buffer 1: f16 written
  %0: i32 = param 0x0
  %1: i32 = local_index
  %2: bool = ult %1 %0
  if %2
  () {
    %3: f16 = load @0 %1
    %4: f16 = fneg %3
    store @1 %1 %4
    yield
  }
  () {
    yield
  }
  yield
)");
}

TEST(KernelIr, PrintsMatricesSharedMemoryAndLoops) {
  const std::string text = Print(MakeAll());
  for (const char* line :
       {"kernel workgroup_size=32 params=1 subgroup_size=32\n", "matrices 16x16x16: f16 to f32\n",
        "shared 0: i32 x 256\n", ": matrix_a = matrix_load @0 %", " rows stride 8\n", " columns stride 8\n",
        "matrix_store @0 %", " = while %", ": f64 = ftof %", ": i64 = sext %", "barrier\n", "  }\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

TEST(KernelIr, MemoryTypesLoadAsMachineTypes) {
  const struct {
    DType memory;
    KType with_float16, without;
  } rows[] = {
      {DType::kPred, KType::kBool, KType::kBool}, {DType::kS2, KType::kI32, KType::kI32},
      {DType::kU8, KType::kI32, KType::kI32},     {DType::kS16, KType::kI32, KType::kI32},
      {DType::kU32, KType::kI32, KType::kI32},    {DType::kS64, KType::kI64, KType::kI64},
      {DType::kU64, KType::kI64, KType::kI64},    {DType::kF16, KType::kF16, KType::kF32},
      {DType::kBF16, KType::kF32, KType::kF32},   {DType::kF8E4M3FN, KType::kF32, KType::kF32},
      {DType::kF32, KType::kF32, KType::kF32},    {DType::kF64, KType::kF64, KType::kF64},
      {DType::kC64, KType::kVoid, KType::kVoid},  {DType::kToken, KType::kVoid, KType::kVoid},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(LoadedType(row.memory, true), row.with_float16) << Name(row.memory);
    EXPECT_EQ(LoadedType(row.memory, false), row.without) << Name(row.memory);
  }
}

TEST(KernelIr, MatrixLayoutsSurviveTheirEncoding) {
  for (const uint32_t stride : {0u, 1u, 8u, 40u, 0x7fffffffu, 0xffffffffu}) {
    for (const bool is_column_major : {false, true}) {
      const MatrixLayout layout = MatrixLayout::Decode(MatrixLayout{stride, is_column_major}.Encode());
      EXPECT_EQ(layout.stride_words, stride);
      EXPECT_EQ(layout.is_column_major, is_column_major);
    }
  }
}

// ---- Verify

struct Fault {
  const char* sentence;  // a part of it
  std::function<void(Kernel&)> make;
};

Region& RegionOf(Kernel& kernel, KOp op, int region) { return *First(kernel, op).regions[static_cast<size_t>(region)]; }

ValueId ValueOf(Kernel& kernel, KOp op) { return First(kernel, op).first_result; }

void ExpectRefused(const std::vector<Fault>& faults) {
  ASSERT_TRUE(Verify(MakeAll()).ok()) << Verify(MakeAll()).message();
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.sentence);
    Kernel kernel = MakeAll();
    fault.make(kernel);
    const Status status = Verify(kernel);
    EXPECT_EQ(status.code(), StatusCode::kInternal);
    EXPECT_NE(status.message().find(fault.sentence), std::string::npos) << status.message();
    EXPECT_EQ(status.message().back(), '.') << status.message();
  }
}

TEST(Verify, RefusesValuesThatAreNotThereOrTwice) {
  ExpectRefused({
      {"operand %99999 is not in scope", [](Kernel& k) { First(k, KOp::kIAdd).operands[0] = 99999; }},
      {"is not in scope", [](Kernel& k) { First(k, KOp::kULt).operands[0] = ValueOf(k, KOp::kUToF) + 1000; }},
      // What a branch computes is not seen after it.
      {"is not in scope", [](Kernel& k) { k.body.body.back().operands = {RegionOf(k, KOp::kFor, 0).first_argument}; }},
      // Nor before it is computed.
      {"is not in scope", [](Kernel& k) { std::swap(k.body.body[0], k.body.body.rbegin()[1]); }},
      {"exists already", [](Kernel& k) { First(k, KOp::kWorkgroupIndex).first_result = ValueOf(k, KOp::kParam); }},
      {"argument has no type or exists already",
       [](Kernel& k) { RegionOf(k, KOp::kWhile, 0).first_argument = ValueOf(k, KOp::kParam); }},
      {"it has 0 results, expected 1", [](Kernel& k) { First(k, KOp::kShl).num_results = 0; }},
      {"it has 1 results, expected 0", [](Kernel& k) { First(k, KOp::kStore).num_results = 1; }},
      {"it has 1 results, expected 0", [](Kernel& k) { First(k, KOp::kBarrier).num_results = 1; }},
      {"it has 1 operands, expected 2", [](Kernel& k) { First(k, KOp::kIAdd).operands.pop_back(); }},
      {"its result has another type", [](Kernel& k) { k.value_types[ValueOf(k, KOp::kIAdd)] = KType::kI64; }},
      {"its result has another type", [](Kernel& k) { First(k, KOp::kIAdd).first_result = kNoValue; }},
      {"its result has another type", [](Kernel& k) { k.value_types[ValueOf(k, KOp::kULt)] = KType::kI32; }},
  });
}

TEST(Verify, RefusesOperandsOfTheWrongTypes) {
  ExpectRefused({
      {"integers of one type", [](Kernel& k) { First(k, KOp::kULt).operands[1] = ValueOf(k, KOp::kSExt); }},
      {"integers of one type", [](Kernel& k) { First(k, KOp::kULt).operands[0] = ValueOf(k, KOp::kUToF); }},
      {"floats of one type", [](Kernel& k) { First(k, KOp::kFMul).operands[1] = ValueOf(k, KOp::kIAdd); }},
      {"floats of one type", [](Kernel& k) { First(k, KOp::kExp).operands[0] = ValueOf(k, KOp::kIAdd); }},
      {"it is not there for f64", [](Kernel& k) { First(k, KOp::kExp).operands[0] = ValueOf(k, KOp::kFToF); }},
      {"it is there for i32 alone", [](Kernel& k) { First(k, KOp::kClz).operands[0] = ValueOf(k, KOp::kSExt); }},
      {"equal integers or booleans", [](Kernel& k) { First(k, KOp::kINe).operands[0] = ValueOf(k, KOp::kULt); }},
      {"a boolean and two values", [](Kernel& k) { First(k, KOp::kSelect).operands[0] = ValueOf(k, KOp::kIAdd); }},
      {"a boolean and two values", [](Kernel& k) { First(k, KOp::kSelect).operands[1] = ValueOf(k, KOp::kIAdd); }},
      {"a boolean and two values", [](Kernel& k) { First(k, KOp::kSelect).type = KType::kF64; }},
      {"its lane is not an i32",
       [](Kernel& k) { First(k, KOp::kSubgroupShuffleXor).operands[1] = ValueOf(k, KOp::kSExt); }},
  });
}

TEST(Verify, RefusesConversionsThatAreNone) {
  const struct {
    KOp op;
    KType from, to;
    bool is_good;
  } rows[] = {
      {KOp::kSToF, KType::kI32, KType::kF16, true},        {KOp::kSToF, KType::kF32, KType::kF16, false},
      {KOp::kUToF, KType::kI64, KType::kF64, true},        {KOp::kUToF, KType::kI64, KType::kI32, false},
      {KOp::kFToS, KType::kF64, KType::kI64, true},        {KOp::kFToS, KType::kI64, KType::kI64, false},
      {KOp::kFToU, KType::kF16, KType::kI32, true},        {KOp::kFToU, KType::kF16, KType::kF32, false},
      {KOp::kFToF, KType::kF16, KType::kF64, true},        {KOp::kFToF, KType::kF32, KType::kF32, false},
      {KOp::kZExt, KType::kI32, KType::kI64, true},        {KOp::kZExt, KType::kI64, KType::kI32, false},
      {KOp::kTruncI, KType::kI64, KType::kI32, true},      {KOp::kTruncI, KType::kI32, KType::kI64, false},
      {KOp::kRoundBF16, KType::kF32, KType::kF32, true},   {KOp::kRoundBF16, KType::kF64, KType::kF64, false},
      {KOp::kBitcast, KType::kF64, KType::kI64, true},     {KOp::kBitcast, KType::kF32, KType::kI64, false},
      {KOp::kBitcast, KType::kI32, KType::kF32, true},     {KOp::kBitcast, KType::kF16, KType::kI32, false},
      {KOp::kF16Bits, KType::kF32, KType::kI32, true},     {KOp::kF16Bits, KType::kF64, KType::kI32, false},
      {KOp::kF16FromBits, KType::kI32, KType::kF16, true}, {KOp::kF16FromBits, KType::kI64, KType::kF32, false},
  };
  for (const auto& row : rows) {
    Kernel kernel;
    kernel.value_types = {row.from, row.to};
    kernel.body.body = {{KOp::kConstant, row.from, {}, 0, 1, 0, -1, {}},
                        {row.op, row.to, {0}, 1, 1, 0, -1, {}},
                        {KOp::kYield, KType::kVoid, {}, kNoValue, 0, 0, -1, {}}};
    const Status status = Verify(kernel);
    EXPECT_EQ(status.ok(), row.is_good) << Name(row.op) << ": " << status.message();
    EXPECT_EQ(status.message().find("it cannot convert") == std::string::npos, row.is_good) << status.message();
  }
}

TEST(Verify, RefusesMemoryThatIsNotThereOrOfAnotherType) {
  ExpectRefused({
      {"its index is not an integer", [](Kernel& k) { First(k, KOp::kStore).operands[0] = ValueOf(k, KOp::kUToF); }},
      {"its index is not an integer", [](Kernel& k) { First(k, KOp::kStore).operands.clear(); }},
      {"it names no memory of the kernel", [](Kernel& k) { First(k, KOp::kLoad).buffer = -1; }},
      {"it names no memory of the kernel", [](Kernel& k) { First(k, KOp::kStore).buffer = 2; }},
      {"it names no memory of the kernel", [](Kernel& k) { First(k, KOp::kStoreShared).buffer = 1; }},
      {"it names no memory of the kernel", [](Kernel& k) { First(k, KOp::kSharedAtomicAdd).buffer = 1; }},
      {"atomics work on 32-bit integers", [](Kernel& k) { k.shared[0].type = KType::kF32; }},
      {"its buffer is complex", [](Kernel& k) { k.buffers[0].memory = DType::kC64; }},
      {"its buffer is not marked as read", [](Kernel& k) { k.buffers[0].is_read = false; }},
      {"its buffer is not marked as written", [](Kernel& k) { k.buffers[0].is_written = false; }},
      {"its buffer is not marked as read", [](Kernel& k) { k.buffers[1].is_read = false; }},
      {"it does not load from f64", [](Kernel& k) { k.buffers[0].memory = DType::kF64; }},
      {"it has 2 results, expected 3", [](Kernel& k) { First(k, KOp::kLoad).imm = 3; }},
      {"it does not store to f32",
       [](Kernel& k) {
         Instruction& store = First(k, KOp::kStore);
         store.operands.insert(store.operands.end(), 2, store.operands[1]);
       }},
      {"it does not store to f32", [](Kernel& k) { First(k, KOp::kStore).operands[1] = ValueOf(k, KOp::kIAdd); }},
      {"atomics work on 32-bit integers", [](Kernel& k) { k.buffers[1].memory = DType::kF32; }},
      {"atomics work on 32-bit integers",
       [](Kernel& k) { First(k, KOp::kAtomicAdd).operands[1] = ValueOf(k, KOp::kSExt); }},
      {"it names no parameter of the kernel", [](Kernel& k) { k.num_params = 0; }},
      {"it is an i32",
       [](Kernel& k) {
         First(k, KOp::kParam).type = KType::kI64;
         k.value_types[ValueOf(k, KOp::kParam)] = KType::kI64;
       }},
  });
}

TEST(Verify, RefusesMatricesThatDoNotFit) {
  ExpectRefused({
      {"states no matrix shape or no subgroup size", [](Kernel& k) { k.matrix_shape.n = 0; }},
      {"states no matrix shape or no subgroup size", [](Kernel& k) { k.required_subgroup_size = 0; }},
      {"it names no shared array of i32", [](Kernel& k) { First(k, KOp::kMatrixLoad).buffer = 1; }},
      {"it names no shared array of i32",
       [](Kernel& k) { First(k, KOp::kMatrixStore).operands[0] = ValueOf(k, KOp::kSExt); }},
      {"it loads A or B and stores C",
       [](Kernel& k) { First(k, KOp::kMatrixStore).operands[1] = ValueOf(k, KOp::kMatrixLoad); }},
      {"its operands are not matrices A, B and C",
       [](Kernel& k) { First(k, KOp::kMatrixMulAdd).operands[2] = ValueOf(k, KOp::kMatrixLoad); }},
  });
}

TEST(Verify, RefusesRegionsThatDoNotFit) {
  ExpectRefused({
      {"no invocations in its workgroup", [](Kernel& k) { k.workgroup_size = 0; }},
      {"The body of a kernel has arguments", [](Kernel& k) { k.body.num_arguments = 1; }},
      {"does not end in yield", [](Kernel& k) { k.body.body.pop_back(); }},
      {"does not end in yield", [](Kernel& k) { RegionOf(k, KOp::kIf, 0).body.clear(); }},
      {"it is not the last of its region", [](Kernel& k) { k.body.body.push_back(k.body.body.back()); }},
      {"it has 0 regions, expected 1", [](Kernel& k) { First(k, KOp::kFor).regions.clear(); }},
      {"it has 1 regions, expected 2", [](Kernel& k) { First(k, KOp::kIf).regions.pop_back(); }},
      {"it has 1 regions, expected 0",
       [](Kernel& k) { First(k, KOp::kIAdd).regions = {std::make_shared<Region>(RegionOf(k, KOp::kIf, 0))}; }},
      {"its condition is not a boolean", [](Kernel& k) { First(k, KOp::kIf).operands[0] = ValueOf(k, KOp::kIAdd); }},
      {"its branches take arguments", [](Kernel& k) { RegionOf(k, KOp::kIf, 1).num_arguments = 1; }},
      {"not what the enclosing instruction expects",
       [](Kernel& k) { RegionOf(k, KOp::kIf, 0).body.back().operands.clear(); }},
      {"not what the enclosing instruction expects",
       [](Kernel& k) { RegionOf(k, KOp::kIf, 0).body.back().operands[0] = ValueOf(k, KOp::kSExt); }},
      {"not what the enclosing instruction expects",
       [](Kernel& k) { RegionOf(k, KOp::kWhile, 0).body.back().operands[0] = ValueOf(k, KOp::kIAdd); }},
      {"it lacks bounds", [](Kernel& k) { First(k, KOp::kFor).operands.resize(2); }},
      {"its bounds are not i32", [](Kernel& k) { First(k, KOp::kFor).operands[1] = ValueOf(k, KOp::kSExt); }},
  });
}

TEST(Verify, RefusesLoopsWhoseCarriedValuesDoNotAgree) {
  const std::vector<std::function<void(Kernel&)>> faults = {
      [](Kernel& k) { First(k, KOp::kFor).operands.pop_back(); },
      [](Kernel& k) { First(k, KOp::kFor).num_results = 2; },
      [](Kernel& k) { First(k, KOp::kFor).num_results = -1; },
      [](Kernel& k) { First(k, KOp::kFor).first_result = kNoValue; },
      [](Kernel& k) { First(k, KOp::kFor).first_result = static_cast<ValueId>(k.value_types.size()); },
      [](Kernel& k) { RegionOf(k, KOp::kFor, 0).num_arguments = 1; },
      [](Kernel& k) { RegionOf(k, KOp::kFor, 0).first_argument = kNoValue - 1; },
      [](Kernel& k) { First(k, KOp::kWhile).operands[0] = ValueOf(k, KOp::kSExt); },
      [](Kernel& k) { RegionOf(k, KOp::kWhile, 0).num_arguments = 0; },
      [](Kernel& k) { RegionOf(k, KOp::kWhile, 1).num_arguments = 2; },
  };
  for (size_t i = 0; i < faults.size(); ++i) {
    SCOPED_TRACE(i);
    Kernel kernel = MakeAll();
    faults[i](kernel);
    EXPECT_NE(Verify(kernel).message().find("its carried values do not agree"), std::string::npos)
        << Verify(kernel).message();
  }
}

}  // namespace
}  // namespace dragoman::kernel
