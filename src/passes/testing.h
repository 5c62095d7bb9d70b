// SPDX-License-Identifier: Apache-2.0
// For the tests of passes: IR text in, IR text out, verified on both sides.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <string_view>

#include "ir/ir.h"
#include "passes/passes.h"
#include "reference/evaluator.h"

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
inline std::string RunForTest(StatusOr<PassResult> (*pass)(ir::Module&, const target::CompileContext&),
                              std::string_view text) {
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

// Numbers like those of a standard normal distribution; small integers; booleans.
inline ir::Literal RandomLiteral(const TensorType& type, std::mt19937& random) {
  std::normal_distribution<double> normal;
  if (IsFloat(type.dtype)) {
    std::vector<double> values(static_cast<size_t>(type.num_elements()));
    for (double& value : values) value = normal(random);
    return reference::LiteralFromDoubles(type, values);
  }
  if (type.dtype == DType::kC64) {
    std::vector<std::byte> bytes(static_cast<size_t>(type.size_bytes()));
    auto* parts = reinterpret_cast<float*>(bytes.data());
    for (int64_t i = 0; i < 2 * type.num_elements(); ++i) parts[i] = static_cast<float>(normal(random));
    return ir::Literal(type, std::move(bytes));
  }
  std::vector<int64_t> values(static_cast<size_t>(type.num_elements()));
  for (int64_t& value : values) value = static_cast<int64_t>(random() % (IsPred(type.dtype) ? 2 : 5));
  return reference::LiteralFromInts(type, values);
}

inline void ExpectNear(const ir::Literal& actual, const ir::Literal& expected, double tolerance) {
  ASSERT_EQ(actual.type().ToString(), expected.type().ToString());
  const bool is_complex = IsComplex(actual.type().dtype);
  for (int64_t i = 0; i < actual.type().num_elements(); ++i) {
    for (int part = 0; part < (is_complex ? 2 : 1); ++part) {
      const double got = reference::ElementAsDouble(actual, i, part == 1);
      const double wanted = reference::ElementAsDouble(expected, i, part == 1);
      if (got == wanted || (std::isnan(wanted) && std::isnan(got))) continue;
      ASSERT_NEAR(got, wanted, tolerance * std::max(1.0, std::fabs(wanted))) << "element " << i << " part " << part;
    }
  }
}

// That the pass changes the program, and keeps what main computes of random inputs, up to
// a relative tolerance (0: to the bit).
inline void ExpectSameMeaning(StatusOr<PassResult> (*pass)(ir::Module&, const target::CompileContext&),
                              std::string_view text, double tolerance = 0, const target::DeviceProfile& profile = {}) {
  auto module = ParseForTest(text);
  ASSERT_NE(module, nullptr);
  std::mt19937 random(1);
  std::vector<ir::Literal> inputs;
  for (const auto& argument : module->main()->body.arguments) inputs.push_back(RandomLiteral(argument->type, random));
  const auto before = reference::Evaluate(*module, "main", inputs);
  ASSERT_TRUE(before.ok()) << before.status().message();
  const auto result = pass(*module, {profile});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_TRUE(result->changed);
  const Status status = ir::Verify(*module);
  ASSERT_TRUE(status.ok()) << status.message();
  const auto after = reference::Evaluate(*module, "main", inputs);
  ASSERT_TRUE(after.ok()) << after.status().message() << ir::Print(*module);
  ASSERT_EQ(before->size(), after->size());
  for (size_t i = 0; i < before->size(); ++i) ExpectNear((*after)[i], (*before)[i], tolerance);
}

inline bool HoldsOp(const ir::Module& module, ir::OpCode code) {
  bool holds = false;
  for (const auto& function : module.functions) {
    ir::Walk(function->body, [&](const ir::Op* op) { holds |= op->code == code; });
  }
  return holds;
}

}  // namespace dragoman::passes
