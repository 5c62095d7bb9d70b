// SPDX-License-Identifier: Apache-2.0
#include "kernel/drop_unused.h"

#include <gtest/gtest.h>

#include <functional>

#include "kernel/builder.h"
#include "kernel/kernel_hash.h"

namespace dragoman::kernel {
namespace {

using Write = std::function<void(Builder&, int data)>;

// A kernel over one buffer of 32-bit integers.
Kernel Written(const Write& write) {
  const target::DeviceProfile profile;
  Builder b(profile);
  write(b, b.AddBuffer({.memory = DType::kS32, .is_read = true, .is_written = true}));
  return std::move(b).Finish(8);
}

Kernel Dropped(Kernel kernel) {
  DropUnused(kernel);
  EXPECT_TRUE(Verify(kernel).ok()) << Verify(kernel).message() << "\n" << Print(kernel);
  return kernel;
}

// Dropping leaves nothing of what `idle` writes: the kernel becomes the one without it.
struct IdleCase {
  const char* name;
  Write idle;
};

class Idle : public testing::TestWithParam<IdleCase> {};

TEST_P(Idle, IsAsIfItHadNotBeenWritten) {
  const auto kernel = [](const Write& idle) {
    return Written([&](Builder& b, int data) {
      const V where = b.LocalIndex();
      const V what = b.WorkgroupIndex();
      idle(b, data);
      b.Store(data, where, what);
    });
  };
  const Kernel with = kernel(GetParam().idle), without = kernel([](Builder&, int) {});
  ASSERT_NE(Print(with), Print(without));
  EXPECT_EQ(Print(Dropped(with)), Print(without));
  EXPECT_EQ(HashKernel(Dropped(with)), HashKernel(without));
}

const IdleCase kIdle[] = {
    {"Constant", [](Builder& b, int) { b.I32(77); }},
    {"Chain", [](Builder& b, int data) { b.IMul(b.Load(data, b.LocalIndex()), b.I32(3)); }},
    {"If",
     [](Builder& b, int data) {
       b.IfValue(
           b.ULt(b.LocalIndex(), b.I32(4)), [&]() -> std::vector<V> { return {b.Load(data, b.I32(2))}; },
           [&]() -> std::vector<V> { return {b.I32(9)}; });
     }},
    {"For",
     [](Builder& b, int data) {
       b.For(b.I32(0), b.I32(9), b.I32(1), {b.I32(5)},
             [&](V i, std::span<const V> carried) -> std::vector<V> { return {b.IAdd(carried[0], b.Load(data, i))}; });
     }},
    {"While",
     [](Builder& b, int) {
       b.While(
           0, {b.I32(5)}, [&](std::span<const V> state) { return b.ULt(state[0], b.I32(50)); },
           [&](std::span<const V> state) -> std::vector<V> { return {b.IMul(state[0], b.I32(2))}; });
     }},
    {"IdleInsideIdle",
     [](Builder& b, int data) {
       b.ForEach(b.I32(0), b.I32(9), b.I32(1), [&](V i) { b.If(b.ULt(i, b.I32(4)), [&] { b.Load(data, i); }); });
     }},
};
INSTANTIATE_TEST_SUITE_P(DropUnused, Idle, testing::ValuesIn(kIdle), [](const auto& info) { return info.param.name; });

// What must stay although nothing reads it.
const IdleCase kKept[] = {
    {"Store", [](Builder& b, int data) { b.Store(data, b.I32(3), b.I32(1)); }},
    {"Atomic", [](Builder& b, int data) { b.Atomic(KOp::kAtomicAdd, data, b.I32(3), b.I32(1)); }},
    {"SharedAtomic",
     [](Builder& b, int) { b.SharedAtomic(KOp::kSharedAtomicOr, b.AddShared(KType::kI32, 8), b.I32(3), b.I32(1)); }},
    {"SharedAndBarrier",
     [](Builder& b, int) {
       b.StoreShared(b.AddShared(KType::kI32, 8), b.LocalIndex(), b.I32(1));
       b.Barrier();
     }},
    {"DeviceBarrier", [](Builder& b, int) { b.DeviceBarrier(); }},
    {"StoreInALoopWhoseResultNobodyReads",
     [](Builder& b, int data) {
       b.For(b.I32(0), b.I32(9), b.I32(1), {b.I32(5)}, [&](V i, std::span<const V> carried) -> std::vector<V> {
         b.Store(data, i, carried[0]);
         return {b.IAdd(carried[0], i)};
       });
     }},
    {"AtomicInAConditionOfAWhile",
     [](Builder& b, int data) {
       b.While(
           0, {},
           [&](std::span<const V>) {
             const V limit = b.I32(9);  // constants stand before the loop, so they are numbered first
             return b.ULt(b.Atomic(KOp::kAtomicAdd, data, b.I32(0), b.I32(1)), limit);
           },
           [&](std::span<const V>) -> std::vector<V> { return {}; });
     }},
};

class Kept : public testing::TestWithParam<IdleCase> {};

TEST_P(Kept, IsLeftAsItWas) {
  const Kernel kernel = Written(GetParam().idle);
  EXPECT_EQ(Print(Dropped(kernel)), Print(kernel));
}
INSTANTIATE_TEST_SUITE_P(DropUnused, Kept, testing::ValuesIn(kKept), [](const auto& info) { return info.param.name; });

TEST(DropUnused, KeepsAllResultsOfWhatIsReadInPart) {
  const Kernel kernel = Written([](Builder& b, int data) {
    const std::vector<V> both = b.For(b.I32(0), b.I32(9), b.I32(1), {b.I32(5), b.I32(6)},
                                      [&](V i, std::span<const V> carried) -> std::vector<V> {
                                        return {b.IAdd(carried[0], i), b.IMul(carried[1], i)};
                                      });
    b.Store(data, b.LocalIndex(), both[1]);
  });
  EXPECT_EQ(Print(Dropped(kernel)), Print(kernel));
}

TEST(DropUnused, LeavesCopiesOfTheKernelAlone) {
  const Kernel kernel = Written([](Builder& b, int data) {
    b.ForEach(b.I32(0), b.I32(9), b.I32(1), [&](V i) {
      b.Load(data, i);
      b.Store(data, i, i);
    });
  });
  const std::string before = Print(kernel);
  EXPECT_NE(Print(Dropped(kernel)), before);
  EXPECT_EQ(Print(kernel), before);
}

TEST(DropUnused, ASecondTimeChangesNothing) {
  for (const IdleCase& kept : kKept) {
    for (const IdleCase& idle : kIdle) {
      const Kernel once = Dropped(Written([&](Builder& b, int data) {
        kept.idle(b, data);
        idle.idle(b, data);
      }));
      EXPECT_EQ(Print(Dropped(once)), Print(once)) << kept.name << ", " << idle.name;
    }
  }
}

}  // namespace
}  // namespace dragoman::kernel
