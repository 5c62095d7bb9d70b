// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/os.h"

namespace dragoman::os {

inline std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

inline std::string TextOf(const File& file) {
  std::string text(100, '\0');
  text.resize(file.Read(std::as_writable_bytes(std::span(text))));
  return text;
}

// An empty folder for each test.
class OsFilesFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = (std::filesystem::path(::testing::TempDir()) / (std::string("dragoman_os_") + test->name())).string();
    std::filesystem::remove_all(path_);
    MakeFolders(path_);
    folder_ = Folder::Open(path_);
    ASSERT_TRUE(folder_.is_open());
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
  File Make(const std::string& name, std::string_view text) const {
    File file = folder_.OpenFile(name, OpenMode::kReplace);
    EXPECT_TRUE(file.Write(Bytes(text)));
    return file;
  }
  std::string Read(const std::string& name) const { return TextOf(folder_.OpenFile(name, OpenMode::kRead)); }

  std::string path_;
  Folder folder_;
};

}  // namespace dragoman::os
