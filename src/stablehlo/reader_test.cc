// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace dragoman::stablehlo {
namespace {

using ir::AttrKey;
using ir::OpCode;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kArtifacts = "tests/data/artifacts";

std::vector<char> Load(const std::string& name) {
  std::ifstream file(std::string(kArtifacts) + "/" + name + ".bc", std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> ArtifactNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kArtifacts))
    names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

StatusOr<std::unique_ptr<ir::Module>> Read(const std::vector<char>& bytes) {
  return ReadArtifact(std::as_bytes(std::span(bytes)));
}

std::unique_ptr<ir::Module> ReadNamed(const std::string& name) {
  auto module = Read(Load(name));
  EXPECT_TRUE(module.ok()) << module.status().message();
  return module.ok() ? *std::move(module) : nullptr;
}

std::vector<const ir::Op*> OpsOf(const ir::Module& module, OpCode code) {
  std::vector<const ir::Op*> ops;
  for (const auto& function : module.functions) {
    ir::Walk(function->body, [&](const ir::Op* op) {
      if (op->code == code) ops.push_back(op);
    });
  }
  return ops;
}

TEST(Reader, ReadsWhatJaxSends) {
  for (const std::string& name : ArtifactNames()) {
    if (name.starts_with("refused")) continue;
    const auto module = Read(Load(name));
    EXPECT_TRUE(module.ok()) << name << ": " << module.status().message();
  }
}

TEST(Reader, KeepsDonationNamesAndTypes) {
  const auto module = ReadNamed("mlp_step");
  ASSERT_NE(module, nullptr);
  EXPECT_EQ(module->name, "jit_mlp_step");
  const ir::Function& main = *module->main();
  EXPECT_TRUE(main.is_public);
  ASSERT_EQ(main.parameters.size(), 6u);
  std::vector<int> aliased;
  for (const ir::ParameterInfo& parameter : main.parameters) aliased.push_back(parameter.aliased_output);
  EXPECT_THAT(aliased, ElementsAre(0, 1, 2, 3, -1, -1));
  EXPECT_EQ(main.body.arguments[0]->type, (TensorType{DType::kF32, {6, 8}}));
  EXPECT_EQ(main.body.arguments[5]->type, (TensorType{DType::kS32, {5}}));
  EXPECT_FALSE(OpsOf(*module, OpCode::kDotGeneral).empty());
}

TEST(Reader, DescribesPythonLines) {
  const auto module = ReadNamed("mlp_step");
  ASSERT_NE(module, nullptr);
  for (const ir::Op* op : OpsOf(*module, OpCode::kDotGeneral)) {
    EXPECT_THAT(module->Where(*op),
                AllOf(StartsWith(" At make_artifacts.py:"), HasSubstr(" in jit(mlp_step)/"), EndsWith("dot_general.")));
  }
}

TEST(Reader, NamesWhatItRefuses) {
  const auto op = Read(Load("refused_op"));
  ASSERT_FALSE(op.ok());
  EXPECT_EQ(op.status().code(), StatusCode::kUnimplemented);
  EXPECT_THAT(op.status().message(),
              AllOf(HasSubstr("dynamic_reshape (tensor<2x3xf32>, tensor<1xsi32>) -> (tensor<6xf32>)"),
                    HasSubstr("While reading dynamic_reshape. At "), HasSubstr(":3."), EndsWith("In function main.")));
  const auto type = Read(Load("refused_type"));
  ASSERT_FALSE(type.ok());
  EXPECT_EQ(type.status().code(), StatusCode::kUnimplemented);
  EXPECT_THAT(type.status().message(), HasSubstr("tensor<?x3xf32>"));
}

TEST(Reader, ReadsCollectivesWithTheirGroups) {
  const auto module = ReadNamed("one_device_collectives");
  ASSERT_NE(module, nullptr);
  const ir::Block& body = module->main()->body;
  ASSERT_EQ(body.ops.size(), 6u);
  EXPECT_EQ(body.ops[0]->code, OpCode::kAllReduce);
  EXPECT_THAT(body.ops[0]->attributes.Ints(AttrKey::kReplicaGroups), ElementsAre(0, -1));
  EXPECT_EQ(body.ops[0]->regions.size(), 1u);
  EXPECT_EQ(body.ops[1]->code, OpCode::kCollectivePermute);
  EXPECT_THAT(body.ops[1]->attributes.Ints(AttrKey::kSourceTargetPairs), ElementsAre(0, 0));
  EXPECT_EQ(body.ops[4]->code, OpCode::kPartitionId);
}

TEST(Reader, UnpacksBooleansAndNarrowIntegers) {
  const auto module = ReadNamed("small_types");
  ASSERT_NE(module, nullptr);
  bool saw_booleans = false;
  bool saw_nibbles = false;
  for (const ir::Op* op : OpsOf(*module, OpCode::kConstant)) {
    const ir::Literal& value = op->attributes.GetLiteral(AttrKey::kValue);
    std::vector<int> bytes;
    for (const std::byte byte : value.bytes()) bytes.push_back(static_cast<int>(byte));
    if (value.type() == TensorType{DType::kPred, {11}}) {
      saw_booleans = true;
      EXPECT_THAT(bytes, ElementsAre(1, 0, 0, 1, 1, 0, 1, 0, 1, 1, 0));
    }
    if (value.type() == TensorType{DType::kS4, {4}}) {
      saw_nibbles = true;
      EXPECT_THAT(bytes, ElementsAre(14, 1, 7, 8));
    }
  }
  EXPECT_TRUE(saw_booleans);
  EXPECT_TRUE(saw_nibbles);
}

TEST(Reader, TakesThePrecisionAskedOfOperandsAndAlgorithms) {
  const auto precisions = [](const std::string& name) {
    const auto module = ReadNamed(name);
    std::vector<int64_t> found;
    if (module == nullptr) return found;
    for (const ir::Op* op : OpsOf(*module, OpCode::kDotGeneral)) {
      found.push_back(op->attributes.Int(AttrKey::kPrecision));
    }
    return found;
  };
  EXPECT_THAT(precisions("attention"), ElementsAre(2, 0));
  EXPECT_THAT(precisions("dot_algorithms"), ElementsAre(0, 0, 2, 2));
}

TEST(Reader, StatesTheTypeOfEveryComparison) {
  for (const char* name : {"composites", "sorting", "spectrum"}) {
    const auto module = ReadNamed(name);
    ASSERT_NE(module, nullptr);
    for (const ir::Op* op : OpsOf(*module, OpCode::kCompare)) EXPECT_NE(op->attributes.Int(AttrKey::kCompareType), 0);
  }
}

TEST(Reader, KeepsTheSettingsOfCompositesAndCustomCalls) {
  const auto module = ReadNamed("sorting");
  ASSERT_NE(module, nullptr);
  const auto composites = OpsOf(*module, OpCode::kComposite);
  ASSERT_EQ(composites.size(), 1u);
  EXPECT_EQ(composites[0]->attributes.Text(AttrKey::kName), "chlo.top_k");
  EXPECT_EQ(composites[0]->attributes.Text(AttrKey::kCompositeAttributes), "{is_stable = true, k = 3}");
  EXPECT_NE(module->Find(composites[0]->attributes.Text(AttrKey::kDecomposition)), nullptr);
  const auto calls = OpsOf(*module, OpCode::kCustomCall);
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0]->attributes.Text(AttrKey::kCallTargetName), "ApproxTopK");
  EXPECT_THAT(calls[0]->attributes.Text(AttrKey::kBackendConfig),
              AllOf(HasSubstr("top_k = 2"), HasSubstr("is_fallback = true")));
  EXPECT_NE(module->Find(calls[0]->attributes.Text(AttrKey::kCalledComputations)), nullptr);
}

