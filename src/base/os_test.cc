// SPDX-License-Identifier: Apache-2.0
#include "base/os.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace dragoman::os {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string TextOf(const File& file) {
  std::string text(100, '\0');
  text.resize(file.Read(std::as_writable_bytes(std::span(text))));
  return text;
}

class OsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = (fs::temp_directory_path() / "dragoman-os-XXXXXX").string();
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    path_ = path;
    folder_ = Folder::Open(path_);
    ASSERT_TRUE(folder_.is_open());
  }
  void TearDown() override { fs::remove_all(path_); }
  File Make(const std::string& name, std::string_view text) const {
    File file = folder_.OpenFile(name, OpenMode::kReplace);
    EXPECT_TRUE(file.Write(Bytes(text)));
    return file;
  }
  std::string Read(const std::string& name) const { return TextOf(folder_.OpenFile(name, OpenMode::kRead)); }

  std::string path_;
  Folder folder_;
};

TEST(Os, VariablesThatAreNotSetDifferFromEmptyOnes) {
  ::setenv("DRAGOMAN_OS_TEST", "", 1);
  EXPECT_EQ(EnvironmentVariable("DRAGOMAN_OS_TEST"), "");
  ::unsetenv("DRAGOMAN_OS_TEST");
  EXPECT_EQ(EnvironmentVariable("DRAGOMAN_OS_TEST"), std::nullopt);
}

TEST(Os, ProcessesRunUntilTheirEndIsTold) {
  EXPECT_EQ(ProcessId(), getpid());
  EXPECT_TRUE(IsRunning(ProcessId()));
  EXPECT_TRUE(IsRunning(1)) << "also where it belongs to somebody else";
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(IsRunning(child));
}

TEST(Os, TheMachineHasMemory) { EXPECT_GT(MemoryBytes(), uint64_t{1} << 26); }

TEST_F(OsTest, FilesAreReadAndWrittenFromTheirStart) {
  const File file = folder_.OpenFile("name", OpenMode::kUpdate);
  EXPECT_TRUE(file.Write(Bytes("abcdef")));
  EXPECT_TRUE(file.Write(Bytes("xy"), 1));
  EXPECT_EQ(TextOf(file), "axydef");
  EXPECT_TRUE(file.Truncate(4));
  EXPECT_EQ(Read("name"), "axyd");
  EXPECT_EQ(TextOf(Make("name", "z")), "") << "not for reading";
  EXPECT_EQ(TextOf(file), "z") << "emptied in place";
  EXPECT_FALSE(folder_.OpenFile("name", OpenMode::kRead).Write(Bytes("a")));
}

TEST_F(OsTest, WhatIsNotThereSaysSo) {
  EXPECT_FALSE(folder_.OpenFile("absent", OpenMode::kRead).is_open());
  EXPECT_EQ(LastError(), "No such file or directory");
  EXPECT_EQ(folder_.InfoOf("absent"), std::nullopt);
  EXPECT_EQ(File().Info(), std::nullopt);
  EXPECT_TRUE(folder_.Remove("absent"));
  EXPECT_FALSE(folder_.Rename("absent", "other"));
  EXPECT_FALSE(Folder::Open(path_ + "/absent").is_open());
  EXPECT_THAT(folder_.Names("absent"), IsEmpty());
}

TEST_F(OsTest, LinksAreNotFollowed) {
  Make("file", "text");
  fs::create_symlink("file", path_ + "/link");
  for (const OpenMode mode : {OpenMode::kRead, OpenMode::kUpdate, OpenMode::kReplace}) {
    EXPECT_FALSE(folder_.OpenFile("link", mode).is_open());
  }
  EXPECT_EQ(Read("file"), "text");
  EXPECT_FALSE(folder_.InfoOf("link")->is_regular);
}

TEST_F(OsTest, PipesBlockNobody) {
  ASSERT_EQ(mkfifo((path_ + "/pipe").c_str(), 0600), 0);
  const File file = folder_.OpenFile("pipe", OpenMode::kRead);
  ASSERT_TRUE(file.is_open());
  EXPECT_FALSE(file.Info()->is_regular);
}

TEST_F(OsTest, FilesOfThisUserAloneArePrivate) {
  const File file = Make("name", "text");
  EXPECT_TRUE(file.Info()->IsPrivate());
  EXPECT_TRUE(file.Info()->is_regular);
  EXPECT_EQ(file.Info()->mode, 0600u);
  EXPECT_EQ(file.Info()->owner, UserId());
  EXPECT_EQ(file.Info()->size_bytes, 4u);
  for (const mode_t mode : {0620, 0602}) {
    ASSERT_EQ(chmod((path_ + "/name").c_str(), mode), 0);
    EXPECT_FALSE(file.Info()->IsPrivate()) << mode;
    EXPECT_EQ(file.Info()->mode, mode);
  }
  if (geteuid() != 0) return;
  ASSERT_EQ(chmod((path_ + "/name").c_str(), 0600), 0);
  ASSERT_EQ(chown((path_ + "/name").c_str(), 1234, 0), 0);
  EXPECT_FALSE(file.Info()->IsPrivate());
  EXPECT_EQ(file.Info()->owner, 1234u);
}

