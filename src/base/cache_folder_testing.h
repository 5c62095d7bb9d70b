// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/cache_folder.h"
#include "base/directory_testing.h"

namespace dragoman {

namespace fs = std::filesystem;

constexpr uint64_t kLarge = uint64_t{1} << 30;
constexpr CacheKind kProgram = CacheKind::kProgram;
// Tells a test's process of its own which folder its parent means.
constexpr const char* kFolderVariable = "DRAGOMAN_TEST_FOLDER";

// A cache in a folder of its own for each test.
class CacheFolderFixture : public DirectoryTest {
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

inline std::vector<std::byte> Bytes(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

}  // namespace dragoman
