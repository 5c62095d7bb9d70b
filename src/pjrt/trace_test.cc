// SPDX-License-Identifier: Apache-2.0
#include "pjrt/trace.h"

#include <gmock/gmock.h>

#include "pjrt/api.h"

namespace dragoman::pjrt {
namespace {

using ::testing::HasSubstr;

TEST(Trace, WritesPlanesLinesAndEventsAndForgetsThem) {
  Trace trace;
  EXPECT_FALSE(trace.is_on());
  trace.Start();
  EXPECT_TRUE(trace.is_on());
  const auto begin = Trace::Clock::time_point(std::chrono::microseconds(3));
  trace.AddTransfer(2, "up", 5, begin);
  trace.Stop();
  EXPECT_FALSE(trace.is_on());
  const std::string bytes = trace.Take();
  // A plane (field 1 of the space) whose number is 3 and whose name follows.
  EXPECT_EQ(bytes[0], '\x0a');
  EXPECT_THAT(bytes, HasSubstr(std::string("\x08\x03\x12\x0d") + "/device:GPU:2"));
  EXPECT_THAT(bytes, HasSubstr("\x12\x18Transfers (host's clock)\x18\xb8\x17"));  // begins at 3000 ns, as a varint
  EXPECT_THAT(bytes, HasSubstr("\x08\x01\x18\x05"));                              // statistic 1 is 5
  EXPECT_EQ(trace.Take(), "");
}

TEST(Trace, IsReachedByTheProfilersExtension) {
  const PJRT_Extension_Base* extension = Api()->extension_start;
  ASSERT_NE(extension, nullptr);
  EXPECT_EQ(extension->type, 1);
  EXPECT_EQ(extension->next, nullptr);
  EXPECT_EQ(extension->struct_size, sizeof(PJRT_Extension_Base) + 16);
}

}  // namespace
}  // namespace dragoman::pjrt
