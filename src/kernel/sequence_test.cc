// SPDX-License-Identifier: Apache-2.0
// Sequences of kernels give, joined, what they give one after the other.
#include "kernel/sequence.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/arithmetic.h"
#include "kernel/builder.h"
#include "kernel/interpreter.h"
#include "kernel/loop_bound.h"

namespace dragoman::kernel {
namespace {

constexpr int kNumElements = 100;  // elements
constexpr int kLanes = 8;

target::DeviceProfile CpuProfile() {
  target::DeviceProfile profile;
  profile.type = target::DeviceType::kCpu;
  profile.unrolling_is_costly = true;
  profile.float16 = profile.float64 = profile.int64 = true;
  profile.subgroup_size = profile.subgroup_min_size = profile.subgroup_max_size = kLanes;
  profile.subgroup_basic = profile.subgroup_shuffle = true;
  return profile;
}

BufferBinding Binding(bool is_written, DType dtype = DType::kS32) {
  return {.memory = dtype, .is_read = true, .is_written = is_written};
}

// x[i] = 3 * x[i] + i + sum[0], a workgroup of `size`.
Kernel ScaleKernel(const target::DeviceProfile& profile, int size) {
  Builder b(profile);
  const int x = b.AddBuffer(Binding(true));
  const int sum = b.AddBuffer(Binding(false));
  const V i = b.GlobalIndex(size);
  b.If(b.ULt(i, b.I32(kNumElements)),
       [&] { b.Store(x, i, b.IAdd(b.MulAdd(b.Load(x, i), 3, i), b.Load(sum, b.I32(0)))); });
  return std::move(b).Finish(size);
}

// sum[0] = x[0] + ... by invocations that share memory.
Kernel SumKernel(const target::DeviceProfile& profile, int size) {
  Builder b(profile);
  const int x = b.AddBuffer(Binding(false));
  const int sum = b.AddBuffer(Binding(true));
  const int shared = b.AddShared(KType::kI32, size);
  const V local = b.LocalIndex();
  const std::vector<V> own =
      b.For({local, b.I32(kNumElements), b.I32(size), CeilDiv(kNumElements, size)}, {b.I32(0)},
            [&](V i, std::span<const V> carried) -> std::vector<V> { return {b.IAdd(carried[0], b.Load(x, i))}; });
  b.StoreShared(shared, local, own[0]);
  b.Barrier();
  b.If(b.IEq(local, b.I32(0)), [&] {
    const std::vector<V> total = b.For({b.I32(0), b.I32(size), b.I32(1), size}, {b.I32(0)},
                                       [&](V i, std::span<const V> carried) -> std::vector<V> {
                                         return {b.IAdd(carried[0], b.LoadShared(shared, i))};
                                       });
    b.Store(sum, b.I32(0), total[0]);
  });
  return std::move(b).Finish(size);
}

// Neighbours within a subgroup change places, and each adds its lane: subgroups of workgroups of 16.
Kernel SwapKernel(const target::DeviceProfile& profile) {
  Builder b(profile);
  const int x = b.AddBuffer(Binding(true));
  const V lane = b.Emit(KOp::kSubgroupLane, {}, KType::kI32);
  const V subgroup = b.MulAdd(b.WorkgroupIndex(), 16 / kLanes, b.Emit(KOp::kSubgroupIndex, {}, KType::kI32));
  const V i = b.MulAdd(subgroup, kLanes, lane);
  const V other = b.Binary(KOp::kSubgroupShuffleXor, b.Load(x, i), b.I32(1));
  b.Store(x, i, b.IAdd(other, lane));
  return std::move(b).Finish(16);
}

// sum[0] = sum[0] + what the first of each subgroup of 64 invocations swaps with its neighbour, through shared memory.
Kernel SubgroupSumKernel(const target::DeviceProfile& profile) {
  constexpr int kSubgroups = 64 / kLanes;
  Builder b(profile);
  const int x = b.AddBuffer(Binding(false));
  const int sum = b.AddBuffer(Binding(true));
  const int shared = b.AddShared(KType::kI32, kSubgroups);
  const V lane = b.Emit(KOp::kSubgroupLane, {}, KType::kI32);
  const V subgroup = b.Emit(KOp::kSubgroupIndex, {}, KType::kI32);
  const V own = b.Load(x, b.MulAdd(subgroup, kLanes, lane));
  const V other = b.Binary(KOp::kSubgroupShuffleXor, own, b.I32(1));
  b.If(b.IEq(lane, b.I32(0)), [&] { b.StoreShared(shared, subgroup, other); });
  b.Barrier();
  b.If(b.IEq(b.LocalIndex(), b.I32(0)), [&] {
    V total = b.Load(sum, b.I32(0));
    for (int i = 0; i < kSubgroups; ++i) total = b.IAdd(total, b.LoadShared(shared, b.I32(i)));
    b.Store(sum, b.I32(0), total);
  });
  return std::move(b).Finish(64);
}

// predicate[0] = sum[0] < limit
Kernel LessKernel(const target::DeviceProfile& profile, int32_t limit) {
  Builder b(profile);
  const int sum = b.AddBuffer(Binding(false));
  const int predicate = b.AddBuffer(Binding(true, DType::kPred));
  b.If(b.IEq(b.LocalIndex(), b.I32(0)),
       [&] { b.Store(predicate, b.I32(0), b.SLt(b.Load(sum, b.I32(0)), b.I32(limit))); });
  return std::move(b).Finish(32);
}

struct State {
  std::vector<std::byte> x = std::vector<std::byte>(112 * 4);
  std::vector<std::byte> sum = std::vector<std::byte>(4);
  std::vector<std::byte> predicate = std::vector<std::byte>(4);

