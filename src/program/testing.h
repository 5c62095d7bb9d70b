// SPDX-License-Identifier: Apache-2.0
// For the tests of this room: a program with every kind of step and no field at its default.
#pragma once

#include "program/program.h"

namespace dragoman::program::testing {

inline Kernel SomeKernel(bool is_segmented) {
  Kernel kernel{.spirv = {0x07230203, 0x00010500, 0, 1, 0, 9},
                .workgroup_size = 64,
                .num_buffers = 2,
                .num_params = 1,
                .required_subgroup_size = 32,
                .is_segmented = is_segmented};
  kernel.hash = HashKernel(kernel);
  return kernel;
}

// Indices of FullProgram's slots and steps.
enum FullSlot : uint32_t { kParameterSlot, kArenaSlot, kOutputSlot, kConstantSlot };
enum FullStep : size_t {
  kDispatchStep,
  kMergedStep,
  kCopyStep,
  kRepeatStep,
  kWhileStep,
  kCaseStep,
  kSendStep,
  kRecvStep
};

inline std::vector<Step> FullSteps() {
  const Step dispatch{.barrier_before = true,
                      .kernel = 0,
                      .workgroups = 3,
                      .buffers = {kParameterSlot, kArenaSlot},
                      .params = {32},
                      .flops = 1.5,
                      .bytes = 2.5,
                      .label = "add",
                      .place = 1,
                      .reason = 0};
  const Step merged{.kernel = 1,
                    .workgroups = 3,
                    .num_segments = 2,
                    .buffers = {kParameterSlot, kArenaSlot, kConstantSlot, kArenaSlot},
                    .params = {1, 2},
                    .segment_starts = {0, 1, 3}};
  const Step copy{.kind = StepKind::kCopy, .barrier_before = true, .slot_a = kArenaSlot, .slot_b = kOutputSlot};
  const Step repeat{.kind = StepKind::kRepeat, .count = 3, .bodies = {{merged}}};
  const Step loop{.kind = StepKind::kWhile, .slot_a = kArenaSlot, .count = 4, .bodies = {{dispatch}, {repeat}}};
  const Step choose{.kind = StepKind::kCase, .slot_a = kConstantSlot, .bodies = {{copy}, {}, {loop}}};
  const Step send{.kind = StepKind::kSend, .slot_a = kParameterSlot, .channel_id = 5};
  const Step recv{.kind = StepKind::kRecv, .slot_a = kArenaSlot, .channel_id = 6};
  return {dispatch, merged, copy, repeat, loop, choose, send, recv};
}

inline Program FullProgram() {
  const TensorType type{DType::kF32, {4, 8}};
  Program program;
  program.name = "full";
  program.parameters = {{.type = type, .is_donor = true}, {.type = {DType::kU64, {2}}}};
  program.outputs = {{.type = type, .aliased_parameter = 0}, {.type = type, .space = MemorySpace::kPinnedHost}};
  program.kernels = {SomeKernel(false), SomeKernel(true)};
  program.constants = {std::vector<std::byte>(4, std::byte{1}), {}};
  program.slots = {{SlotKind::kParameter, 0, 0, 128},
                   {SlotKind::kArena, 0, 256, 128},
                   {SlotKind::kOutput, 0, 0, 128},
                   {SlotKind::kConstant, 0, 0, 4}};
  program.steps = FullSteps();
  program.places = {"a.py:1", "a.py:2 in add"};
  program.reasons = {"there is no other"};
  program.source_places = {11, 12};
  program.arena_bytes = 512;
  program.has_random_seed = true;
  program.forwarded_parameters = {-1, 0};
  program.flops = 2.5;
  program.bytes_accessed = 3.5;
  return program;
}

}  // namespace dragoman::program::testing
