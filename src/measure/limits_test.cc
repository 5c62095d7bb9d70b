// SPDX-License-Identifier: Apache-2.0
#include "measure/limits.h"

#include <gtest/gtest.h>

namespace dragoman::measure {
namespace {

TEST(MeasureLimits, FindsWhatTheDeviceAtHandReaches) {
  const auto client = runtime::Client::Create({});
  ASSERT_TRUE(client.ok()) << client.status().message();
  runtime::Device& device = *(*client)->devices().front();
  const auto limits = MeasureLimits(device);
  ASSERT_TRUE(limits.ok()) << limits.status().message();
  EXPECT_GT(limits->bytes_per_second, 1e7);
  EXPECT_LT(limits->bytes_per_second, 1e14);
  EXPECT_GT(limits->flops_per_second, 1e8);
  EXPECT_LT(limits->flops_per_second, 1e16);
  EXPECT_GT(limits->launch_seconds, 0);
  EXPECT_LT(limits->launch_seconds, 0.1);
  EXPECT_EQ(limits->matrix_flops_per_second > 0, device.profile().cooperative_matrix);
}

}  // namespace
}  // namespace dragoman::measure
