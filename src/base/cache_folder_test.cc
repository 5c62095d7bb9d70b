// SPDX-License-Identifier: Apache-2.0
#include "base/cache_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/directory_testing.h"

namespace dragoman {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr uint64_t kLarge = uint64_t{1} << 30;
constexpr CacheKind kProgram = CacheKind::kProgram;

class CacheFolderTest : public DirectoryTest {
 protected:
  std::shared_ptr<const CacheFolder> Open(uint64_t max_bytes = kLarge) const {
    auto folder = CacheFolder::Open(directory_, max_bytes);
    EXPECT_TRUE(folder.ok()) << folder.status().message();
    return folder.ok() ? *folder : nullptr;
  }
  fs::path PathOf(const Hash128& key) const { return fs::path(directory_) / (key.Hex() + ".program"); }
  uint64_t SumOfSizes() const {
    uint64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (entry.path().extension() == ".program") bytes += fs::file_size(entry.path());
    }
    return bytes;
  }
  size_t NumUnfinished() const {
    const fs::path folder = fs::path(directory_) / "unfinished";
    if (!fs::exists(folder)) return 0;
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  }
};

std::vector<std::byte> Bytes(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

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
  std::ifstream file(PathOf({7, 8}), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
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

TEST_F(CacheFolderTest, FollowsNoLinkAndWaitsForNoPipe) {
  const auto folder = Open();
  folder->Insert(kProgram, {1, 1}, Bytes("one"));
  fs::rename(PathOf({1, 1}), fs::path(directory_) / "elsewhere");
  fs::create_symlink(fs::path(directory_) / "elsewhere", PathOf({1, 1}));
  EXPECT_FALSE(folder->Find(kProgram, {1, 1}).has_value());
  ASSERT_EQ(mkfifo(PathOf({2, 2}).c_str(), 0600), 0);
  EXPECT_FALSE(folder->Find(kProgram, {2, 2}).has_value());
}

TEST_F(CacheFolderTest, IsMadeForItsOwnerAlone) {
  const mode_t mask = umask(0);
  Open()->Insert(kProgram, {1, 2}, Bytes("x"));
  umask(mask);
  struct stat folder, file;
  ASSERT_EQ(stat(directory_.c_str(), &folder), 0);
  ASSERT_EQ(stat(PathOf({1, 2}).c_str(), &file), 0);
  EXPECT_EQ(folder.st_mode & 0777, 0700u);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
}

TEST_F(CacheFolderTest, IsNotUsedWhereOthersMayWrite) {
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

TEST_F(CacheFolderTest, IsNotUsedWhereItBelongsToSomebodyElse) {
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

TEST_F(CacheFolderTest, AFileThatOthersMayWriteIsIgnored) {
  const auto folder = Open();
  folder->Insert(kProgram, {1, 1}, Bytes("one"));
  ASSERT_EQ(chmod(PathOf({1, 1}).c_str(), 0602), 0);
  EXPECT_FALSE(folder->Find(kProgram, {1, 1}).has_value());
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
  const pid_t gone = fork();
  if (gone == 0) _exit(0);
  waitpid(gone, nullptr, 0);
  const fs::path unfinished = fs::path(directory_) / "unfinished";
  const std::string digits(32, 'a');
  std::ofstream(unfinished / (std::to_string(gone) + ".3")) << "half";
  std::ofstream(unfinished / (std::to_string(getppid()) + ".3")) << "a living process's";
  std::ofstream(unfinished / (std::to_string(getppid()) + ".4")) << "a process of the same number's";
  fs::last_write_time(unfinished / (std::to_string(getppid()) + ".4"),
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

TEST_F(CacheFolderTest, AnUnwritableFolderIsReadAndHarmsNothing) {
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

TEST_F(CacheFolderTest, AFileInItsPlaceIsAnError) {
  std::ofstream(directory_) << "a file where the directory should be";
  EXPECT_EQ(CacheFolder::Open(directory_, kLarge).status().code(), StatusCode::kUnavailable);
}

TEST_F(CacheFolderTest, ManyProcessesMayInsertAndFindTheSameKeysAndBeKilled) {
  constexpr int kProcesses = 4;
  Open();
  std::vector<pid_t> processes;
  for (int p = 0; p < kProcesses; ++p) {
    processes.push_back(fork());
    if (processes.back() != 0) continue;
    bool is_right = true;
    for (uint64_t i = 0;; ++i) {
      const std::vector<std::byte> bytes = Bytes(std::string(5000, static_cast<char>('a' + i % 7)));
      const auto folder = CacheFolder::Open(directory_, 60'000);
      if (!folder.ok()) _exit(2);
      (*folder)->Insert(kProgram, {i % 7, 5}, bytes);
      const auto found = (*folder)->Find(kProgram, {i % 7, 5});
      is_right = is_right && (!found || *found == bytes);
      if (!is_right || (p != 0 && i == 300)) _exit(is_right ? 0 : 1);
    }
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  kill(processes[0], SIGKILL);  // wherever it is: in a lock, in half a file
  for (const pid_t process : processes) {
    int status = 0;
    waitpid(process, &status, 0);
    EXPECT_TRUE(process == processes[0] || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << status;
  }
  Open(60'000)->Trim(60'000);
  EXPECT_EQ(NumUnfinished(), 0u);
  EXPECT_TRUE(Open(60'000)->Insert(kProgram, {9, 9}, Bytes("still works")));
}

TEST(CacheDirectory, FollowsTheEnvironmentInOrder) {
  setenv("HOME", "/home/somebody", 1);
  unsetenv("XDG_CACHE_HOME");
  unsetenv("DRAGOMAN_CACHE_DIR");
  EXPECT_EQ(CacheDirectory(), "/home/somebody/.cache/dragoman");
  setenv("XDG_CACHE_HOME", "/xdg", 1);
  EXPECT_EQ(CacheDirectory(), "/xdg/dragoman");
  setenv("DRAGOMAN_CACHE_DIR", "/own", 1);
  EXPECT_EQ(CacheDirectory(), "/own");
  setenv("DRAGOMAN_CACHE_DIR", "off", 1);
  EXPECT_EQ(CacheDirectory(), "");
  EXPECT_EQ(ProcessCacheFolder(), nullptr);
}

TEST(CacheLimit, IsTwoGibibytesOrWhatTheEnvironmentSays) {
  for (const auto& [text, mebibytes] : std::vector<std::pair<const char*, uint64_t>>{
           {"", 2048}, {"100", 100}, {"0", 2048}, {"-5", 2048}, {"7x", 2048}, {"99999999999", 2048}}) {
    setenv("DRAGOMAN_CACHE_MAX_MIB", text, 1);
    EXPECT_EQ(CacheLimit(), mebibytes << 20) << text;
  }
  unsetenv("DRAGOMAN_CACHE_MAX_MIB");
}

}  // namespace
}  // namespace dragoman
