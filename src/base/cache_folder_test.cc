// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/cache_folder_testing.h"
#include "base/os.h"
#include "base/os_testing.h"

namespace dragoman {
namespace {

constexpr uint64_t kShared = 60'000;

class CacheFolderTest : public CacheFolderFixture {};

TEST_F(CacheFolderTest, FindsWhatWasInsertedAndNothingElse) {
  const auto folder = Open();
  EXPECT_FALSE(folder->Find(kProgram, {1, 2}).has_value());
  EXPECT_TRUE(folder->Insert(kProgram, {1, 2}, Bytes("first")));
  EXPECT_TRUE(folder->Insert(kProgram, {3, 4}, {}));
  EXPECT_EQ(folder->Find(kProgram, {1, 2}), Bytes("first"));
  EXPECT_EQ(folder->Find(kProgram, {3, 4}), Bytes(""));
  EXPECT_FALSE(folder->Find(kProgram, {2, 1}).has_value());
  EXPECT_FALSE(folder->Find(CacheKind::kPipeline, {1, 2}).has_value());
  EXPECT_EQ(Open()->Find(kProgram, {1, 2}), Bytes("first"));
  EXPECT_EQ(NumUnfinished(), 0u);
}

TEST_F(CacheFolderTest, IgnoresAFileWithAnyByteChangedOrCutAndReplacesIt) {
  const auto folder = Open();
  folder->Insert(kProgram, {7, 8}, Bytes("some bytes"));
  const std::string bytes = [&] {
    std::ifstream file(PathOf({7, 8}), std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(file)), {});
  }();
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0x20);
    std::ofstream(PathOf({7, 8}), std::ios::binary).write(changed.data(), static_cast<std::streamsize>(changed.size()));
    EXPECT_FALSE(folder->Find(kProgram, {7, 8}).has_value()) << "byte " << i;
    std::ofstream(PathOf({7, 8}), std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(i));
    EXPECT_FALSE(folder->Find(kProgram, {7, 8}).has_value()) << "cut at " << i;
  }
  folder->Insert(kProgram, {7, 8}, Bytes("some bytes"));
  EXPECT_EQ(folder->Find(kProgram, {7, 8}), Bytes("some bytes"));
}

TEST_F(CacheFolderTest, DoesNotTakeARenamedFileForAnother) {
  const auto folder = Open();
  folder->Insert(kProgram, {1, 1}, Bytes("one"));
  fs::rename(PathOf({1, 1}), PathOf({2, 2}));
  EXPECT_FALSE(folder->Find(kProgram, {2, 2}).has_value());
}

TEST_F(CacheFolderTest, TrimsTheLongestUnusedFirst) {
  const auto folder = Open();
  folder->Insert(kProgram, {1, 0}, Bytes("old"));
  folder->Insert(kProgram, {2, 0}, Bytes("new"));
  const auto now = fs::file_time_type::clock::now();
  fs::last_write_time(PathOf({1, 0}), now - std::chrono::hours(2));
  fs::last_write_time(PathOf({2, 0}), now - std::chrono::hours(1));
  ASSERT_TRUE(folder->Find(kProgram, {1, 0}).has_value());  // a use makes it the younger one
  folder->Trim(5000);
  EXPECT_TRUE(folder->Find(kProgram, {1, 0}).has_value());
  EXPECT_FALSE(folder->Find(kProgram, {2, 0}).has_value());
}

