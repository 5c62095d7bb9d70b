// SPDX-License-Identifier: Apache-2.0
// Programs that TensorFlow made (tools/make_hlo.py), against what XLA's CPU backend computes.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "compiler/compiler.h"
#include "compiler/interpret_testing.h"
#include "target/profile_json.h"

namespace dragoman::compiler {
namespace {

std::vector<std::byte> ReadFile(std::filesystem::path path, const char* extension) {
  std::ifstream file(path.replace_extension(extension), std::ios::binary);
  std::vector<std::byte> bytes;
  for (auto at = std::istreambuf_iterator<char>(file); at != std::istreambuf_iterator<char>(); ++at) {
    bytes.push_back(static_cast<std::byte>(*at));
  }
  return bytes;
}

// The tensors of these types, one after the other.
std::vector<ir::Literal> Split(const std::vector<TensorType>& types, const std::vector<std::byte>& bytes) {
  std::vector<ir::Literal> literals;
  auto at = bytes.begin();
  for (const TensorType& type : types) {
    EXPECT_LE(type.size_bytes(), bytes.end() - at);
    literals.emplace_back(type, std::vector<std::byte>(at, at + type.size_bytes()));
    at += type.size_bytes();
  }
  EXPECT_EQ(at, bytes.end());
  return literals;
}

std::vector<std::filesystem::path> Programs() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator("tests/data/hlo")) {
    if (entry.path().extension() == ".hlo") paths.push_back(entry.path());
  }
  return paths;
}

TEST(HloPrograms, ComputeWhatXlaDoes) {
  EXPECT_GE(Programs().size(), 10u);
  for (const auto& path : Programs()) {
    SCOPED_TRACE(path.string());
    const std::vector<std::byte> program = ReadFile(path, ".hlo");
    EXPECT_EQ(ArtifactFormatOf(program), ArtifactFormat::kHlo);
    const auto module = ReadArtifact({program, ArtifactFormat::kHlo});
    ASSERT_TRUE(module.ok()) << module.status().message();
    const ir::Block& body = (*module)->main()->body;
    std::vector<TensorType> parameters, results;
    for (const auto& argument : body.arguments) parameters.push_back(argument->type);
    for (const ir::Value* result : body.terminator()->operands) results.push_back(result->type);
    const auto computed = reference::Evaluate(**module, "main", Split(parameters, ReadFile(path, ".in")));
    ASSERT_TRUE(computed.ok()) << computed.status().message();
    const std::vector<ir::Literal> expected = Split(results, ReadFile(path, ".out"));
    for (size_t i = 0; i < expected.size(); ++i) ExpectSameElements((*computed)[i], expected[i], 1e-5);
  }
}

TEST(HloPrograms, AreCompiled) {
  const auto profile = target::LoadProfile("tests/profiles/navi31.json");
  ASSERT_TRUE(profile.ok()) << profile.status().message();
  for (const auto& path : Programs()) {
    const std::vector<std::byte> bytes = ReadFile(path, ".hlo");
    const auto program = Compile({bytes, ArtifactFormat::kHlo}, *profile, {});
    ASSERT_TRUE(program.ok()) << path << ": " << program.status().message();
    EXPECT_TRUE(program::Validate(*program).ok()) << path;
  }
}

// The dispatches of each loop's body, in the program's order.
std::vector<int> DispatchesOfLoops(const program::Program& program) {
  std::vector<int> counts;
  for (const program::Step& step : program.steps) {
    if (step.kind != program::StepKind::kRepeat && step.kind != program::StepKind::kWhile) continue;
    const auto is_dispatch = [](const program::Step& inner) { return inner.kind == program::StepKind::kDispatch; };
    const auto& body = step.bodies.back();
    counts.push_back(static_cast<int>(std::count_if(body.begin(), body.end(), is_dispatch)));
  }
  return counts;
}

// TensorFlow's loops compare two counters, carry zeros, and read weights through stacks of copies: nothing of it is
// left.
TEST(HloPrograms, ARecurrentLayersLoopsHaveTheKernelsOfJaxs) {
  const auto profile = target::LoadProfile("tests/profiles/navi31.json");
  ASSERT_TRUE(profile.ok()) << profile.status().message();
  const auto loops_of = [&](const char* path, const char* extension, ArtifactFormat format) {
    const std::vector<std::byte> bytes = ReadFile(path, extension);
    const auto program = Compile({bytes, format}, *profile, {});
    EXPECT_TRUE(program.ok()) << path << ": " << program.status().message();
    return program.ok() ? DispatchesOfLoops(*program) : std::vector<int>();
  };
  const auto ours = loops_of("tests/data/tensorflow/tf_lstm.hlo", ".hlo", ArtifactFormat::kHlo);
  const auto jax = loops_of("tests/data/models/lstm.bc", ".bc", ArtifactFormat::kStableHlo);
  EXPECT_EQ(ours.size(), 2u);
  EXPECT_EQ(ours, jax);
}

// A variable that is written back takes its own memory when the caller gives it away.
TEST(HloPrograms, DonateWhatTheyAlias) {
  const auto profile = target::LoadProfile("tests/profiles/navi31.json");
  const std::vector<std::byte> bytes = ReadFile("tests/data/hlo/assign.hlo", ".hlo");
  const auto program = Compile({bytes, ArtifactFormat::kHlo}, *profile, {});
  ASSERT_TRUE(program.ok()) << program.status().message();
  ASSERT_EQ(program->parameters.size(), 2u);
  EXPECT_FALSE(program->parameters[0].is_donor);
  EXPECT_TRUE(program->parameters[1].is_donor);
  EXPECT_EQ(program->outputs.back().aliased_parameter, 1);
}

}  // namespace
}  // namespace dragoman::compiler
