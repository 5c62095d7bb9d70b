// SPDX-License-Identifier: Apache-2.0
#include "base/cache_mark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

namespace dragoman {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Hash128 kKey{1, 2};

class CacheMarkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    directory_ = (fs::path(::testing::TempDir()) / (std::string("dragoman_mark_") + test->name())).string();
    fs::remove_all(directory_);
    folder_ = *CacheFolder::Open(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }
  MarkState Look() const { return CacheMark::Set(*folder_, kKey, "a kernel").state(); }

  // A process that sets the mark, does `work`, and dies with the mark standing.
  template <typename Work>
  void Die(const Work& work) const {
    const pid_t process = fork();
    if (process == 0) {
      CacheMark mark = CacheMark::Set(*folder_, kKey, "a kernel");
      work(mark);
      kill(getpid(), SIGKILL);
    }
    waitpid(process, nullptr, 0);
  }

  std::string directory_;
  std::shared_ptr<const CacheFolder> folder_;
};

TEST_F(CacheMarkTest, StandsWhileItsOwnerLivesAndIsRemovedWithIt) {
  {
    const CacheMark mark = CacheMark::Set(*folder_, kKey, "a kernel");
    EXPECT_EQ(mark.state(), MarkState::kSet);
    EXPECT_EQ(folder_->MarkNames().size(), 1u);
    EXPECT_EQ(Look(), MarkState::kNone) << "a living owner's is no sign of a crash";
    EXPECT_EQ(CacheMark::Set(*folder_, {3, 4}, "another kernel").state(), MarkState::kSet);
  }
  EXPECT_THAT(folder_->MarkNames(), IsEmpty());
  EXPECT_EQ(Look(), MarkState::kSet);
}

TEST_F(CacheMarkTest, IsFoundAfterADeathAndRemovedByWhoFindsIt) {
  Die([](CacheMark&) {});
  EXPECT_EQ(Look(), MarkState::kLeft);
  EXPECT_EQ(Look(), MarkState::kSet);
  Die([](CacheMark& mark) { mark.SetTrying(); });
  EXPECT_EQ(Look(), MarkState::kLeft);
}

TEST_F(CacheMarkTest, StaysWhenRefusedUntilItIsCleared) {
  Die([](CacheMark&) {});
  CacheMark::Set(*folder_, kKey, "a kernel").Refuse();
  EXPECT_EQ(Look(), MarkState::kRefused);
  EXPECT_EQ(Look(), MarkState::kRefused);
  EXPECT_THAT(RefusedMarks(*folder_), ElementsAre("a kernel"));
  folder_->ClearMarks();
  EXPECT_THAT(RefusedMarks(*folder_), IsEmpty());
  EXPECT_EQ(Look(), MarkState::kSet);
}

TEST_F(CacheMarkTest, IsNotRemovedByAnOwnerWhoseMarkWasCleared) {
  auto first = std::make_unique<CacheMark>(CacheMark::Set(*folder_, kKey, "first"));
  folder_->ClearMarks();
  const CacheMark second = CacheMark::Set(*folder_, kKey, "second");
  EXPECT_EQ(second.state(), MarkState::kSet);
  first = nullptr;
  EXPECT_EQ(folder_->MarkNames().size(), 1u);
}

TEST_F(CacheMarkTest, WhoMeetsATrialWaitsForItsOutcome) {
  for (const bool is_refused : {false, true}) {
    Die([](CacheMark&) {});
    auto mark = std::make_unique<CacheMark>(CacheMark::Set(*folder_, kKey, "a kernel"));
    ASSERT_EQ(mark->state(), MarkState::kLeft);
    mark->SetTrying();
    std::atomic<bool> is_done = false;
    MarkState seen = MarkState::kNone;
    std::thread other([&] {
      seen = Look();
      is_done = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_FALSE(is_done);
    if (is_refused) mark->Refuse();
    mark = nullptr;
    other.join();
    EXPECT_EQ(seen, is_refused ? MarkState::kRefused : MarkState::kSet);
  }
}

TEST_F(CacheMarkTest, NoiseIsADeadProcesssAndNothingIsNone) {
  const fs::path path = fs::path(directory_) / (kKey.Hex() + ".mark");
  std::ofstream(path) << "";
  EXPECT_EQ(Look(), MarkState::kSet) << "killed between the file's creation and its first word";
  std::ofstream(path) << "\xff\x01noise";
  EXPECT_EQ(Look(), MarkState::kLeft);
  fs::create_symlink("/dev/null", path);
  EXPECT_EQ(Look(), MarkState::kNone);
}

TEST_F(CacheMarkTest, AnUnwritableFolderHasNone) {
  const bool is_root = geteuid() == 0;  // who may write everywhere
  fs::permissions(directory_, fs::perms::owner_read | fs::perms::owner_exec);
  if (is_root) {
    ASSERT_EQ(seteuid(12345), 0);
  }
  EXPECT_EQ(Look(), MarkState::kNone);
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  fs::permissions(directory_, fs::perms::owner_all);
}

// Killed anywhere, many processes at one mark: whoever finds it left is alone with it.
TEST_F(CacheMarkTest, OneProcessAtMostHoldsIt) {
  const fs::path held = fs::path(directory_) / "held";
  std::vector<pid_t> processes;
  for (int p = 0; p < 3; ++p) {
    processes.push_back(fork());
    if (processes.back() != 0) continue;
    for (int i = 0; i < 500; ++i) {
      const CacheMark mark = CacheMark::Set(*folder_, kKey, "a kernel");
      if (mark.state() == MarkState::kNone) continue;
      if (!fs::create_directory(held)) _exit(1);
      fs::remove(held);
    }
    _exit(0);
  }
  for (const pid_t process : processes) {
    int status = 0;
    waitpid(process, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_THAT(folder_->MarkNames(), IsEmpty());
}

}  // namespace
}  // namespace dragoman
