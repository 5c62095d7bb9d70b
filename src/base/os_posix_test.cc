// SPDX-License-Identifier: Apache-2.0
// The door to systems after POSIX: modes, pipes, signals, the shell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/os_files_testing.h"
#include "base/os_testing.h"

namespace dragoman::os {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class OsPosixTest : public OsFilesFixture {};

TEST_F(OsPosixTest, LinksAreNotFollowed) {
  Make("file", "text");
  fs::create_symlink("file", path_ + "/link");
  for (const OpenMode mode : {OpenMode::kRead, OpenMode::kUpdate, OpenMode::kReplace}) {
    EXPECT_FALSE(folder_.OpenFile("link", mode).is_open());
  }
  EXPECT_EQ(Read("file"), "text");
  EXPECT_FALSE(folder_.InfoOf("link")->is_regular);
}

TEST_F(OsPosixTest, RenamingReplacesAtOnceAndLeavesTheOldFileToItsReaders) {
  Make("old", "old text");
  Make("new", "new text");
  const File reader = folder_.OpenFile("old", OpenMode::kRead);
  EXPECT_TRUE(folder_.Rename("new", "old"));
  EXPECT_EQ(Read("old"), "new text");
  EXPECT_EQ(TextOf(reader), "old text");
  EXPECT_TRUE(reader.Info()->is_removed);
  EXPECT_FALSE(folder_.InfoOf("old")->is_removed);
  EXPECT_THAT(folder_.Names(), UnorderedElementsAre("old"));
}

TEST_F(OsPosixTest, RemovedFoldersSaySo) {
  MakeFolders(path_ + "/inner");
  const Folder inner = Folder::Open(path_ + "/inner");
  EXPECT_FALSE(inner.Info()->is_removed);
  folder_.RemoveFolder("inner");
  EXPECT_TRUE(inner.Info()->is_removed);
}

TEST(OsPosix, OtherUsersProcessesRunToo) { EXPECT_TRUE(IsRunning(1)); }

TEST_F(OsPosixTest, PipesBlockNobody) {
  ASSERT_EQ(mkfifo((path_ + "/pipe").c_str(), 0600), 0);
  const File file = folder_.OpenFile("pipe", OpenMode::kRead);
  ASSERT_TRUE(file.is_open());
  EXPECT_FALSE(file.Info()->is_regular);
}

TEST_F(OsPosixTest, FilesOfThisUserAloneArePrivate) {
  const File file = Make("name", "text");
  EXPECT_TRUE(file.Info()->IsPrivate());
  EXPECT_TRUE(file.Info()->is_regular);
  EXPECT_EQ(file.Info()->owner, UserId());
  EXPECT_EQ(file.Info()->size_bytes, 4u);
  for (const mode_t mode : {0620, 0602}) {
    ASSERT_EQ(chmod((path_ + "/name").c_str(), mode), 0);
    EXPECT_FALSE(file.Info()->IsPrivate()) << mode;
  }
  if (geteuid() != 0) return;
  ASSERT_EQ(chmod((path_ + "/name").c_str(), 0600), 0);
  ASSERT_EQ(chown((path_ + "/name").c_str(), 1234, 0), 0);
  EXPECT_FALSE(file.Info()->IsPrivate());
  EXPECT_EQ(file.Info()->owner, 1234u);
}

TEST_F(OsPosixTest, FoldersAreFoundThroughLinksOfThisUserAlone) {
  folder_.MakeFolder("inner");
  fs::create_directory_symlink(path_ + "/inner", path_ + "/link");
  EXPECT_TRUE(Folder::Open(path_ + "/link").is_open());
  if (geteuid() != 0) GTEST_SKIP() << "Only the superuser can make a link that belongs to somebody else.";
  ASSERT_EQ(lchown((path_ + "/link").c_str(), 1234, 0), 0);
  EXPECT_FALSE(Folder::Open(path_ + "/link").is_open());
}

TEST(RunShell, PassesArgumentsEnvironmentAndInput) {
  const File input = File::MakeUnnamed();
  ASSERT_TRUE(input.Write(Bytes("line\n")));
  SetVariable("DRAGOMAN_OS_TEST", "variable");
  const ProgramEnd end = RunProgram(
      {"/bin/sh", "-c", "read text; test \"$text $DRAGOMAN_OS_TEST $1\" = 'line variable argument' && exit 42", "sh",
       "argument"},
      input, std::chrono::minutes(1));
  ClearVariable("DRAGOMAN_OS_TEST");
  EXPECT_TRUE(end.is_started);
  EXPECT_EQ(end.exit_code, 42);
}

TEST(RunShell, HasNoExitCodeWhereThereIsNone) {
  const File input = File::MakeUnnamed();
  const ProgramEnd killed = RunProgram({"/bin/sh", "-c", "kill -9 $$"}, input, std::chrono::minutes(1));
  EXPECT_TRUE(killed.is_started);
  EXPECT_EQ(killed.exit_code, std::nullopt);
}

TEST(Libraries, AreOpenedByNameAndSaySoWhereTheyAreNot) {
  const StatusOr<void*> missing = OpenLibrary("libno_such_library.so.1", Binding::kPlain);
  EXPECT_EQ(missing.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(missing.status().message(), HasSubstr("libno_such_library.so.1"));
  const StatusOr<void*> library = OpenLibrary("libm.so.6", Binding::kDeep);
  ASSERT_TRUE(library.ok()) << library.status().message();
  auto* cosine = reinterpret_cast<double (*)(double)>(FindSymbol(*library, "cos"));
  ASSERT_NE(cosine, nullptr);
  EXPECT_EQ(cosine(0), 1);
  EXPECT_EQ(FindSymbol(*library, "no_such_function"), nullptr);
}

}  // namespace
}  // namespace dragoman::os
