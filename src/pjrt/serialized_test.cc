// SPDX-License-Identifier: Apache-2.0
#include "pjrt/serialized.h"

#include <gtest/gtest.h>

namespace dragoman::pjrt {
namespace {

const Serialized kExample{{1, 2}, {3, 4}, "options", "the program"};

TEST(Serialized, IsReadAsItWasWritten) {
  const std::string bytes = WriteSerialized(kExample);
  const StatusOr<Serialized> read = ReadSerialized(bytes);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->profile, kExample.profile);
  EXPECT_EQ(read->version, kExample.version);
  EXPECT_EQ(read->options, "options");
  EXPECT_EQ(read->program, "the program");
  EXPECT_TRUE(ReadSerialized(WriteSerialized({})).ok());
}

TEST(Serialized, RefusesEveryChangedByteAndEveryCut) {
  const std::string bytes = WriteSerialized(kExample);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    EXPECT_EQ(ReadSerialized(changed).status().code(), StatusCode::kInvalidArgument) << i;
    EXPECT_EQ(ReadSerialized(bytes.substr(0, i)).status().code(), StatusCode::kInvalidArgument) << i;
  }
  EXPECT_FALSE(ReadSerialized(bytes + "x").ok());
}

}  // namespace
}  // namespace dragoman::pjrt
