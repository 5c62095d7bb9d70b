// SPDX-License-Identifier: Apache-2.0
#include "compiler/build_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/compiler.h"

namespace dragoman::compiler {
namespace {

#if defined(__linux__)
TEST(BuildId, IsTheLinkersHashOfThisProgram) {
  EXPECT_THAT(BuildId(), ::testing::MatchesRegex("[0-9a-f]+"));
  EXPECT_EQ(BuildId(), BuildId());
}
#endif

TEST(BuildId, IsPartOfTheCompilersVersion) { EXPECT_THAT(std::string(Version()), ::testing::HasSubstr(BuildId())); }

}  // namespace
}  // namespace dragoman::compiler
