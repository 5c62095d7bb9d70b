// SPDX-License-Identifier: Apache-2.0
#include "compiler/build_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/os.h"
#include "compiler/compiler.h"

namespace dragoman::compiler {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(BuildId, IsTheSameAtEveryCallAndNeverEmpty) {
  EXPECT_THAT(BuildId(), Not(IsEmpty()));
  EXPECT_EQ(BuildId(), BuildId());
}

TEST(BuildId, IsTheLinkersHashOrThatOfTheFile) {
  const auto* self = reinterpret_cast<const void*>(&BuildId);
  const std::string linkers = os::BuildIdOf(self), file = HashOfBinary(self);
  EXPECT_EQ(BuildId(), linkers.empty() ? file : linkers);
  EXPECT_EQ(BuildId().find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(file, HashOfBinary(self));
  EXPECT_EQ(file.size(), 32u);
}

TEST(BuildId, IsPartOfTheCompilersVersion) { EXPECT_THAT(std::string(Version()), HasSubstr(BuildId())); }

}  // namespace
}  // namespace dragoman::compiler
