// SPDX-License-Identifier: Apache-2.0
#include "program/disk_cache.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/cache_directory.h"

namespace dragoman::program {
namespace {

namespace fs = std::filesystem;

class DiskCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    directory_ = (fs::path(::testing::TempDir()) / (std::string("dragoman_cache_") + test->name())).string();
    fs::remove_all(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory_)) files.push_back(entry.path());
    return files;
  }

  std::string directory_;
};

// Returns its parameter.
Program Forwarding(const std::string& name) {
  Program program;
  program.name = name;
  program.parameters.push_back({TensorType{DType::kF32, {2, 3}}});
  program.outputs.push_back({TensorType{DType::kF32, {2, 3}}});
  program.forwarded_parameters = {0};
  return program;
}

TEST_F(DiskCacheTest, FindsWhatWasInsertedAndNothingElse) {
  const DiskCache cache(directory_);
  EXPECT_FALSE(cache.Find({1, 2}).has_value());
  cache.Insert({1, 2}, Forwarding("first"));
  const std::optional<Program> found = cache.Find({1, 2});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(Print(*found), Print(Forwarding("first")));
  EXPECT_FALSE(cache.Find({2, 1}).has_value());
  EXPECT_TRUE(DiskCache(directory_).Find({1, 2}).has_value());
}

TEST_F(DiskCacheTest, LeavesOnlyFinishedFiles) {
  const DiskCache cache(directory_);
  cache.Insert({1, 2}, Forwarding("a"));
  cache.Insert({1, 2}, Forwarding("a"));
  ASSERT_EQ(Files().size(), 1u);
  EXPECT_EQ(Files()[0].extension(), ".program");
}

TEST_F(DiskCacheTest, IgnoresAFileWithAnyByteChangedOrCut) {
  const DiskCache cache(directory_);
  cache.Insert({7, 8}, Forwarding("damaged"));
  const fs::path path = Files().at(0);
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0x20);
    std::ofstream(path, std::ios::binary).write(changed.data(), static_cast<std::streamsize>(changed.size()));
    EXPECT_FALSE(cache.Find({7, 8}).has_value()) << "byte " << i;
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(i));
    EXPECT_FALSE(cache.Find({7, 8}).has_value()) << "cut at " << i;
  }
}

TEST_F(DiskCacheTest, DoesNotTakeARenamedFileForAnotherProgram) {
  const DiskCache cache(directory_);
  cache.Insert({1, 1}, Forwarding("one"));
  fs::rename(Files().at(0), fs::path(directory_) / (Hash128{2, 2}.Hex() + ".program"));
  EXPECT_FALSE(cache.Find({2, 2}).has_value());
}

TEST_F(DiskCacheTest, TrimsTheLongestUnusedFirst) {
  const DiskCache all(directory_);
  all.Insert({1, 0}, Forwarding("old"));
  all.Insert({2, 0}, Forwarding("new"));
  const auto now = fs::file_time_type::clock::now();
  const auto path = [&](Hash128 key) { return fs::path(directory_) / (key.Hex() + ".program"); };
  fs::last_write_time(path({1, 0}), now - std::chrono::hours(2));
  fs::last_write_time(path({2, 0}), now - std::chrono::hours(1));
  ASSERT_TRUE(all.Find({1, 0}).has_value());  // a use makes it the younger one
  DiskCache(directory_, fs::file_size(path({1, 0})) + 10).Trim();
  EXPECT_TRUE(all.Find({1, 0}).has_value());
  EXPECT_FALSE(all.Find({2, 0}).has_value());
}

TEST_F(DiskCacheTest, ADisabledOrUnwritableCacheHoldsNothingAndHarmsNothing) {
  const DiskCache off("");
  EXPECT_FALSE(off.is_enabled());
  off.Insert({1, 2}, Forwarding("x"));
  EXPECT_FALSE(off.Find({1, 2}).has_value());
  std::ofstream(directory_) << "a file where the directory should be";
  const DiskCache blocked(directory_);
  blocked.Insert({1, 2}, Forwarding("x"));
  EXPECT_FALSE(blocked.Find({1, 2}).has_value());
}

TEST_F(DiskCacheTest, ManyThreadsMayInsertAndFindTheSameKeys) {
  const DiskCache cache(directory_);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (uint64_t i = 0; i < 20; ++i) {
        cache.Insert({i % 3, 5}, Forwarding("p" + std::to_string(i % 3)));
        if (const auto found = cache.Find({i % 3, 5})) {
          EXPECT_EQ(found->name, "p" + std::to_string(i % 3));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Files().size(), 3u);
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
}

}  // namespace
}  // namespace dragoman::program
