// SPDX-License-Identifier: Apache-2.0
#include "base/cache_mark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/cache_folder_testing.h"
#include "base/os_testing.h"

namespace dragoman {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Hash128 kKey{1, 2};
constexpr const char* kTryingVariable = "DRAGOMAN_TEST_TRYING";
constexpr int kDied = 9;

std::shared_ptr<const CacheFolder> FolderOfParent() {
  return *CacheFolder::Open(os::EnvironmentVariable(kFolderVariable).value());
}

// Run by the tests below in processes of their own.
TEST(CacheMarkProcess, DISABLED_DiesWithTheMark) {
  const auto folder = FolderOfParent();
  CacheMark mark = CacheMark::Set(*folder, kKey, "a kernel");
  if (os::EnvironmentVariable(kTryingVariable) == "1") mark.SetTrying();
  std::_Exit(kDied);
}

TEST(CacheMarkProcess, DISABLED_SetsTheMarkManyTimes) {
  const auto folder = FolderOfParent();
  const fs::path held = os::PathOf(folder->path()) / "held";
  for (int i = 0; i < 500; ++i) {
    const CacheMark mark = CacheMark::Set(*folder, kKey, "a kernel");
    if (mark.state() == MarkState::kNone) continue;
    ASSERT_TRUE(fs::create_directory(held));
    fs::remove(held);
  }
}

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

  // A process that sets the mark, tries what it stands for if asked to, and dies with the mark standing.
  void Die(bool is_trying = false) const {
    os::SetVariable(kFolderVariable, directory_);
    os::SetVariable(kTryingVariable, is_trying ? "1" : "0");
    EXPECT_EQ(os::RunTestAlone("CacheMarkProcess.DISABLED_DiesWithTheMark"), kDied);
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
  Die();
  EXPECT_EQ(Look(), MarkState::kLeft);
  EXPECT_EQ(Look(), MarkState::kSet);
  Die(/*is_trying=*/true);
  EXPECT_EQ(Look(), MarkState::kLeft);
}

TEST_F(CacheMarkTest, StaysWhenRefusedUntilItIsCleared) {
  Die();
  CacheMark::Set(*folder_, kKey, "a kernel").Refuse();
  EXPECT_EQ(Look(), MarkState::kRefused);
  EXPECT_EQ(Look(), MarkState::kRefused);
  EXPECT_THAT(RefusedMarks(*folder_), ElementsAre("a kernel"));
  folder_->ClearMarks();
  EXPECT_THAT(RefusedMarks(*folder_), IsEmpty());
  EXPECT_EQ(Look(), MarkState::kSet);
}

TEST_F(CacheMarkTest, WhoMeetsATrialWaitsForItsOutcome) {
  for (const bool is_refused : {false, true}) {
    Die();
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

TEST_F(CacheMarkTest, NoiseIsADeadProcesss) {
  const fs::path path = fs::path(directory_) / (kKey.Hex() + ".mark");
  std::ofstream(path) << "";
  EXPECT_EQ(Look(), MarkState::kSet) << "killed between the file's creation and its first word";
  std::ofstream(path) << "\xff\x01noise";
  EXPECT_EQ(Look(), MarkState::kLeft);
}

// Killed anywhere, many processes at one mark: whoever finds it left is alone with it.
TEST_F(CacheMarkTest, OneProcessAtMostHoldsIt) {
  os::SetVariable(kFolderVariable, directory_);
  std::vector<std::thread> processes;
  for (int p = 0; p < 3; ++p) {
    processes.emplace_back([] { EXPECT_EQ(os::RunTestAlone("CacheMarkProcess.DISABLED_SetsTheMarkManyTimes"), 0); });
  }
  for (std::thread& process : processes) process.join();
  EXPECT_THAT(folder_->MarkNames(), IsEmpty());
}

}  // namespace
}  // namespace dragoman
