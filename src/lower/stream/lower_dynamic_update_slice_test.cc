// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "lower/group_testing.h"
#include "lower/stream/kinds.h"

namespace dragoman::kernel {
namespace {

void CheckUpdate(const std::string& dtype, const Dims& update, const std::vector<double>& starts) {
  const Dims extents = {5, 8};
  for (const target::DeviceProfile& profile : TestProfiles()) {
    TestGroup test(
        Format("(%0: tensor<5x8x{0}>, %1: tensor<{1}x{2}x{0}>, %2: tensor<si32>, %3: tensor<si32>) {{ %4 = negate(%1) "
               ": tensor<{1}x{2}x{0}> %5 = dynamic_update_slice(%0, %4, %2, %3) : tensor<5x8x{0}> return(%5) }}",
               dtype, update[0], update[1]),
        fusion::GroupKind::kDynamicUpdateSlice);
    const std::vector<Numbers> in = test.SetRandomInputs();
    test.SetInput(2, {starts[0]});
    test.SetInput(3, {starts[1]});
    test.Set(test.group.outputs[0], in[0]);  // in place
    test.Run(profile);
    const auto offset = [&](int i) {
      return std::clamp<int64_t>(static_cast<int64_t>(starts[i]), 0, extents[i] - update[i]);
    };
    test.Expect(0, [&](const Dims& at) {
      const int64_t row = at[0] - offset(0), column = at[1] - offset(1);
      const bool is_inside = row >= 0 && row < update[0] && column >= 0 && column < update[1];
      return is_inside ? -in[1][row * update[1] + column] : in[0][at[0] * 8 + at[1]];
    });
  }
}

TEST(LowerDynamicUpdateSlice, WritesTheUpdateOnlyAndClampsStarts) {
  for (const char* dtype : {"f32", "si8", "bf16", "c64"}) {
    SCOPED_TRACE(dtype);
    for (const double start : {-2.0, 0.0, 1.0, 50.0}) {
      CheckUpdate(dtype, {2, 3}, {start, start});
      CheckUpdate(dtype, {2, 8}, {start, start});
      CheckUpdate(dtype, {5, 8}, {start, start});
      CheckUpdate(dtype, {1, 1}, {start, start});
    }
  }
}

TEST(LowerDynamicUpdateSlice, EmptyUpdatesGiveNoDispatch) {
  const TestGroup test(
      "(%0: tensor<5xf32>, %1: tensor<0xf32>, %2: tensor<si32>) { %3 = dynamic_update_slice(%0, %1, %2) : "
      "tensor<5xf32> "
      "return(%3) }",
      fusion::GroupKind::kDynamicUpdateSlice);
  const StatusOr<LoweredGroup> lowered = test.Lower(VectorProfile());
  ASSERT_TRUE(lowered.ok());
  EXPECT_TRUE(lowered->dispatches.empty());
}

}  // namespace
}  // namespace dragoman::kernel
