// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/os_files_testing.h"
#include "base/os_testing.h"

namespace dragoman::os {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class OsTest : public OsFilesFixture {};

TEST(Os, VariablesThatAreNotSetDifferFromEmptyOnes) {
  SetVariable("DRAGOMAN_OS_TEST", "");
  EXPECT_EQ(EnvironmentVariable("DRAGOMAN_OS_TEST"), "");
  ClearVariable("DRAGOMAN_OS_TEST");
  EXPECT_EQ(EnvironmentVariable("DRAGOMAN_OS_TEST"), std::nullopt);
}

TEST(Os, ProcessesRunUntilTheirEndIsTold) {
  EXPECT_GT(ProcessId(), 0);
  EXPECT_TRUE(IsRunning(ProcessId()));
  EXPECT_FALSE(IsRunning(1 << 22)) << "above the numbers that systems give";
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
  EXPECT_THAT(LastError(), Not(IsEmpty()));
  EXPECT_EQ(folder_.InfoOf("absent"), std::nullopt);
  EXPECT_EQ(File().Info(), std::nullopt);
  EXPECT_TRUE(folder_.Remove("absent"));
  EXPECT_FALSE(folder_.Rename("absent", "other"));
  EXPECT_FALSE(Folder::Open(path_ + "/absent").is_open());
  EXPECT_THAT(folder_.Names("absent"), IsEmpty());
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

TEST_F(OsTest, RenamingReplaces) {
  Make("old", "old text");
  Make("new", "new text");
  EXPECT_TRUE(folder_.Rename("new", "old"));
  EXPECT_EQ(Read("old"), "new text");
  EXPECT_THAT(folder_.Names(), UnorderedElementsAre("old"));
}

TEST_F(OsTest, LocksBelongToOneOpening) {
  const File other = folder_.OpenFile("name", OpenMode::kUpdate);
  {
    const File first = folder_.OpenFile("name", OpenMode::kUpdate);
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
  EXPECT_TRUE(made.Info()->IsPrivate());
}

// What the three tests below start: this program again, with a disabled test.
// Run by the tests below in processes of their own.
TEST(RunProgramChild, DISABLED_ExitsByWhatItIsTold) {
  const std::vector<std::byte> input = ReadStandardInput();
  const std::string text(reinterpret_cast<const char*>(input.data()), input.size());
  std::_Exit(text + EnvironmentVariable("DRAGOMAN_OS_TEST").value_or("") == "line variable ä" ? 42 : 1);
}
TEST(RunProgramChild, DISABLED_IsLate) { std::this_thread::sleep_for(std::chrono::minutes(10)); }

std::vector<std::string> ChildCommand(const std::string& test) {
  return {BinaryPath(reinterpret_cast<const void*>(&ChildCommand)), "--gtest_also_run_disabled_tests",
          "--gtest_filter=RunProgramChild.DISABLED_" + test};
}

TEST(RunProgram, PassesArgumentsEnvironmentAndInput) {
  const File input = File::MakeUnnamed();
  ASSERT_TRUE(input.Write(Bytes("line")));
  SetVariable("DRAGOMAN_OS_TEST", " variable ä");
  const ProgramEnd end = RunProgram(ChildCommand("ExitsByWhatItIsTold"), input, std::chrono::minutes(1));
  ClearVariable("DRAGOMAN_OS_TEST");
  EXPECT_TRUE(end.is_started);
  EXPECT_EQ(end.exit_code, 42);
}

TEST(RunProgram, HasNoExitCodeWhereThereIsNone) {
  const File input = File::MakeUnnamed();
  EXPECT_FALSE(RunProgram({"/no/such/program"}, input, std::chrono::minutes(1)).is_started);
  EXPECT_FALSE(RunProgram(ChildCommand("ExitsByWhatItIsTold"), File(), std::chrono::minutes(1)).is_started);
  const ProgramEnd late = RunProgram(ChildCommand("IsLate"), input, std::chrono::seconds(1));
  EXPECT_TRUE(late.is_started);
  EXPECT_EQ(late.exit_code, std::nullopt);
}

// Files by names that no code page of the system has.
TEST_F(OsTest, NamesAreUnicode) {
  const std::string name = "grün 計算 \xF0\x9F\x98\x80";
  Make(name, "text");
  EXPECT_THAT(folder_.Names(), UnorderedElementsAre(name));
  EXPECT_EQ(Read(name), "text");
  std::ifstream file(PathOf(path_ + "/" + name));
  EXPECT_EQ(std::string((std::istreambuf_iterator<char>(file)), {}), "text");
  EXPECT_EQ(NameOf(PathOf(name)), name);
  MakeFolders(path_ + "/" + name + ".d/" + name);
  EXPECT_TRUE(Folder::Open(path_ + "/" + name + ".d/" + name).is_open());
}

TEST(Binaries, AreFoundByWhatIsInThem) {
  const auto* self = reinterpret_cast<const void*>(&TextOf);
  const std::string path = BinaryPath(self);
  EXPECT_TRUE(IsExecutable(path)) << path;
  EXPECT_FALSE(IsExecutable(fs::path(path).parent_path().string())) << "a folder";
  EXPECT_FALSE(IsExecutable(path + ".absent"));
  EXPECT_EQ(ReadBinary(self).size(), fs::file_size(path));
  EXPECT_EQ(BuildIdOf(self).find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_THAT(BuildIdOf(nullptr), IsEmpty());
  EXPECT_THAT(BinaryPath(nullptr), IsEmpty());
}

}  // namespace
}  // namespace dragoman::os
