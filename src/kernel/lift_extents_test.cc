// SPDX-License-Identifier: Apache-2.0
// Kernels that differ in extents alone are equal once these are parameters, and compute what they did.
#include "kernel/lift_extents.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "kernel/builder.h"
#include "kernel/drop_unused.h"
#include "kernel/kernel_testing.h"
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

// ---- Which numbers are extents: those right below and above each limit

enum class Place { kSum, kDifference, kProduct, kQuotient, kComparison, kMinimum, kChoice, kMask, kShift };

struct NumberRow {
  Place place;
  int64_t largest_kept;  // of this magnitude and smaller; -1: all
};
constexpr NumberRow kNumberRows[] = {
    {Place::kSum, 8},     {Place::kDifference, 8}, {Place::kProduct, 2}, {Place::kQuotient, 2}, {Place::kComparison, 2},
    {Place::kMinimum, 2}, {Place::kChoice, 8},     {Place::kMask, -1},   {Place::kShift, -1},
};

V Use(Builder& b, Place place, V x, V number) {
  switch (place) {
    case Place::kSum:
      return b.IAdd(x, number);
    case Place::kDifference:
      return b.ISub(x, number);
    case Place::kProduct:
      return b.IMul(x, number);
    case Place::kQuotient:
      return b.UDiv(x, number);
    case Place::kComparison:
      return b.Select(b.SLt(x, number), x, b.LocalIndex());
    case Place::kMinimum:
      return b.SMin(x, number);
    case Place::kChoice:
      return b.Select(b.SLt(b.LocalIndex(), x), x, number);
    case Place::kMask:
      return b.Xor(x, number);
    case Place::kShift:
      return b.Binary(KOp::kShrU, number, b.And(x, b.I32(1)));
  }
  return x;
}

Kernel NumberKernel(Place place, int64_t number) {
  const target::DeviceProfile profile;
  Builder b(profile);
  const int out = b.AddBuffer({.memory = DType::kS32, .is_written = true});
  b.Store(out, b.LocalIndex(), Use(b, place, b.GlobalIndex(1), b.I32(number)));
  return std::move(b).Finish(kWorkgroup);
}

TEST(LiftExtents, LiftsNumbersBeyondTheirPlacesLimitAlone) {
  // Powers of two do not remain in products and quotients.
  for (const int64_t number : {3, 5, 6, 7, 9, 10, 11, 255, 1000, 50257, INT32_MAX, -3, -7, -8, -9, -1000, INT32_MIN}) {
    for (const NumberRow& row : kNumberRows) {
      const bool is_shift = row.place == Place::kProduct || row.place == Place::kQuotient;
      if (is_shift && number == -8) continue;
      const Kernel kernel = NumberKernel(row.place, number);
      const Lifted lifted = Lift(kernel);
      const bool is_lifted = row.largest_kept >= 0 && std::abs(number) > row.largest_kept;
      EXPECT_EQ(lifted.params.empty(), !is_lifted) << static_cast<int>(row.place) << ": " << number << "\n"
                                                   << Print(lifted.kernel);
      EXPECT_TRUE(Verify(lifted.kernel).ok()) << Verify(lifted.kernel).message();
      std::vector<Memory> before = {Memory(4 * kWorkgroup)}, after = before;
      ASSERT_TRUE(RunOn(kernel, before).ok());
      ASSERT_TRUE(RunOn(lifted.kernel, after, 1, lifted.params).ok());
      EXPECT_EQ(before, after) << static_cast<int>(row.place) << ": " << number;
    }
  }
}

TEST(LiftExtents, OneNumberIsOneParameterAndTwiceIsOnce) {
  const target::DeviceProfile profile;
  Builder b(profile);
  const int out = b.AddBuffer({.memory = DType::kS32, .is_written = true});
  const V i = b.GlobalIndex(kWorkgroup), n = b.I32(50257);
  b.If(b.ULt(i, n), [&] { b.Store(out, i, b.IAdd(b.UDiv(i, n), b.IMul(b.LocalIndex(), n))); });
  Lifted lifted = Lift(std::move(b).Finish(kWorkgroup));
  EXPECT_EQ(lifted.params, std::vector<uint32_t>{50257});
  EXPECT_EQ(CountOf(lifted.kernel.body, KOp::kParam), 1);
  const std::string once = Print(lifted.kernel);
  LiftExtents(lifted.kernel, lifted.params);
  EXPECT_EQ(Print(lifted.kernel), once);
  EXPECT_EQ(lifted.params.size(), 1u);
}

// Counts of means: whole numbers from 9 to 2^24, whatever they divide.
TEST(LiftExtents, LiftsCountsOfMeansAndNoCoefficients) {
  const target::DeviceProfile profile;
  const struct {
    float number;
    bool is_count;
  } rows[] = {{9, true},     {1000, true},      {50257, true},    {0x1p24f - 1, true}, {8, false},
              {7, false},    {0x1p24f, false},  {0x1p25f, false}, {9.5f, false},       {-9, false},
              {0.1f, false}, {INFINITY, false}, {NAN, false},     {1e30f, false}};
  for (const auto& row : rows) {
    for (const KOp op : {KOp::kFMul, KOp::kFDiv, KOp::kFAdd}) {
      Builder b(profile);
      const int data = b.AddBuffer({.memory = DType::kF32, .is_read = true, .is_written = true});
      b.Store(data, b.LocalIndex(), b.Binary(op, b.Load(data, b.LocalIndex()), b.F32(row.number)));
      const Lifted lifted = Lift(std::move(b).Finish(kWorkgroup));
      EXPECT_EQ(lifted.params.size(), row.is_count && op != KOp::kFAdd ? 1u : 0u) << row.number << " " << Name(op);
    }
  }
}

TEST(LiftExtents, LeavesStepsOfLoopsWideNumbersAndThoseOfLoadedValues) {
  target::DeviceProfile profile;
  profile.int64 = true;
  Builder b(profile);
  const int data = b.AddBuffer({.memory = DType::kS32, .is_read = true, .is_written = true});
  const V i = b.LocalIndex();
  b.ForEach({i, b.IAdd(i, b.I32(3)), b.I32(64), 1},
            [&](V k) { b.Store(data, k, b.IAdd(b.Load(data, k), b.I32(777))); });
  const V wide = b.IAdd(b.Convert(KOp::kZExt, i, KType::kI64), b.I64(1000));
  b.Store(data, b.I32(1), b.Convert(KOp::kTruncI, wide, KType::kI32));
  Kernel kernel = std::move(b).Finish(kWorkgroup);
  const Lifted lifted = Lift(kernel);
  DropUnused(kernel);  // which numbers the values
  EXPECT_TRUE(lifted.params.empty()) << Print(lifted.kernel);
  EXPECT_EQ(Print(lifted.kernel), Print(kernel));
}

}  // namespace
}  // namespace dragoman::kernel
