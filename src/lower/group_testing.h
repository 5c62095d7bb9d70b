// SPDX-License-Identifier: Apache-2.0
// For tests: a fusion group from the text of a function, lowered, run by the interpreter, its results compared with
// plain loops.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/format.h"
#include "element/run_group_testing.h"
#include "ir/ir.h"
#include "kernel/interpreter.h"
#include "kernel/kernel_ir.h"
#include "kernel/lift_extents.h"
#include "lower/limits_testing.h"
#include "lower/lowering.h"
#include "lower/product/product_testing.h"
#include "lower/reduce/kinds.h"
#include "lower/stream/kinds.h"

namespace dragoman::kernel {

// Every op of the function is a member, its parameters are the inputs, what it returns are the outputs.
struct TestGroup {
  std::unique_ptr<ir::Module> module;
  fusion::Group group;
  Memory memory;

  // `body`: "(%0: tensor<4xf32>) { ... }"
  explicit TestGroup(const std::string& body, fusion::GroupKind kind = fusion::GroupKind::kLoop) {
    StatusOr<std::unique_ptr<ir::Module>> parsed = ir::Parse("module @test\nfunc public @main" + body);
    if (!parsed.ok()) {
      ADD_FAILURE() << parsed.status().message();
      return;
    }
    module = std::move(*parsed);
    group.kind = kind;
    ir::Block& block = module->main()->body;
    for (const auto& argument : block.arguments) group.inputs.push_back(argument.get());
    for (const auto& op : block.ops) {
      if (op->code == ir::OpCode::kReturn) {
        group.outputs = op->operands;
        continue;
      }
      group.members.push_back(op.get());
      if (group.hero == nullptr && op->code == ir::OpCode::kReduce) group.hero = op.get();
      if (op->code == ir::OpCode::kDynamicUpdateSlice) group.hero = op.get();
    }
  }

  const TensorType& input_type(int i) const { return group.inputs[i]->type; }
  const TensorType& output_type(int i) const { return group.outputs[i]->type; }

  void Set(const ir::Value* value, const Numbers& numbers) {
    std::vector<std::byte>& bytes = memory[value];
    bytes.resize(value->type.size_bytes());
    const int size = SizeBytes(value->type.dtype);
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (IsPred(value->type.dtype)) {
        bytes[i] = std::byte{numbers[i] != 0.0};
      } else {
        EncodeElement(value->type.dtype, numbers[i], bytes.data() + i * size);
      }
    }
  }
  void SetInput(int i, const Numbers& numbers) { Set(group.inputs[i], numbers); }
  // Random inputs; returns them.
  std::vector<Numbers> SetRandomInputs(uint32_t seed = 1) {
    std::vector<Numbers> all;
    for (size_t i = 0; i < group.inputs.size(); ++i) {
      all.push_back(RandomNumbers(group.inputs[i]->type, seed + static_cast<uint32_t>(i)));
      SetInput(static_cast<int>(i), all.back());
    }
    return all;
  }

  Numbers Output(int i) const {
    const ir::Value* value = group.outputs[i];
    const auto found = memory.find(value);
    if (found == memory.end()) return {};
    const std::vector<std::byte>& bytes = found->second;
    Numbers numbers;
    for (int64_t at = 0; at < value->type.num_elements(); ++at) {
      const std::byte* element = bytes.data() + at * SizeBytes(value->type.dtype);
      numbers.push_back(IsPred(value->type.dtype) ? Number(static_cast<double>(*element))
                                                  : DecodeElement(value->type.dtype, element));
    }
    return numbers;
  }

  StatusOr<LoweredGroup> Lower(const target::DeviceProfile& profile) const {
    switch (group.kind) {
      case fusion::GroupKind::kReduce:
        return LowerReduce(group, {profile});
      case fusion::GroupKind::kRow:
        return LowerRow(group, {profile});
      case fusion::GroupKind::kDynamicUpdateSlice:
        return LowerDynamicUpdateSlice(group, {profile});
      default:
        return LowerLoop(group, {profile});
    }
  }