TEST_F(OsTest, TouchedFilesAreNew) {
  const File file = Make("name", "text");
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(5);
  fs::last_write_time(path_ + "/name", old);
  const auto age = [&] { return std::chrono::system_clock::now() - file.Info()->modified; };
  EXPECT_GT(age(), std::chrono::hours(4));
  EXPECT_LT(age(), std::chrono::hours(6));
  file.Touch();
  EXPECT_LT(age(), std::chrono::hours(1));
}

TEST_F(OsTest, RenamingReplacesAtOnceAndLeavesTheOldFileToItsReaders) {
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

TEST_F(OsTest, LocksBelongToOneOpening) {
  const File other = folder_.OpenFile("name", OpenMode::kUpdate);
  {
    const File first = folder_.OpenFile("name", OpenMode::kUpdate);
    EXPECT_EQ(first.TryLock(), LockState::kLocked);
    EXPECT_EQ(first.TryLock(), LockState::kLocked);
    EXPECT_EQ(other.TryLock(), LockState::kHeldByAnother);
  }
  EXPECT_EQ(other.TryLock(), LockState::kLocked);
  EXPECT_EQ(File().TryLock(), LockState::kUnsupported);
}

TEST_F(OsTest, FoldersHoldFolders) {
  folder_.MakeFolder("inner");
  Make("inner/a", "1");
  Make("inner/b", "2");
  EXPECT_THAT(folder_.Names("inner"), UnorderedElementsAre("a", "b"));
  folder_.RemoveFolder("inner");
  EXPECT_TRUE(folder_.InfoOf("inner").has_value()) << "it is not empty";
  EXPECT_FALSE(folder_.Remove("inner"));
  EXPECT_TRUE(folder_.Remove("inner/a") && folder_.Remove("inner/b"));
  folder_.RemoveFolder("inner");
  EXPECT_EQ(folder_.InfoOf("inner"), std::nullopt);
}

TEST_F(OsTest, FoldersAreMadeWithThoseAboveThem) {
  const std::string path = path_ + "/one/two/three";
  MakeFolders(path);
  MakeFolders(path);
  const Folder made = Folder::Open(path);
  ASSERT_TRUE(made.is_open());
  EXPECT_EQ(made.Info()->mode, 0700u);
  fs::remove(path);
  EXPECT_TRUE(made.Info()->is_removed);
}

TEST_F(OsTest, FoldersAreFoundThroughLinksOfThisUserAlone) {
  folder_.MakeFolder("inner");
  fs::create_directory_symlink(path_ + "/inner", path_ + "/link");
  EXPECT_TRUE(Folder::Open(path_ + "/link").is_open());
  if (geteuid() != 0) GTEST_SKIP() << "Only the superuser can make a link that belongs to somebody else.";
  ASSERT_EQ(lchown((path_ + "/link").c_str(), 1234, 0), 0);
  EXPECT_FALSE(Folder::Open(path_ + "/link").is_open());
}

TEST(RunProgram, PassesArgumentsEnvironmentAndInput) {
  const File input = File::MakeUnnamed();
  ASSERT_TRUE(input.Write(Bytes("line\n")));
  ::setenv("DRAGOMAN_OS_TEST", "variable", 1);
  const ProgramEnd end = RunProgram(
      {"/bin/sh", "-c", "read text; test \"$text $DRAGOMAN_OS_TEST $1\" = 'line variable argument' && exit 42", "sh",
       "argument"},
      input, std::chrono::minutes(1));
  ::unsetenv("DRAGOMAN_OS_TEST");
  EXPECT_TRUE(end.is_started);
  EXPECT_EQ(end.exit_code, 42);
}

TEST(RunProgram, HasNoExitCodeWhereThereIsNone) {
  const File input = File::MakeUnnamed();
  EXPECT_FALSE(RunProgram({"/no/such/program"}, input, std::chrono::minutes(1)).is_started);
  EXPECT_FALSE(RunProgram({"/bin/sh", "-c", "exit 0"}, File(), std::chrono::minutes(1)).is_started);
  const ProgramEnd killed = RunProgram({"/bin/sh", "-c", "kill -9 $$"}, input, std::chrono::minutes(1));
  EXPECT_TRUE(killed.is_started);
  EXPECT_EQ(killed.exit_code, std::nullopt);
  const ProgramEnd late = RunProgram({"/bin/sh", "-c", "exec sleep 600"}, input, std::chrono::seconds(1));
  EXPECT_TRUE(late.is_started);
  EXPECT_EQ(late.exit_code, std::nullopt);
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

TEST(Binaries, AreFoundByWhatIsInThem) {
  const auto* self = reinterpret_cast<const void*>(&TextOf);
  const std::string path = BinaryPath(self);
  EXPECT_TRUE(IsExecutable(path)) << path;
  EXPECT_FALSE(IsExecutable(fs::path(path).parent_path().string())) << "a folder";
  EXPECT_FALSE(IsExecutable(path + ".absent"));
  EXPECT_EQ(ReadBinary(self).size(), fs::file_size(path));
  EXPECT_THAT(BuildIdOf(self), MatchesRegex("[0-9a-f]*"));
  EXPECT_THAT(BuildIdOf(nullptr), IsEmpty());
  EXPECT_THAT(BinaryPath(nullptr), IsEmpty());
}

}  // namespace
}  // namespace dragoman::os
