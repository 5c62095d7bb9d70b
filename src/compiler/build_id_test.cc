// SPDX-License-Identifier: Apache-2.0
#include "compiler/build_id.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/os.h"
#include "compiler/compiler.h"

namespace dragoman::compiler {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(BuildId, IsTheSameAtEveryCallAndNeverEmpty) {
  EXPECT_THAT(BuildId(), Not(IsEmpty()));
  EXPECT_EQ(BuildId(), BuildId());
}

#if defined(__linux__)
TEST(BuildId, IsTheLinkersHashOfThisProgram) {
  const auto* self = reinterpret_cast<const void*>(&BuildId);
  if (os::BuildIdOf(self).empty()) GTEST_SKIP() << "This linker makes no build id.";
  EXPECT_EQ(BuildId(), os::BuildIdOf(self));
  EXPECT_THAT(BuildId(), MatchesRegex("[0-9a-f]+"));
}
#endif

// What stands for the note where there is none.
TEST(BuildId, FilesAreToldApartByTheirContents) {
  const auto* self = reinterpret_cast<const void*>(&BuildId);
  const auto* library = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");  // which no sanitizer puts its own before
  EXPECT_THAT(HashOfBinary(self), MatchesRegex("[0-9a-f]{32}"));
  EXPECT_EQ(HashOfBinary(self), HashOfBinary(self));
  EXPECT_NE(HashOfBinary(self), HashOfBinary(library));
}

TEST(BuildId, IsPartOfTheCompilersVersion) { EXPECT_THAT(std::string(Version()), HasSubstr(BuildId())); }

}  // namespace
}  // namespace dragoman::compiler
