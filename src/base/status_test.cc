// SPDX-License-Identifier: Apache-2.0
#include "base/status.h"

#include <gtest/gtest.h>

namespace dragoman {
namespace {

TEST(Status, ContextKeepsWhatTheErrorIs) {
  EXPECT_TRUE(OkStatus().WithContext("In a test.").ok());
  const Status error = Unavailable("The driver is gone.").WithContext("In a test.");
  EXPECT_EQ(error.code(), StatusCode::kUnavailable);
  EXPECT_EQ(error.message(), "The driver is gone. In a test.");
  EXPECT_FALSE(error.is_device_lost());
  EXPECT_TRUE(Status::DeviceLost("It hung.").WithContext("In a test.").is_device_lost());
  EXPECT_FALSE(OkStatus().is_device_lost());
}

StatusOr<int> OwesAValue(bool has_value) {
  if (has_value) return 3;
  return OkStatus();
}

Status HandsOn(bool has_value, int& value) {
  ASSIGN_OR_RETURN(value, OwesAValue(has_value));
  return OkStatus();
}

TEST(StatusOr, WithoutAValueIsAlwaysAnError) {
  int value = 0;
  EXPECT_TRUE(HandsOn(true, value).ok());
  EXPECT_EQ(value, 3);
  EXPECT_EQ(OwesAValue(false).status().code(), StatusCode::kInternal);
  EXPECT_FALSE(HandsOn(false, value).ok()) << "an OK status was handed on for a value that is not there";
}

}  // namespace
}  // namespace dragoman
