// SPDX-License-Identifier: Apache-2.0
// For tests: every step of a compiled program on the host, its kernels through the kernel interpreter.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/format.h"
#include "compiler/compiler.h"
#include "kernel/interpreter.h"

namespace dragoman::compiler {

using Bytes = std::vector<std::byte>;

// A program and what its kernels were generated from.
struct CompiledProgram {
  program::Program program;
  std::unordered_map<Hash128, kernel::Kernel, Hash128Hasher> sources;
};

inline StatusOr<CompiledProgram> CompileForInterpreter(std::unique_ptr<ir::Module> module,
                                                       const target::DeviceProfile& profile, bool fuse) {
  CompiledProgram compiled;
  Options options;
  options.fuse = fuse;
  options.on_kernel = [&](const program::Kernel& generated, const kernel::Kernel& source) {
    compiled.sources.emplace(generated.hash, source);
  };
  ASSIGN_OR_RETURN(compiled.program, CompileModule(std::move(module), profile, options));
  return compiled;
}

class ProgramInterpreter {
 public:
  // `runs_backwards`: steps without a barrier between them run last to first, as they may on a device. Memory starts as
  // garbage.
  ProgramInterpreter(const CompiledProgram& compiled, kernel::InterpretOptions options, bool runs_backwards)
      : compiled_(compiled), program_(compiled.program), options_(options), runs_backwards_(runs_backwards) {}

  // The outputs' bytes. No parameter is donated.
  StatusOr<std::vector<Bytes>> Run(const std::vector<Bytes>& parameters) {
    memory_.clear();
    memory_[static_cast<int>(program::SlotKind::kParameter)] = parameters;
    memory_[static_cast<int>(program::SlotKind::kConstant)] = program_.constants;
    memory_[static_cast<int>(program::SlotKind::kArena)] = {Bytes(program_.arena_bytes, kGarbage)};
    std::vector<Bytes>& outputs = memory_[static_cast<int>(program::SlotKind::kOutput)];
    for (const program::TensorSpec& output : program_.outputs) {
      outputs.emplace_back(static_cast<size_t>(output.type.size_bytes()), kGarbage);
      if (output.starts_as_parameter) outputs.back() = parameters[output.aliased_parameter];
    }
    for (size_t i = 0; i < program_.forwarded_parameters.size(); ++i) {
      if (program_.forwarded_parameters[i] >= 0) outputs[i] = parameters[program_.forwarded_parameters[i]];
    }
    RETURN_IF_ERROR(RunSteps(program_.steps));
    return outputs;
  }

 private:
  using Steps = std::vector<program::Step>;
  using Place = std::tuple<int, uint32_t, uint64_t>;  // kind, index, offset
  static constexpr std::byte kGarbage{0xcd};
  static constexpr int kMaxRounds = 10000;

  Status RunSteps(const Steps& steps) {
    for (size_t first = 0; first < steps.size();) {
      size_t end = first + 1;
      while (end < steps.size() && !steps[end].barrier_before) ++end;
      for (size_t i = first; i < end; ++i) {
        const program::Step& step = steps[runs_backwards_ ? first + end - 1 - i : i];
        RETURN_IF_ERROR(RunStep(step).WithContext(Format("In step '{}'.", step.label)));
      }
      first = end;
    }
    return OkStatus();
  }

  Status RunStep(const program::Step& step) {
    switch (step.kind) {
      case program::StepKind::kDispatch:
        return RunDispatch(step);
      case program::StepKind::kCopy:
        std::ranges::copy(Bytes(View(step.slot_a).begin(), View(step.slot_a).end()), View(step.slot_b).begin());
        return OkStatus();
      case program::StepKind::kRepeat:
        for (uint64_t i = 0; i < step.count; ++i) RETURN_IF_ERROR(RunSteps(step.bodies[0]));
        return OkStatus();
      case program::StepKind::kWhile:
        return RunWhile(step);
      case program::StepKind::kCase: {
        int32_t index = 0;
        std::memcpy(&index, View(step.slot_a).data(), sizeof(index));
        const int32_t last = static_cast<int32_t>(step.bodies.size()) - 1;
        return RunSteps(step.bodies[index < 0 || index > last ? last : index]);
      }
      case program::StepKind::kSend:
      case program::StepKind::kRecv:
        break;
    }
    return Unimplemented("No host is on the other side.");
  }