TEST(Reader, KeepsHostTransfersInOrder) {
  const auto module = ReadNamed("host_transfer");
  ASSERT_NE(module, nullptr);
  std::vector<OpCode> codes;
  for (const auto& op : module->main()->body.ops) codes.push_back(op->code);
  EXPECT_THAT(codes,
              ElementsAre(OpCode::kCreateToken, OpCode::kSend, OpCode::kRecv, OpCode::kAfterAll, OpCode::kReturn));
  EXPECT_EQ(module->main()->body.ops[2]->attributes.Int(AttrKey::kChannelId), 2);
}

TEST(Reader, RefusesWhatIsNoArtifact) {
  EXPECT_EQ(Read({}).status().code(), StatusCode::kInvalidArgument);
  const std::string text = "module @m {}";
  EXPECT_EQ(Read({text.begin(), text.end()}).status().code(), StatusCode::kInvalidArgument);
}

// A damaged artifact may still be one, with another meaning; what it must not be is harmful or our fault.
void ExpectReadOrRefused(const std::vector<char>& bytes, const std::string& what) {
  const auto module = Read(bytes);
  if (module.ok()) return;
  const StatusCode code = module.status().code();
  EXPECT_TRUE(code == StatusCode::kInvalidArgument || code == StatusCode::kUnimplemented)
      << what << ": " << module.status().message();
}

// What the fuzzer once crashed on.
TEST(Reader, RefusesWhatTheFuzzerFound) {
  for (const auto& entry : std::filesystem::directory_iterator("tests/data/fuzz/reader")) {
    std::ifstream file(entry.path(), std::ios::binary);
    const auto module = Read({std::istreambuf_iterator<char>(file), {}});
    EXPECT_FALSE(module.ok()) << entry.path();
  }
}

TEST(Reader, RefusesEveryTruncation) {
  for (const std::string& name : ArtifactNames()) {
    const std::vector<char> whole = Load(name);
    for (size_t size = 0; size < whole.size(); size += 1 + size / 64) {
      const auto module = Read({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
      EXPECT_FALSE(module.ok()) << name << " cut to " << size;
    }
  }
}

TEST(Reader, SurvivesFlippedBits) {
  uint64_t state = 1;
  for (const std::string& name : ArtifactNames()) {
    const std::vector<char> whole = Load(name);
    for (int i = 0; i < 400; ++i) {
      std::vector<char> damaged = whole;
      state = state * 6364136223846793005u + 1442695040888963407u;
      const size_t at = (state >> 33) % damaged.size();
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << (state >> 20 & 7)));
      ExpectReadOrRefused(damaged, name + " at " + std::to_string(at));
    }
  }
}

}  // namespace
}  // namespace dragoman::stablehlo
