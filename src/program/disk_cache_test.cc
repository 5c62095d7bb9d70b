// SPDX-License-Identifier: Apache-2.0
#include "program/disk_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/directory_testing.h"

namespace dragoman::program {
namespace {

namespace fs = std::filesystem;

class DiskCacheTest : public DirectoryTest {
 protected:
  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (entry.path().extension() == ".program") files.push_back(entry.path());
    }
    return files;
  }
  DiskCache Open() const { return DiskCache(*CacheFolder::Open(directory_)); }
};

// Returns its parameter.
ValidProgram Forwarding(const std::string& name) {
  Program program;
  program.name = name;
  program.parameters.push_back({TensorType{DType::kF32, {2, 3}}});
  program.outputs.push_back({TensorType{DType::kF32, {2, 3}}});
  program.forwarded_parameters = {0};
  return *ValidProgram::Check(std::move(program));
}

TEST_F(DiskCacheTest, FindsWhatWasInsertedAndNothingElse) {
  const DiskCache cache = Open();
  EXPECT_FALSE(cache.Find({1, 2}).has_value());
  cache.Insert({1, 2}, Forwarding("first"));
  const std::optional<ValidProgram> found = cache.Find({1, 2});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(Print(**found), Print(*Forwarding("first")));
  EXPECT_FALSE(cache.Find({2, 1}).has_value());
  EXPECT_TRUE(Open().Find({1, 2}).has_value());
}

// Whole by its own account, and no program.
TEST_F(DiskCacheTest, IgnoresWhatIsNoProgram) {
  const DiskCache cache = Open();
  const std::string text = "not a program";
  (*CacheFolder::Open(directory_))->Insert(CacheKind::kProgram, {1, 2}, std::as_bytes(std::span(text)));
  EXPECT_FALSE(cache.Find({1, 2}).has_value());
}

TEST_F(DiskCacheTest, ADisabledCacheHoldsNothingAndHarmsNothing) {
  const DiskCache off(nullptr);
  EXPECT_FALSE(off.is_enabled());
  off.Insert({1, 2}, Forwarding("x"));
  EXPECT_FALSE(off.Find({1, 2}).has_value());
}

TEST_F(DiskCacheTest, ManyThreadsMayInsertAndFindTheSameKeys) {
  const DiskCache cache = Open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (uint64_t i = 0; i < 20; ++i) {
        cache.Insert({i % 3, 5}, Forwarding("p" + std::to_string(i % 3)));
        if (const auto found = cache.Find({i % 3, 5})) {
          EXPECT_EQ((*found)->name, "p" + std::to_string(i % 3));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Files().size(), 3u);
}

}  // namespace
}  // namespace dragoman::program