  Status RunWhile(const program::Step& step) {
    for (int round = 0; round < kMaxRounds; ++round) {
      RETURN_IF_ERROR(RunSteps(step.bodies[0]));
      if (View(step.slot_a)[0] == std::byte{0}) return OkStatus();
      RETURN_IF_ERROR(RunSteps(step.bodies[1]));
    }
    return Internal(Format("A while goes round more than {} times.", kMaxRounds));
  }

  Status RunDispatch(const program::Step& step) {
    const program::Kernel& generated = program_.kernels[step.kernel];
    const auto found = compiled_.sources.find(generated.hash);
    if (found == compiled_.sources.end()) return Internal("Nobody knows what the kernel was generated from.");
    for (uint32_t i = 0; i < step.num_segments; ++i) {
      const uint32_t segment = runs_backwards_ ? step.num_segments - 1 - i : i;
      const std::span slots = std::span(step.buffers).subspan(segment * generated.num_buffers, generated.num_buffers);
      const std::span params = std::span(step.params).subspan(segment * generated.num_params, generated.num_params);
      const int64_t workgroups =
          generated.is_segmented ? step.segment_starts[segment + 1] - step.segment_starts[segment] : step.workgroups;
      RETURN_IF_ERROR(RunSegment(found->second, slots, params, workgroups));
    }
    return OkStatus();
  }

  // The interpreter takes whole vectors: slots are copied into such and those that were written back.
  Status RunSegment(const kernel::Kernel& kernel, std::span<const uint32_t> slots, std::span<const uint32_t> params,
                    int64_t workgroups) {
    RETURN_IF_ERROR(CheckOverlaps(kernel, slots));
    std::map<Place, Bytes> contents;
    for (const uint32_t slot : slots) {
      const std::span<std::byte> view = View(slot);
      Bytes& bytes = contents[PlaceOf(slot)];
      if (view.size() > bytes.size()) bytes.assign(view.begin(), view.end());
    }
    std::vector<Bytes*> buffers;
    for (const uint32_t slot : slots) buffers.push_back(&contents[PlaceOf(slot)]);
    RETURN_IF_ERROR(kernel::Interpret(kernel, buffers, params, workgroups, options_));
    for (size_t i = 0; i < slots.size(); ++i) {
      if (!kernel.buffers[i].is_written) continue;
      const std::span<std::byte> view = View(slots[i]);
      std::copy_n(buffers[i]->begin(), view.size(), view.begin());
    }
    return OkStatus();
  }

  // What a kernel writes shares no memory with its other bindings, unless it is the same and both are told.
  Status CheckOverlaps(const kernel::Kernel& kernel, std::span<const uint32_t> slots) const {
    for (size_t i = 0; i < slots.size(); ++i) {
      for (size_t j = 0; j < slots.size(); ++j) {
        const program::Slot& a = program_.slots[slots[i]];
        const program::Slot& b = program_.slots[slots[j]];
        if (i == j || !kernel.buffers[i].is_written || a.kind != b.kind || a.index != b.index) continue;
        const bool is_apart =
            a.offset_bytes >= b.offset_bytes + b.size_bytes || b.offset_bytes >= a.offset_bytes + a.size_bytes;
        const bool is_told = kernel.buffers[i].may_alias && kernel.buffers[j].may_alias;
        if (is_apart || (a.offset_bytes == b.offset_bytes && is_told)) continue;
        return Internal(Format("Buffers {} and {} of a dispatch overlap and one is written.", i, j));
      }
    }
    return OkStatus();
  }

  Place PlaceOf(uint32_t slot) const {
    const program::Slot& at = program_.slots[slot];
    return {static_cast<int>(at.kind), at.index, at.offset_bytes};
  }

  std::span<std::byte> View(uint32_t slot) {
    const program::Slot& at = program_.slots[slot];
    const size_t index = at.kind == program::SlotKind::kArena ? 0 : at.index;
    return std::span(memory_.at(static_cast<int>(at.kind)).at(index)).subspan(at.offset_bytes, at.size_bytes);
  }

  const CompiledProgram& compiled_;
  const program::Program& program_;
  kernel::InterpretOptions options_;
  bool runs_backwards_;
  std::map<int, std::vector<Bytes>> memory_;
};

// The labels of all dispatches, those in bodies too, and the kernels that they run.
inline void VisitDispatches(const std::vector<program::Step>& steps,
                            const std::function<void(const program::Step&)>& visit) {
  for (const program::Step& step : steps) {
    if (step.kind == program::StepKind::kDispatch) visit(step);
    for (const auto& body : step.bodies) VisitDispatches(body, visit);
  }
}

}  // namespace dragoman::compiler