  State() {
    for (int32_t i = 0; i < 112; ++i) std::memcpy(&x[static_cast<size_t>(i) * 4], &i, 4);
  }
  std::vector<std::vector<std::byte>*> All() { return {&x, &sum, &predicate}; }
};

Sequence MakeSequence(const target::DeviceProfile& profile, int32_t limit) {
  Sequence sequence;
  sequence.buffers = {Binding(true), Binding(true), Binding(true, DType::kPred)};
  sequence.parts.push_back({.kernel = ScaleKernel(profile, 32), .buffers = {0, 1}, .workgroups = 4});
  sequence.parts.push_back(
      {.kernel = SumKernel(profile, 64), .buffers = {0, 1}, .workgroups = 1, .barrier_before = true});
  sequence.parts.push_back({.kernel = SwapKernel(profile), .buffers = {0}, .workgroups = 7, .barrier_before = true});
  sequence.parts.push_back(
      {.kernel = SubgroupSumKernel(profile), .buffers = {0, 1}, .workgroups = 1, .barrier_before = true});
  sequence.parts.push_back(
      {.kernel = LessKernel(profile, limit), .buffers = {1, 2}, .workgroups = 1, .barrier_before = true});
  sequence.predicate = 2;
  return sequence;
}

// Rounds that were made.
int RunOneByOne(const Sequence& sequence, int most_rounds, State& state) {
  const auto all = state.All();
  for (int round = 1; round <= most_rounds; ++round) {
    for (const SequencePart& part : sequence.parts) {
      std::vector<std::vector<std::byte>*> buffers;
      for (const int buffer : part.buffers) buffers.push_back(all[buffer]);
      const Status status = Interpret(part.kernel, buffers, part.params, part.workgroups);
      EXPECT_TRUE(status.ok()) << status.message();
    }
    if (state.predicate[0] == std::byte{0}) return round;
  }
  return most_rounds;
}

void ExpectSameRounds(int32_t limit, uint32_t rounds, int expected_rounds) {
  const target::DeviceProfile profile = CpuProfile();
  const Sequence sequence = MakeSequence(profile, limit);
  ASSERT_TRUE(CanJoin(sequence, profile));
  const Kernel joined = JoinSequence(sequence, 20, profile);
  const Status verified = Verify(joined, profile);
  ASSERT_TRUE(verified.ok()) << verified.message();
  State one_by_one, together;
  EXPECT_EQ(RunOneByOne(sequence, static_cast<int>(rounds), one_by_one), expected_rounds);
  const auto all = together.All();
  const Status status = Interpret(joined, all, std::span(&rounds, 1), 1);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(together.x, one_by_one.x);
  EXPECT_EQ(together.sum, one_by_one.sum);
}

TEST(Sequence, MakesAsManyRoundsAsAsked) {
  ExpectSameRounds(0x7fffffff, 1, 1);
  ExpectSameRounds(0x7fffffff, 3, 3);
}

TEST(Sequence, StopsWhenThePredicateDoes) { ExpectSameRounds(100'000'000, 20, 3); }

TEST(Sequence, GoesRoundInAKernelWithoutAPredicate) {
  const target::DeviceProfile profile = CpuProfile();
  Sequence sequence = MakeSequence(profile, 0);
  sequence.parts.pop_back();
  sequence.buffers.pop_back();
  sequence.predicate = -1;
  const Kernel joined = JoinSequence(sequence, 5, profile);
  State one_by_one, together;
  for (int round = 0; round < 4; ++round) RunOneByOne(sequence, 1, one_by_one);
  const uint32_t rounds = 4;
  std::vector<std::vector<std::byte>*> buffers = {&together.x, &together.sum};
  const Status status = Interpret(joined, buffers, std::span(&rounds, 1), 1);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(together.x, one_by_one.x);
  EXPECT_EQ(together.sum, one_by_one.sum);
}

TEST(Sequence, LeavesApartWhatOneWorkgroupCannotDo) {
  const target::DeviceProfile profile = CpuProfile();
  Sequence sequence = MakeSequence(profile, 0);
  sequence.parts.push_back({.kernel = SumKernel(profile, 32), .buffers = {0, 1}, .workgroups = 1});
  EXPECT_FALSE(CanJoin(sequence, profile)) << "workgroups of two sizes that share memory";
  Sequence apart = MakeSequence(profile, 0);
  apart.parts[2].kernel.required_subgroup_size = kLanes;
  EXPECT_TRUE(CanJoin(apart, profile));
  apart.parts[3].kernel.required_subgroup_size = 2 * kLanes;
  EXPECT_FALSE(CanJoin(apart, profile)) << "subgroups of two sizes";
  target::DeviceProfile varying = profile;
  varying.subgroup_max_size = 2 * kLanes;
  EXPECT_FALSE(CanJoin(MakeSequence(profile, 0), varying)) << "subgroups of a size that is not known";
  target::DeviceProfile small = profile;
  small.shared_memory_bytes = 128;
  EXPECT_FALSE(CanJoin(MakeSequence(profile, 0), small)) << "too little shared memory";
}

}  // namespace
}  // namespace dragoman::kernel
