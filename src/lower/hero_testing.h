// SPDX-License-Identifier: Apache-2.0
// For tests: one structured op, lowered and run by the interpreter, compared with the evaluator.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "element/run_group_testing.h"
#include "ir/ir.h"
#include "kernel/interpreter.h"
#include "kernel/loop_bound.h"
#include "lower/limits_testing.h"
#include "lower/lowering.h"
#include "reference/evaluator.h"

namespace dragoman::kernel {

struct HeroTest {
  std::unique_ptr<ir::Module> module;
  fusion::Group group;
  std::vector<ir::Literal> inputs;
  std::mt19937 random{7};

  // `body`: "(%0: tensor<4xf32>) { ... }", ending in the hero and the return of all its results. Everything that the
  // hero reads is a parameter or a splat constant.
  HeroTest(fusion::GroupKind kind, const std::string& body) {
    auto parsed = ir::Parse("module @test\nfunc public @main" + body);
    EXPECT_TRUE(parsed.ok()) << parsed.status().message();
    if (!parsed.ok()) return;
    module = std::move(*parsed);
    const Status verified = ir::Verify(*module);
    EXPECT_TRUE(verified.ok()) << verified.message();
    ir::Block& block = module->main()->body;
    group.kind = kind;
    for (const auto& argument : block.arguments) group.inputs.push_back(argument.get());
    for (size_t i = 0; i + 1 < block.ops.size(); ++i) group.members.push_back(block.ops[i].get());
    group.hero = group.members.back();
    for (const auto& result : group.hero->results) group.outputs.push_back(result.get());
    for (const ir::Value* input : group.inputs) inputs.push_back(Random(input->type));
  }

  // Small integers, so that sums are exact in any order and duplicates occur.
  ir::Literal Random(const TensorType& type) {
    std::uniform_int_distribution<int> pick(IsUnsigned(type.dtype) ? 0 : -8, 8);
    if (IsComplex(type.dtype)) {
      Dims parts = type.dims;
      parts.push_back(2);
      return ir::Literal(type, Random({RealPart(type.dtype), parts}).Dense());
    }
    const int64_t count = type.num_elements();
    if (IsPred(type.dtype) || IsInteger(type.dtype)) {
      std::vector<int64_t> values(count);
      for (int64_t& value : values) value = IsPred(type.dtype) ? pick(random) & 1 : pick(random);
      return reference::LiteralFromInts(type, values);
    }
    std::vector<double> values(count);
    for (double& value : values) value = pick(random);
    return reference::LiteralFromDoubles(type, values);
  }
  void SetInts(int input, const std::vector<int64_t>& values) {
    inputs[input] = reference::LiteralFromInts(inputs[input].type(), values);
  }
  void SetDoubles(int input, const std::vector<double>& values) {
    inputs[input] = reference::LiteralFromDoubles(inputs[input].type(), values);
  }
  void SetUniform(int input, double low, double high) {
    std::uniform_real_distribution<double> pick(low, high);
    std::vector<double> values(inputs[input].type().num_elements());
    for (double& value : values) value = pick(random);
    SetDoubles(input, values);
  }

  Memory Start(int num_in_place) const {
    Memory memory;
    for (size_t i = 0; i < inputs.size(); ++i) memory[group.inputs[i]] = inputs[i].Dense();
    for (int i = 0; i < num_in_place; ++i) memory[group.outputs[i]] = memory.at(group.hero->operands[i]);
    return memory;
  }

  // Lowers and runs; empty on failure.
  std::vector<ir::Literal> Run(const target::DeviceProfile& profile, int num_in_place = 0) const {
    const auto lowered = LowerGroup(group, {profile});
    EXPECT_TRUE(lowered.ok()) << lowered.status().message();
    if (!lowered.ok()) return {};
    for (const Dispatch& dispatch : lowered->dispatches) {
      const Status verified = Verify(dispatch.kernel, profile);
      EXPECT_TRUE(verified.ok()) << dispatch.label << ": " << verified.message();
      if (!verified.ok()) return {};
    }
    ExpectWithinLimits(*lowered, profile);
    Memory memory = Start(num_in_place);
    InterpretOptions options;
    options.subgroup_size = profile.subgroup_size;
    options.max_loop_iterations = profile.max_loop_iterations;
    const Status status = RunLoweredGroup(*lowered, memory, options);
    EXPECT_TRUE(status.ok()) << status.message() << "\n" << Print(lowered->dispatches.back().kernel);
    std::vector<ir::Literal> results;
    for (const ir::Value* output : group.outputs) results.emplace_back(output->type, memory[output]);
    return results;
  }

  void ExpectMatches(const target::DeviceProfile& profile, int num_in_place = 0, double tolerance = 0) const {
    if (module == nullptr) return;
    const auto expected = reference::Evaluate(*module, "main", inputs);
    ASSERT_TRUE(expected.ok()) << expected.status().message();
    const std::vector<ir::Literal> actual = Run(profile, num_in_place);
    ASSERT_EQ(actual.size(), expected->size());
    for (size_t i = 0; i < actual.size(); ++i) ExpectClose(actual[i], (*expected)[i], tolerance);
  }

  static void ExpectClose(const ir::Literal& actual, const ir::Literal& expected, double tolerance) {
    int failures = 0;
    const std::vector<std::byte> dense = expected.Dense();
    const ir::Literal wanted(expected.type(), dense);
    for (int64_t k = 0; k < expected.type().num_elements() && failures < 5; ++k) {
      for (const bool imaginary : {false, true}) {
        if (imaginary && !IsComplex(expected.type().dtype)) continue;
        const double want = reference::ElementAsDouble(wanted, k, imaginary);
        const double got = reference::ElementAsDouble(actual, k, imaginary);
        const bool close = want == got || std::abs(want - got) <= tolerance * std::max(1.0, std::abs(want));
        if (close || (std::isnan(want) && std::isnan(got))) continue;
        ++failures;
        ADD_FAILURE() << "element " << k << " is " << got << ", expected " << want;
      }
    }
  }
};

// A device that wants short code and one that does not.
inline std::vector<target::DeviceProfile> HeroProfiles() {
  target::DeviceProfile cpu;
  cpu.type = target::DeviceType::kCpu;
  cpu.unrolling_is_costly = true;
  cpu.float16 = cpu.float64 = cpu.int64 = true;
  target::DeviceProfile gpu = cpu;
  gpu.type = target::DeviceType::kDiscreteGpu;
  gpu.unrolling_is_costly = false;
  gpu.max_workgroup_invocations = 1024;
  gpu.max_workgroup_size[0] = 1024;
  gpu.shared_memory_bytes = 49152;
  return {cpu, gpu};
}

}  // namespace dragoman::kernel
