// SPDX-License-Identifier: Apache-2.0
#include "spirv/module.h"

#include <gtest/gtest.h>

#include <map>

#include "base/os_testing.h"
#include "spirv/testing.h"

namespace dragoman::spirv {
namespace {

using spv::Op;

// Opcodes in order, each with its words.
std::vector<std::pair<Op, std::vector<uint32_t>>> InstructionsOf(const std::vector<uint32_t>& words) {
  std::vector<std::pair<Op, std::vector<uint32_t>>> instructions;
  for (size_t at = 5; at < words.size(); at += words[at] >> 16) {
    instructions.push_back({static_cast<Op>(words[at] & 0xffff),
                            {words.begin() + static_cast<ptrdiff_t>(at) + 1,
                             words.begin() + static_cast<ptrdiff_t>(at + (words[at] >> 16))}});
  }
  return instructions;
}

size_t Count(const std::vector<uint32_t>& words, Op op) {
  size_t count = 0;
  for (const auto& [each, operands] : InstructionsOf(words)) count += each == op ? 1 : 0;
  return count;
}

std::vector<uint32_t> Finished(Module module) { return std::move(module).Finish({64, 1, 1}); }

// A module whose main does what `emit` appends.
template <typename Emit>
std::vector<uint32_t> Make(const Emit& emit) {
  Module module;
  module.EmitLabel(module.NewId());
  emit(module);
  module.EmitVoid(Op::OpReturn, {});
  return Finished(std::move(module));
}

TEST(Module, AnEmptyMainIsValid) {
  const std::vector<uint32_t> words = Make([](Module&) {});
  if (!os::WantsValidation()) GTEST_SKIP() << kNotValidated;
  const Status valid = Validate(words);
  EXPECT_TRUE(valid.ok()) << valid.message();
  EXPECT_EQ(words[0], 0x07230203u);
  EXPECT_EQ(words[1], 0x00010500u);
}

TEST(Module, DeclaresEqualTypesAndConstantsOnce) {
  const std::vector<uint32_t> words = Make([](Module& m) {
    EXPECT_EQ(m.Int(32), m.Int(32));
    EXPECT_NE(m.Int(32), m.Float(32));
    EXPECT_EQ(m.Vector(m.Float(32), 4), m.Vector(m.Float(32), 4));
    EXPECT_NE(m.Vector(m.Float(32), 2), m.Vector(m.Float(32), 4));
    EXPECT_EQ(m.ConstantU32(7), m.ConstantU32(7));
    EXPECT_NE(m.ConstantU32(7), m.ConstantU32(8));
    EXPECT_EQ(m.ConstantBool(true), m.ConstantBool(true));
    EXPECT_NE(m.ConstantBool(true), m.ConstantBool(false));
    EXPECT_EQ(m.Array(m.Int(32), 5), m.Array(m.Int(32), 5));
    EXPECT_EQ(m.BuiltIn(spv::BuiltIn::LocalInvocationIndex, m.Int(32)),
              m.BuiltIn(spv::BuiltIn::LocalInvocationIndex, m.Int(32)));
  });
  EXPECT_EQ(Count(words, Op::OpTypeInt), 1u);
  EXPECT_EQ(Count(words, Op::OpTypeFloat), 1u);
  EXPECT_EQ(Count(words, Op::OpTypeVector), 2u);
  EXPECT_EQ(Count(words, Op::OpVariable), 1u);
  if (!os::WantsValidation()) GTEST_SKIP() << kNotValidated;
  const Status valid = Validate(words);
  EXPECT_TRUE(valid.ok()) << valid.message();
}

// The same number is another constant in another type: 1.0f is not the integer 0x3f800000.
TEST(Module, KeepsConstantsOfDifferentTypesApart) {
  Make([](Module& m) {
    EXPECT_NE(m.Constant(m.Float(32), std::vector<uint32_t>{0x3f800000}), m.ConstantU32(0x3f800000));
  });
}

TEST(Module, StructsAreFreshForTheirDecorationsDiffer) {
  Make([](Module& m) {
    const Id member[] = {m.Int(32)};
    EXPECT_NE(m.Struct(member), m.Struct(member));
    EXPECT_EQ(m.PairOf(m.Int(32)), m.PairOf(m.Int(32)));
  });
}

TEST(Module, CollectsCapabilitiesOfWhatIsUsedOnce) {
  const auto words = Make([](Module& m) {
    const Id value = m.Constant(m.Int(64), std::vector<uint32_t>{5, 0});
    const Id scope = m.ConstantU32(3);
    const Id x = m.Constant(m.Float(32), std::vector<uint32_t>{0});
    m.Emit(Op::OpIAdd, m.Int(64), {value, value});
    for (uint32_t i = 0; i < 2; ++i) m.Emit(Op::OpGroupNonUniformShuffleXor, m.Float(32), {scope, x, m.ConstantU32(i)});
  });
  std::map<uint32_t, int> capabilities;
  for (const auto& [op, operands] : InstructionsOf(words)) {
    if (op == Op::OpCapability) ++capabilities[operands[0]];
  }
  const std::map<uint32_t, int> expected = {{static_cast<uint32_t>(spv::Capability::Shader), 1},
                                            {static_cast<uint32_t>(spv::Capability::PhysicalStorageBufferAddresses), 1},
                                            {static_cast<uint32_t>(spv::Capability::Int64), 1},
                                            {static_cast<uint32_t>(spv::Capability::GroupNonUniform), 1},
                                            {static_cast<uint32_t>(spv::Capability::GroupNonUniformShuffle), 1}};
  EXPECT_EQ(capabilities, expected);
  if (!os::WantsValidation()) GTEST_SKIP() << kNotValidated;
  const Status valid = Validate(words);
  EXPECT_TRUE(valid.ok()) << valid.message();
}

TEST(Module, PhisTakeTheirOperandsLater) {
  const auto words = Make([](Module& m) {
    const Id entry = m.NewId(), head = m.NewId(), body = m.NewId(), merge = m.NewId();
    m.EmitVoid(Op::OpBranch, {entry});
    m.EmitLabel(entry);
    m.EmitVoid(Op::OpBranch, {head});
    m.EmitLabel(head);
    const Module::Phi phi = m.EmitPhi(m.Int(32), 2);
    const Id goes_on = m.Emit(Op::OpULessThan, m.Bool(), {phi.result, m.ConstantU32(10)});
    m.EmitVoid(Op::OpLoopMerge, {merge, body, 0});
    m.EmitVoid(Op::OpBranchConditional, {goes_on, body, merge});
    m.EmitLabel(body);
    const Id next = m.Emit(Op::OpIAdd, m.Int(32), {phi.result, m.ConstantU32(1)});
    m.EmitVoid(Op::OpBranch, {head});
    m.SetPhi(phi, 0, m.ConstantU32(0), entry);
    m.SetPhi(phi, 1, next, body);
    m.EmitLabel(merge);
  });
  if (!os::WantsValidation()) GTEST_SKIP() << kNotValidated;
  const Status valid = Validate(words);
  EXPECT_TRUE(valid.ok()) << valid.message() << Disassemble(words);
}

TEST(Module, GlslInstructionsImportTheirSet) {
  const auto words = Make([](Module& m) {
    const Id x[] = {m.Constant(m.Float(32), std::vector<uint32_t>{0x40000000})};
    m.EmitGlsl(GLSLstd450Sqrt, m.Float(32), x);
    m.EmitGlsl(GLSLstd450FAbs, m.Float(32), x);
  });
  EXPECT_EQ(Count(words, Op::OpExtInstImport), 1u);
  if (!os::WantsValidation()) GTEST_SKIP() << kNotValidated;
  const Status valid = Validate(words);
  EXPECT_TRUE(valid.ok()) << valid.message();
}

TEST(Module, TheValidatorRefusesNonsense) {
  if (!os::WantsValidation()) GTEST_SKIP() << kNotValidated;
  const auto words = Make([](Module& m) { m.Emit(Op::OpIAdd, m.Float(32), {m.ConstantU32(1), m.ConstantU32(2)}); });
  EXPECT_EQ(Validate(words).code(), StatusCode::kInternal);
}

}  // namespace
}  // namespace dragoman::spirv
