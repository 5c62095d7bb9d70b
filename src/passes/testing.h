// SPDX-License-Identifier: Apache-2.0
// For the tests of passes: IR text in, IR text out, verified on both sides.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "ir/ir.h"
#include "passes/passes.h"

namespace dragoman::passes {

inline std::unique_ptr<ir::Module> ParseForTest(std::string_view text) {
  auto module = ir::Parse(text);
  EXPECT_TRUE(module.ok()) << module.status().message();
  if (!module.ok()) return nullptr;
  const Status status = ir::Verify(**module);
  EXPECT_TRUE(status.ok()) << status.message();
  return std::move(*module);
}

// Main's body alone, without its frame: "func public @main(...)" up to the closing brace.
inline std::string RunForTest(StatusOr<PassResult> (*pass)(ir::Module&, const PassContext&), std::string_view text) {
  auto module = ParseForTest(text);
  if (module == nullptr) return "";
  const target::DeviceProfile profile;
  const auto result = pass(*module, {profile});
  EXPECT_TRUE(result.ok()) << result.status().message();
  if (!result.ok()) return result.status().message();
  const Status status = ir::Verify(*module);
  EXPECT_TRUE(status.ok()) << status.message();
  const std::string printed = ir::Print(*module);
  const auto again = pass(*module, {profile});
  EXPECT_TRUE(again.ok() && !again->changed) << "a second run changes:\n" << ir::Print(*module);
  return printed;
}

}  // namespace dragoman::passes
