// SPDX-License-Identifier: Apache-2.0
// The cache's folder where files have modes, and where names may be pipes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cache_folder_testing.h"
#include "base/cache_mark.h"
#include "base/os_testing.h"

namespace dragoman {
namespace {

using ::testing::HasSubstr;

class CacheFolderPosixTest : public CacheFolderFixture {};

TEST_F(CacheFolderPosixTest, FollowsNoLinkAndWaitsForNoPipe) {
  const auto folder = Open();
  folder->Insert(kProgram, {1, 1}, Bytes("one"));
  fs::rename(PathOf({1, 1}), fs::path(directory_) / "elsewhere");
  fs::create_symlink(fs::path(directory_) / "elsewhere", PathOf({1, 1}));
  EXPECT_FALSE(folder->Find(kProgram, {1, 1}).has_value());
  ASSERT_EQ(mkfifo(PathOf({2, 2}).c_str(), 0600), 0);
  EXPECT_FALSE(folder->Find(kProgram, {2, 2}).has_value());
}

TEST_F(CacheFolderPosixTest, IsMadeForItsOwnerAlone) {
  const mode_t mask = umask(0);
  Open()->Insert(kProgram, {1, 2}, Bytes("x"));
  umask(mask);
  struct stat folder, file;
  ASSERT_EQ(stat(directory_.c_str(), &folder), 0);
  ASSERT_EQ(stat(PathOf({1, 2}).c_str(), &file), 0);
  EXPECT_EQ(folder.st_mode & 0777, 0700u);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
}

TEST_F(CacheFolderPosixTest, IsNotUsedWhereOthersMayWrite) {
  fs::create_directories(directory_);
  for (const mode_t mode : {0770u, 0702u, 01777u}) {
    ASSERT_EQ(chmod(directory_.c_str(), mode), 0);
    const auto folder = CacheFolder::Open(directory_, kLarge);
    EXPECT_EQ(folder.status().code(), StatusCode::kFailedPrecondition) << mode;
    EXPECT_THAT(folder.status().message(), HasSubstr(directory_));
    EXPECT_THAT(folder.status().message(), HasSubstr("chmod 700"));
  }
  ASSERT_EQ(chmod(directory_.c_str(), 0755), 0);
  EXPECT_TRUE(CacheFolder::Open(directory_, kLarge).ok());
}

TEST_F(CacheFolderPosixTest, IsNotUsedWhereItBelongsToSomebodyElse) {
  if (geteuid() != 0) GTEST_SKIP() << "Only root can give a folder away.";
  fs::create_directories(directory_);
  ASSERT_EQ(chown(directory_.c_str(), 12345, static_cast<gid_t>(-1)), 0);
  const auto folder = CacheFolder::Open(directory_, kLarge);
  EXPECT_EQ(folder.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(folder.status().message(), HasSubstr("belongs to user 12345"));
  fs::remove_all(directory_);
  fs::create_directories(directory_ + "_target");
  fs::create_directory_symlink(directory_ + "_target", directory_);
  EXPECT_TRUE(CacheFolder::Open(directory_, kLarge).ok()) << "The user's own link is followed.";
  ASSERT_EQ(lchown(directory_.c_str(), 12345, static_cast<gid_t>(-1)), 0);
  EXPECT_FALSE(CacheFolder::Open(directory_, kLarge).ok());
  fs::remove_all(directory_ + "_target");
}

TEST_F(CacheFolderPosixTest, AFileThatOthersMayWriteIsIgnored) {
  const auto folder = Open();
  folder->Insert(kProgram, {1, 1}, Bytes("one"));
  ASSERT_EQ(chmod(PathOf({1, 1}).c_str(), 0602), 0);
  EXPECT_FALSE(folder->Find(kProgram, {1, 1}).has_value());
}

TEST_F(CacheFolderPosixTest, AnUnwritableFolderIsReadAndHarmsNothing) {
  const bool is_root = geteuid() == 0;  // who may write everywhere
  if (is_root) {
    ASSERT_EQ(seteuid(12345), 0);
  }
  Open()->Insert(kProgram, {1, 2}, Bytes("x"));
  ASSERT_EQ(chmod(directory_.c_str(), 0500), 0);
  EXPECT_EQ(Open()->Find(kProgram, {1, 2}), Bytes("x"));
  EXPECT_FALSE(Open()->Insert(kProgram, {3, 4}, Bytes("y")));
  chmod(directory_.c_str(), 0700);
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
}

TEST_F(CacheFolderPosixTest, AnUnwritableFolderHasNoMarks) {
  const auto folder = Open();
  const bool is_root = geteuid() == 0;  // who may write everywhere
  fs::permissions(directory_, fs::perms::owner_read | fs::perms::owner_exec);
  if (is_root) {
    ASSERT_EQ(seteuid(12345), 0);
  }
  EXPECT_EQ(CacheMark::Set(*folder, {1, 2}, "a kernel").state(), MarkState::kNone);
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  fs::permissions(directory_, fs::perms::owner_all);
}

// Names of open files are free at once here; under Wine they are not, and the mark then counts as held.
TEST_F(CacheFolderPosixTest, AMarkIsNotRemovedByAnOwnerWhoseMarkWasCleared) {
  const auto folder = Open();
  auto first = std::make_unique<CacheMark>(CacheMark::Set(*folder, Hash128{1, 2}, "first"));
  folder->ClearMarks();
  const CacheMark second = CacheMark::Set(*folder, Hash128{1, 2}, "second");
  EXPECT_EQ(second.state(), MarkState::kSet);
  first = nullptr;
  EXPECT_EQ(folder->MarkNames().size(), 1u);
}

TEST_F(CacheFolderPosixTest, ALinkIsNoMark) {
  const auto folder = Open();
  fs::create_symlink("/dev/null", fs::path(directory_) / (Hash128{1, 2}.Hex() + ".mark"));
  EXPECT_EQ(CacheMark::Set(*folder, {1, 2}, "a kernel").state(), MarkState::kNone);
}

TEST(CacheDirectory, FollowsTheUsersFolders) {
  os::ClearVariable("DRAGOMAN_CACHE_DIR");
  os::SetVariable("HOME", "/home/somebody");
  os::ClearVariable("XDG_CACHE_HOME");
  EXPECT_EQ(CacheDirectory(), "/home/somebody/.cache/dragoman");
  os::SetVariable("XDG_CACHE_HOME", "/xdg");
  EXPECT_EQ(CacheDirectory(), "/xdg/dragoman");
}

}  // namespace
}  // namespace dragoman