  // Lowers, verifies and runs, with the extents as constants and as parameters. Returns what was lowered.
  LoweredGroup Run(const target::DeviceProfile& profile) {
    StatusOr<LoweredGroup> lowered = Lower(profile);
    if (!lowered.ok()) {
      ADD_FAILURE() << lowered.status().message();
      return {};
    }
    ExpectWithinLimits(*lowered, profile);
    Memory lifted_memory = memory;
    RunLowered(*lowered, memory, profile);
    LoweredGroup lifted = *lowered;
    for (Dispatch& dispatch : lifted.dispatches) LiftExtents(dispatch.kernel, dispatch.params);
    RunLowered(lifted, lifted_memory, profile);
    for (const ir::Value* output : group.outputs) EXPECT_EQ(memory[output], lifted_memory[output]);
    return std::move(*lowered);
  }
  static void RunLowered(const LoweredGroup& lowered, Memory& memory, const target::DeviceProfile& profile) {
    for (const Dispatch& dispatch : lowered.dispatches) {
      const Status verified = Verify(dispatch.kernel);
      EXPECT_TRUE(verified.ok()) << verified.message() << "\n" << Print(dispatch.kernel);
      if (!verified.ok()) return;
      EXPECT_EQ(dispatch.arguments.size(), dispatch.kernel.buffers.size());
    }
    InterpretOptions options;
    options.subgroup_size = profile.subgroup_size;
    const Status run = RunLoweredGroup(lowered, memory, options);
    if (!run.ok()) ADD_FAILURE() << run.message() << "\n" << Print(lowered.dispatches.back().kernel);
  }

  // Output `i` at each index is `expected(index)`, within `tolerance` relative to its size.
  template <typename Function>
  void Expect(int i, Function expected, double tolerance = 0) const {
    const Numbers actual = Output(i);
    const TensorType& type = output_type(i);
    ASSERT_EQ(static_cast<int64_t>(actual.size()), type.num_elements());
    int failures = 0;
    ForEachIndex(type.dims, [&](const Dims& at) {
      const Number want = expected(at);
      const Number got = actual[LinearAt(type.dims, at)];
      const bool both_nan = std::isnan(want.real()) && std::isnan(got.real());
      const bool is_close = want == got || std::abs(want - got) <= tolerance * std::max(1.0, std::abs(want));
      if (both_nan || is_close || ++failures > 5) return;
      ADD_FAILURE() << "output " << i << " at " << ToString(at) << " is " << got.real() << "," << got.imag()
                    << ", expected " << want.real() << "," << want.imag();
    });
  }
};

// Devices that differ in what lowering looks at.
inline target::DeviceProfile ScalarProfile() {
  target::DeviceProfile profile;
  profile.unrolling_is_costly = true;
  profile.type = target::DeviceType::kCpu;
  profile.shared_memory_bytes = 32768;
  profile.float16 = profile.int64 = profile.float64 = true;
  return profile;
}
inline target::DeviceProfile VectorProfile() {
  target::DeviceProfile profile;
  profile.type = target::DeviceType::kDiscreteGpu;
  profile.max_workgroup_invocations = 1024;
  profile.max_workgroup_size[0] = 1024;
  profile.shared_memory_bytes = 49152;
  profile.float16 = profile.int64 = profile.float64 = true;
  return profile;
}
inline std::vector<target::DeviceProfile> TestProfiles() { return {ScalarProfile(), VectorProfile()}; }

// And devices whose invocations exchange values within subgroups, of the only size or of the least.
inline target::DeviceProfile ShufflingProfile(int least, int usual) {
  target::DeviceProfile profile = VectorProfile();
  profile.subgroup_basic = profile.subgroup_shuffle = true;
  profile.subgroup_size_control = least != usual;
  profile.subgroup_min_size = least;
  profile.subgroup_size = profile.subgroup_max_size = usual;
  if (least != usual) profile.tile_registers = 52;
  return profile;
}
inline std::vector<target::DeviceProfile> TestProfilesThatShuffleToo() {
  return {ScalarProfile(), VectorProfile(), ShufflingProfile(32, 32), ShufflingProfile(8, 16)};
}

}  // namespace dragoman::kernel