// Each insert opens the folder anew, as the only one of a short process does.
TEST_F(CacheFolderTest, StaysWithinItsLimitOverManyOpenings) {
  constexpr uint64_t kMaxBytes = 1 << 20;
  for (uint64_t i = 0; i < 300; ++i) {
    ASSERT_TRUE(Open(kMaxBytes)->Insert(kProgram, {i, 0}, Bytes(std::string(10'000, 'x'))));
    ASSERT_TRUE(Open(kMaxBytes)->Find(kProgram, {i, 0}).has_value()) << "the newest is kept";
    ASSERT_LE(Open(kMaxBytes)->Usage().total_bytes(), kMaxBytes) << i;
  }
  EXPECT_GT(SumOfSizes(), kMaxBytes / 2) << "It is used, too.";
  EXPECT_FALSE(Open(kMaxBytes)->Insert(kProgram, {1, 1}, std::vector<std::byte>(kMaxBytes)));
}

TEST_F(CacheFolderTest, StaysWithinItsLimitWhenItsCountIsLost) {
  constexpr uint64_t kMaxBytes = 1 << 18;
  const auto folder = Open(kMaxBytes);
  for (uint64_t i = 0; i < 300; ++i) {
    folder->Insert(kProgram, {i, 0}, Bytes(std::string(3000, 'x')));
    if (i % 3 == 0) fs::remove(fs::path(directory_) / "size");
    if (i % 3 == 1) std::ofstream(fs::path(directory_) / "size") << "noise";
    ASSERT_LE(folder->Usage().total_bytes(), kMaxBytes) << i;
  }
}

TEST_F(CacheFolderTest, RemovesWhatCrashedAndEarlierWritersLeft) {
  const auto folder = Open();
  folder->Insert(kProgram, {1, 1}, Bytes("one"));
  constexpr int kGone = 1 << 22;  // above the numbers that systems give
  ASSERT_FALSE(os::IsRunning(kGone));
  const fs::path unfinished = fs::path(directory_) / "unfinished";
  const std::string digits(32, 'a');
  std::ofstream(unfinished / (std::to_string(kGone) + ".3")) << "half";
  std::ofstream(unfinished / (std::to_string(os::ProcessId()) + ".3")) << "a living process's";
  std::ofstream(unfinished / (std::to_string(os::ProcessId()) + ".4")) << "a process of the same number's";
  fs::last_write_time(unfinished / (std::to_string(os::ProcessId()) + ".4"),
                      fs::file_time_type::clock::now() - std::chrono::hours(2));
  std::ofstream(fs::path(directory_) / (digits + ".77.1.new")) << "half";
  std::ofstream(fs::path(directory_) / "pipelines-0123456789abcdef.bin") << "of an earlier version";
  std::ofstream(fs::path(directory_) / "notes.txt") << "not ours";
  folder->Trim(kLarge);
  EXPECT_EQ(NumUnfinished(), 1u);
  EXPECT_FALSE(fs::exists(fs::path(directory_) / (digits + ".77.1.new")));
  EXPECT_FALSE(fs::exists(fs::path(directory_) / "pipelines-0123456789abcdef.bin"));
  EXPECT_TRUE(folder->Find(kProgram, {1, 1}).has_value());
  folder->Clear();
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 1) << "notes.txt alone";
}

TEST_F(CacheFolderTest, AFileInItsPlaceIsAnError) {
  std::ofstream(directory_) << "a file where the directory should be";
  EXPECT_EQ(CacheFolder::Open(directory_, kLarge).status().code(), StatusCode::kUnavailable);
}

// For the test below: in a process of its own, for ever or 300 times.
void InsertAndFind(int num_rounds) {
  const std::string path = os::EnvironmentVariable(kFolderVariable).value();
  for (uint64_t i = 0; num_rounds < 0 || i < static_cast<uint64_t>(num_rounds); ++i) {
    const std::vector<std::byte> bytes = Bytes(std::string(5000, static_cast<char>('a' + i % 7)));
    const auto folder = CacheFolder::Open(path, kShared);
    ASSERT_TRUE(folder.ok());
    (*folder)->Insert(kProgram, {i % 7, 5}, bytes);
    const auto found = (*folder)->Find(kProgram, {i % 7, 5});
    ASSERT_TRUE(!found || *found == bytes);
  }
}
// Run by the tests below in processes of their own.
TEST(CacheFolderProcess, DISABLED_InsertsAndFindsManyTimes) { InsertAndFind(300); }
TEST(CacheFolderProcess, DISABLED_InsertsAndFindsUntilItIsKilled) { InsertAndFind(-1); }

TEST_F(CacheFolderTest, ManyProcessesMayInsertAndFindTheSameKeysAndBeKilled) {
  Open();
  os::SetVariable(kFolderVariable, directory_);
  std::vector<std::thread> processes;
  processes.emplace_back([] {  // killed wherever it is: in a lock, in half a file
    EXPECT_EQ(os::RunTestAlone("CacheFolderProcess.DISABLED_InsertsAndFindsUntilItIsKilled", std::chrono::seconds(1)),
              std::nullopt);
  });
  for (int p = 0; p < 3; ++p) {
    processes.emplace_back(
        [] { EXPECT_EQ(os::RunTestAlone("CacheFolderProcess.DISABLED_InsertsAndFindsManyTimes"), 0); });
  }
  for (std::thread& process : processes) process.join();
  Open(kShared)->Trim(kShared);
  EXPECT_EQ(NumUnfinished(), 0u);
  EXPECT_TRUE(Open(kShared)->Insert(kProgram, {9, 9}, Bytes("still works")));
}

TEST(CacheDirectory, FollowsTheEnvironmentInOrder) {
  os::ClearVariable("DRAGOMAN_CACHE_DIR");
  EXPECT_EQ(CacheDirectory(), os::UserCacheFolder() + "/dragoman");
  os::SetVariable("DRAGOMAN_CACHE_DIR", "/own");
  EXPECT_EQ(CacheDirectory(), "/own");
  os::SetVariable("DRAGOMAN_CACHE_DIR", "off");
  EXPECT_EQ(CacheDirectory(), "");
  EXPECT_EQ(ProcessCacheFolder(), nullptr);
}

TEST(CacheLimit, IsTwoGibibytesOrWhatTheEnvironmentSays) {
  for (const auto& [text, mebibytes] : std::vector<std::pair<const char*, uint64_t>>{
           {"", 2048}, {"100", 100}, {"0", 2048}, {"-5", 2048}, {"7x", 2048}, {"99999999999", 2048}}) {
    os::SetVariable("DRAGOMAN_CACHE_MAX_MIB", text);
    EXPECT_EQ(CacheLimit(), mebibytes << 20) << text;
  }
  os::ClearVariable("DRAGOMAN_CACHE_MAX_MIB");
}

}  // namespace
}  // namespace dragoman
