// SPDX-License-Identifier: Apache-2.0
// A test with a directory of its own, which is not there when it begins and goes when it ends.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace dragoman {

class DirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    const std::string name = std::string("dragoman_") + test->test_suite_name() + "_" + test->name();
    directory_ = (std::filesystem::path(::testing::TempDir()) / name).string();
    std::filesystem::remove_all(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
};

}  // namespace dragoman
