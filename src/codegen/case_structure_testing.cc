// SPDX-License-Identifier: Apache-2.0
// Cases of control flow, parameters, indices and cooperation; and the comparison of results.
#include <cmath>
#include <cstring>
#include <functional>

#include "base/format.h"
#include "codegen/case_testing.h"
#include "codegen/case_values_testing.h"
#include "kernel/builder.h"
#include "kernel/interpreter_scalar.h"

namespace dragoman::codegen {

using kernel::Builder;
using kernel::KOp;
using kernel::KType;
using kernel::V;
using target::DeviceProfile;

namespace {

std::vector<std::byte> Words(int count, uint32_t first, uint32_t step) {
  std::vector<uint64_t> words;
  for (int i = 0; i < count; ++i) words.push_back(first + step * static_cast<uint32_t>(i));
  return Pack(KType::kI32, words);
}

// out[i] = make(i) of kI32, for 4 workgroups, with an input of 128 words and three parameters.
KernelCase IndexCase(const DeviceProfile& profile, std::string name,
                     const std::function<V(Builder&, int input, V i)>& make) {
  Builder b(profile);
  const int in = b.AddBuffer({.memory = DType::kU32, .is_read = true});
  const int out = b.AddBuffer({.memory = DType::kU32, .is_written = true});
  for (int i = 0; i < 3; ++i) b.AddParam();
  const V i = b.GlobalIndex(kCaseWorkgroupSize);
  b.Store(out, i, make(b, in, i));
  KernelCase result;
  result.name = std::move(name);
  result.workgroups = 4;
  result.params = {17, 5, 0xfffffff0};
  result.buffers = {Words(128, 3, 77), Words(128, 0, 0)};
  result.kernel = std::move(b).Finish(kCaseWorkgroupSize);
  return result;
}

// Sums the divisors of x up to 17: a loop with a selection inside.
V SumOfDivisors(Builder& b, int in, V i) {
  const V x = b.Load(in, i);
  return b.For({b.I32(1), b.Param(0), b.I32(1), 17}, {b.I32(0)}, [&](V k, std::span<const V> sum) {
    const V divides = b.IEq(b.URem(x, k), b.I32(0));
    return b.IfValue(
        divides, [&] { return std::vector<V>{b.IAdd(sum[0], k)}; }, [&] { return std::vector<V>{sum[0]}; });
  })[0];
}

V GreatestCommonDivisor(Builder& b, int in, V i) {
  const V x = b.Load(in, i);
  return b.While(
      200, {x, b.IAdd(i, b.I32(6))}, [&](std::span<const V> pair) { return b.INe(pair[1], b.I32(0)); },
      [&](std::span<const V> pair) {
        return std::vector<V>{pair[1], b.URem(pair[0], pair[1])};
      })[0];
}

// Loops in loops with carried values of two types, swapped at each turn; a step of 3; bounds from parameters.
V NestedLoops(Builder& b, int in, V i) {
  const std::vector<V> outer = b.For(
      {b.I32(-4), b.Param(0), b.I32(3), 7}, {b.I32(1), b.Load(in, i), b.F32(0.5f)}, [&](V k, std::span<const V> x) {
        const V inner = b.For({b.I32(0), b.Param(1), b.I32(1), 5}, {x[2]}, [&](V m, std::span<const V> f) {
          return std::vector<V>{b.FAdd(f[0], b.Convert(KOp::kSToF, b.IMul(m, k), KType::kF32))};
        })[0];
        return std::vector<V>{b.IAdd(x[1], k), x[0], inner};
      });
  return b.Xor(b.Xor(outer[0], b.IMul(outer[1], b.I32(31))), b.Bitcast(outer[2], KType::kI32));
}

// A condition that itself branches.
V BranchingCondition(Builder& b, int in, V i) {
  return b.While(
      32, {b.Load(in, i), b.I32(0)},
      [&](std::span<const V> x) {
        const V is_odd = b.INe(b.And(x[0], b.I32(1)), b.I32(0));
        return b.IfValue(
            is_odd, [&] { return std::vector<V>{b.ULt(b.I32(1), x[0])}; },
            [&] { return std::vector<V>{b.ULt(b.I32(8), x[0])}; })[0];
      },
      [&](std::span<const V> x) {
        return std::vector<V>{b.Binary(KOp::kShrU, x[0], b.I32(1)), b.IAdd(x[1], b.I32(1))};
      })[1];
}

// 64-bit values carried through loops and selections.
V WideThroughControl(Builder& b, int in, V i) {
  const V start = b.Convert(KOp::kZExt, b.Load(in, i), KType::kI64);
  const V hashed = b.For(b.I32(0), b.I32(7), b.I32(1), {start}, [&](V, std::span<const V> h) {
    const V mixed = b.IMul(b.Xor(h[0], b.Binary(KOp::kShrU, h[0], b.I64(29))), b.I64(0x2545F4914F6CDD1D));
    const V is_negative = b.SLt(mixed, b.I64(0));
    return b.IfValue(
        is_negative, [&] { return std::vector<V>{b.Not(mixed)}; },
        [&] { return std::vector<V>{b.IAdd(mixed, start)}; });
  })[0];
  return b.Convert(KOp::kTruncI, b.Xor(hashed, b.Binary(KOp::kShrU, hashed, b.I64(32))), KType::kI32);
}

// What a loop or a selection hands on unchanged, a boolean among it: the conditions of a padded load, say.
V UnchangedThroughControl(Builder& b, int in, V i) {
  const V x = b.Load(in, i);
  const V is_even = b.IEq(b.And(x, b.I32(1)), b.I32(0));
  const std::vector<V> sums =
      b.For({b.I32(0), b.Param(0), b.I32(1), 17}, {b.I32(0), is_even, x}, [&](V k, std::span<const V> carried) {
        const V added = b.IAdd(carried[0], b.Select(carried[1], k, carried[2]));
        return std::vector<V>{added, is_even, carried[2]};
      });
  const std::vector<V> picked = b.IfValue(
      sums[1],
      [&] {
        return std::vector<V>{is_even, sums[0]};
      },
      [&] {
        return std::vector<V>{is_even, x};
      });
  return b.Select(picked[0], picked[1], b.Not(picked[1]));
}

// A tree sum in shared memory, all barriers in uniform control flow.
KernelCase SharedSumCase(const DeviceProfile& profile) {
  Builder b(profile);
  const int in = b.AddBuffer({.memory = DType::kF32, .is_read = true});
  const int out = b.AddBuffer({.memory = DType::kF32, .is_written = true});
  const int array = b.AddShared(KType::kF32, kCaseWorkgroupSize);
  const V local = b.LocalIndex();
  b.StoreShared(array, local, b.Load(in, b.GlobalIndex(kCaseWorkgroupSize)));
  b.Barrier();
  b.ForEach(b.I32(0), b.I32(5), b.I32(1), [&](V step) {
    const V width = b.Binary(KOp::kShrU, b.I32(kCaseWorkgroupSize / 2), step);
    b.If(b.ULt(local, width), [&] {
      b.StoreShared(array, local, b.FAdd(b.LoadShared(array, local), b.LoadShared(array, b.IAdd(local, width))));
    });
    b.Barrier();
  });
  b.If(b.IEq(local, b.I32(0)), [&] { b.Store(out, b.WorkgroupIndex(), b.LoadShared(array, b.I32(0))); });
  KernelCase result;
  result.name = "sum in shared memory";
  result.workgroups = 4;
  std::vector<uint64_t> values;
  for (int i = 0; i < 128; ++i) values.push_back(FloatBits(KType::kF32, i * 0.25 - 7));
  result.buffers = {Pack(KType::kF32, values), Words(4, 0, 0)};
  result.kernel = std::move(b).Finish(kCaseWorkgroupSize);
  return result;
}

// What one invocation writes to a buffer another reads after the barrier.
KernelCase DeviceBarrierCase(const DeviceProfile& profile) {
  Builder b(profile);
  const int scratch = b.AddBuffer({.memory = DType::kU32, .is_read = true, .is_written = true});
  const int out = b.AddBuffer({.memory = DType::kU32, .is_written = true});
  const V i = b.GlobalIndex(kCaseWorkgroupSize);
  b.Store(scratch, i, b.IMul(i, i));
  b.DeviceBarrier();
  b.Store(out, i, b.Load(scratch, b.Xor(i, b.I32(kCaseWorkgroupSize - 1))));
  KernelCase result;
  result.name = "device barrier";
  result.workgroups = 4;
  result.buffers = {Words(128, 0, 0), Words(128, 0, 0)};
  result.kernel = std::move(b).Finish(kCaseWorkgroupSize);
  return result;
}

// In place: input and output are one buffer.
KernelCase InPlaceCase(const DeviceProfile& profile, DType memory) {
  Builder b(profile);
  const int buffer = b.AddBuffer({.memory = memory, .is_read = true, .is_written = true, .may_alias = true});
  const V i = b.GlobalIndex(kCaseWorkgroupSize);
  b.Store(buffer, i, b.Not(b.Load(buffer, i)));
  KernelCase result;
  result.name = Format("in place {}", Name(memory));
  result.workgroups = 4;
  result.buffers = {Words(128, 0x01010000, 0x00010101)};
  result.kernel = std::move(b).Finish(kCaseWorkgroupSize);
  return result;
}

KernelCase SubgroupShuffleCase(const DeviceProfile& profile) {
  Builder b(profile);
  const int in = b.AddBuffer({.memory = DType::kF32, .is_read = true});
  const int out = b.AddBuffer({.memory = DType::kF32, .is_written = true});
  const V i = b.GlobalIndex(kCaseWorkgroupSize);
  const V x = b.Load(in, i);
  b.Store(out, i, b.Binary(KOp::kSubgroupShuffleXor, x, b.I32(1)));
  KernelCase result;
  result.name = std::string(Name(KOp::kSubgroupShuffleXor));
  result.workgroups = 4;
  result.needs_subgroups = true;
  std::vector<uint64_t> values;
  for (int k = 0; k < 128; ++k) values.push_back(FloatBits(KType::kF32, (k * 37 % 64) - 20));
  result.buffers = {Pack(KType::kF32, values), Words(128, 0, 0)};
  result.kernel = std::move(b).Finish(kCaseWorkgroupSize);
  return result;
}

KernelCase SubgroupIndexCase(const DeviceProfile& profile) {
  KernelCase result = IndexCase(profile, "subgroup indices", [](Builder& b, int, V) {
    const V index = b.Emit(KOp::kSubgroupIndex, {}, KType::kI32);
    const V lane = b.Emit(KOp::kSubgroupLane, {}, KType::kI32);
    return b.IAdd(b.IMul(index, b.I32(1000)), lane);
  });
  result.needs_subgroups = true;
  return result;
}

double ReadFloat(DType memory, const std::byte* at) {
  const KType type = memory == DType::kF64 ? KType::kF64 : KType::kF32;
  return kernel::AsDouble(type, kernel::ReadElement(at, memory, type));
}

double SmallestNormal(DType memory) {
  return memory == DType::kF64 ? 0x1p-1022 : memory == DType::kF16 ? 0x1p-14 : 0x1p-126;
}

bool FloatsAgree(DType memory, double expected, double actual, double tolerance) {
  if (std::isnan(expected)) return std::isnan(actual);
  const bool is_subnormal = std::fabs(expected) < SmallestNormal(memory) && SizeBytes(memory) > 1;
  if (is_subnormal && expected != 0 && actual == 0) return true;
  if (expected == actual) return tolerance > 0 || std::signbit(expected) == std::signbit(actual);
  return std::fabs(expected - actual) <= tolerance * std::max(1e-3, std::fabs(expected));
}

}  // namespace

std::vector<KernelCase> StructureCases(const DeviceProfile& profile) {
  std::vector<KernelCase> cases;
  cases.push_back(IndexCase(profile, "for with if", SumOfDivisors));
  cases.push_back(IndexCase(profile, "while", GreatestCommonDivisor));
  cases.push_back(IndexCase(profile, "nested loops", NestedLoops));
  cases.push_back(IndexCase(profile, "branching condition", BranchingCondition));
  cases.push_back(IndexCase(profile, "wide values in control flow", WideThroughControl));
  cases.push_back(IndexCase(profile, "unchanged values in control flow", UnchangedThroughControl));
  cases.push_back(IndexCase(profile, "parameters", [](Builder& b, int, V i) { return b.IAdd(b.Param(2), i); }));
  cases.push_back(SharedSumCase(profile));
  cases.push_back(DeviceBarrierCase(profile));
  for (const DType memory : {DType::kU8, DType::kU16, DType::kU32}) cases.push_back(InPlaceCase(profile, memory));
  if (profile.subgroup_basic) cases.push_back(SubgroupIndexCase(profile));
  if (profile.subgroup_shuffle) cases.push_back(SubgroupShuffleCase(profile));
  return cases;
}

std::vector<KernelCase> AllCases(const DeviceProfile& profile) {
  std::vector<KernelCase> all;
  for (const auto make : {ScalarCases, ConversionCases, MemoryCases, StructureCases}) {
    for (KernelCase& one : make(profile)) all.push_back(std::move(one));
  }
  return all;
}

std::string Difference(DType memory, const std::vector<std::byte>& expected, const std::vector<std::byte>& actual,
                       double tolerance) {
  if (expected.size() != actual.size()) return Format("{} bytes in place of {}", actual.size(), expected.size());
  const size_t size = static_cast<size_t>(SizeBytes(memory));
  for (size_t at = 0; at + size <= expected.size(); at += size) {
    if (std::memcmp(&expected[at], &actual[at], size) == 0) continue;
    uint64_t expected_bits = 0, actual_bits = 0;
    std::memcpy(&expected_bits, &expected[at], size);
    std::memcpy(&actual_bits, &actual[at], size);
    if (IsFloat(memory)) {
      const double wanted = ReadFloat(memory, &expected[at]), got = ReadFloat(memory, &actual[at]);
      if (FloatsAgree(memory, wanted, got, tolerance)) continue;
      return Format("element {} is {} ({:#x}), expected {} ({:#x})", at / size, got, actual_bits, wanted,
                    expected_bits);
    }
    return Format("element {} is {:#x}, expected {:#x}", at / size, actual_bits, expected_bits);
  }
  return "";
}

}  // namespace dragoman::codegen
