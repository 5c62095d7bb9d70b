// SPDX-License-Identifier: Apache-2.0
// Kernels that differ in extents alone are equal once these are parameters, and compute what they did.
#include "kernel/lift_extents.h"

#include <gtest/gtest.h>

#include <cstring>

#include "kernel/builder.h"
#include "kernel/drop_unused.h"
#include "kernel/interpreter.h"
#include "kernel/loop_bound.h"

namespace dragoman::kernel {
namespace {

constexpr int kWorkgroup = 8;

// mean[row] = (x[row][0] + ... ) / columns, an invocation a row.
Kernel MeansKernel(const target::DeviceProfile& profile, int rows, int columns) {
  Builder b(profile);
  const int x = b.AddBuffer({.memory = DType::kF32, .is_read = true});
  const int mean = b.AddBuffer({.memory = DType::kF32, .is_written = true});
  const V row = b.GlobalIndex(kWorkgroup);
  b.If(b.ULt(row, b.I32(rows)), [&] {
    const std::vector<V> sum =
        b.For(b.I32(0), b.I32(columns), b.I32(1), {b.F32(0)}, [&](V i, std::span<const V> carried) -> std::vector<V> {
          return {b.FAdd(carried[0], b.Load(x, b.MulAdd(row, columns, i)))};
        });
    b.Store(mean, row, b.FDiv(sum[0], b.F32(static_cast<float>(columns))));
  });
  return std::move(b).Finish(kWorkgroup);
}

struct Lifted {
  Kernel kernel;
  std::vector<uint32_t> params;
};
Lifted Lift(Kernel kernel) {
  Lifted lifted{std::move(kernel), {}};
  LiftExtents(lifted.kernel, lifted.params);
  DropUnused(lifted.kernel);
  return lifted;
}

std::vector<std::byte> Means(const Lifted& lifted, int rows, int columns) {
  std::vector<std::byte> x(sizeof(float) * rows * columns), mean(sizeof(float) * rows);
  for (int i = 0; i < rows * columns; ++i) {
    const float value = 0.1f * static_cast<float>(i % 37) - 1.0f;
    std::memcpy(x.data() + sizeof(float) * i, &value, sizeof(float));
  }
  std::vector<std::byte>* const buffers[] = {&x, &mean};
  const Status run = Interpret(lifted.kernel, buffers, lifted.params, (rows + kWorkgroup - 1) / kWorkgroup);
  EXPECT_TRUE(run.ok()) << run.message() << "\n" << Print(lifted.kernel);
  return mean;
}

TEST(LiftExtents, MakesKernelsOfOtherLengthsEqual) {
  const target::DeviceProfile profile;
  const Lifted some = Lift(MeansKernel(profile, 21, 35)), others = Lift(MeansKernel(profile, 43, 57));
  EXPECT_EQ(Print(some.kernel), Print(others.kernel));
  EXPECT_NE(some.params, others.params);
  EXPECT_EQ(static_cast<int>(some.params.size()), some.kernel.num_params);
  EXPECT_TRUE(Verify(some.kernel).ok()) << Verify(some.kernel).message();
}

TEST(LiftExtents, ComputesWhatTheKernelDidToTheBit) {
  const target::DeviceProfile profile;
  for (const int rows : {1, 8, 21}) {
    for (const int columns : {1, 3, 8, 9, 32, 35}) {
      const Kernel kernel = MeansKernel(profile, rows, columns);
      EXPECT_EQ(Means(Lift(kernel), rows, columns), Means({kernel, {}}, rows, columns)) << rows << " by " << columns;
    }
  }
}

TEST(LiftExtents, LeavesCopiesOfTheKernelAlone) {
  const Kernel kernel = MeansKernel({}, 21, 35);
  const std::string before = Print(kernel);
  const Lifted lifted = Lift(kernel);
  EXPECT_EQ(Print(kernel), before);
  EXPECT_NE(Print(lifted.kernel), before);
}

TEST(LiftExtents, KeepsTheParametersThatAreThere) {
  const target::DeviceProfile profile;
  Builder b(profile);
  const int out = b.AddBuffer({.memory = DType::kS32, .is_written = true});
  const V limit = b.Param(b.AddParam());
  const V i = b.LocalIndex();
  b.If(b.ULt(i, limit), [&] { b.Store(out, i, b.IMul(i, b.I32(1001))); });
  Lifted lifted{std::move(b).Finish(kWorkgroup), {5}};
  LiftExtents(lifted.kernel, lifted.params);
  EXPECT_EQ(lifted.params, (std::vector<uint32_t>{5, 1001}));
}

TEST(LiftExtents, LeavesNumbersThatMeetNoPosition) {
  const target::DeviceProfile profile;
  Builder b(profile);
  const int data = b.AddBuffer({.memory = DType::kS32, .is_read = true, .is_written = true});
  const V i = b.LocalIndex();
  b.Store(data, i, b.IMul(b.Load(data, i), b.I32(1001)));
  const Lifted lifted = Lift(std::move(b).Finish(kWorkgroup));
  EXPECT_TRUE(lifted.params.empty()) << Print(lifted.kernel);
}

TEST(LiftExtents, KeepsWhatLoopsSayOfThemselves) {
  const Kernel kernel = MeansKernel({}, 21, 35);
  EXPECT_EQ(LoopIterations(Lift(kernel).kernel), LoopIterations(kernel));
}

}  // namespace
}  // namespace dragoman::kernel
