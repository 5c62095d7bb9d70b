// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "base/format.h"
#include "program/program.h"

namespace dragoman::program {
namespace {

constexpr int kMaxStepDepth = 32;
constexpr uint64_t kMaxTensorBytes = 1ull << 48;
constexpr uint32_t kSpirvMagic = 0x07230203;

void ForgetPlaces(std::vector<Step>& steps) {
  for (Step& step : steps) {
    step.place = kNoPlace;
    for (auto& body : step.bodies) ForgetPlaces(body);
  }
}

void AddSteps(const std::vector<Step>& steps, std::vector<const Step*>& all) {
  for (const Step& step : steps) {
    all.push_back(&step);
    for (const auto& body : step.bodies) AddSteps(body, all);
  }
}

class Validator {
 public:
  explicit Validator(const Program& program) : program_(program) {}

  Status Run() {
    RETURN_IF_ERROR(Tensors("Parameter", program_.parameters, &parameter_bytes_));
    RETURN_IF_ERROR(Tensors("Output", program_.outputs, &output_bytes_));
    RETURN_IF_ERROR(Aliases());
    const TensorType seed{DType::kU64, {2}};
    if (program_.has_random_seed && (program_.parameters.empty() || !(program_.parameters.back().type == seed))) {
      return InvalidArgument("The last parameter is no seed of random numbers.");
    }
    for (size_t i = 0; i < program_.kernels.size(); ++i) RETURN_IF_ERROR(CheckKernel(i));
    for (size_t i = 0; i < program_.slots.size(); ++i) RETURN_IF_ERROR(CheckSlot(i));
    if (program_.arena_bytes > kMaxTensorBytes) {
      return InvalidArgument(Format("The arena has {} bytes, more than {}.", program_.arena_bytes, kMaxTensorBytes));
    }
    return Steps(program_.steps, 0);
  }

 private:
  static Status Tensors(std::string_view what, const std::vector<TensorSpec>& tensors, std::vector<uint64_t>* sizes) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      const TensorType& type = tensors[i].type;
      if (type.dtype > DType::kToken) return InvalidArgument(Format("{} {} has no known element type.", what, i));
      uint64_t size_bytes = SizeBytes(type.dtype);
      for (const int64_t extent : type.dims) {
        if (extent < 0) return InvalidArgument(Format("{} {} has the negative extent {}.", what, i, extent));
        if (extent != 0 && size_bytes > kMaxTensorBytes / extent) {
          return InvalidArgument(Format("{} {} is larger than {} bytes.", what, i, kMaxTensorBytes));
        }
        size_bytes *= extent;
      }
      sizes->push_back(size_bytes);
    }
    return OkStatus();
  }

  Status Aliases() {
    std::vector<bool> is_taken(program_.parameters.size());
    const auto& forwarded = program_.forwarded_parameters;
    if (!forwarded.empty() && forwarded.size() != program_.outputs.size()) {
      return InvalidArgument(Format("The program has {} outputs and states forwarded parameters for {}.",
                                    program_.outputs.size(), forwarded.size()));
    }
    for (size_t i = 0; i < program_.outputs.size(); ++i) {
      if (static_cast<int>(program_.outputs[i].space) >= kNumMemorySpaces) {
        return InvalidArgument(Format("Output {} is in an unknown memory.", i));
      }
      const int alias = program_.outputs[i].aliased_parameter;
      RETURN_IF_ERROR(SameSize(i, alias));
      if (alias >= 0 && is_taken[alias]) {
        return InvalidArgument(Format("Two outputs take the memory of parameter {}.", alias));
      }
      if (alias >= 0) is_taken[alias] = true;
      if (alias < 0 && program_.outputs[i].starts_as_parameter) {
        return InvalidArgument(Format("Output {} starts as a parameter and names none.", i));
      }
      if (!forwarded.empty()) RETURN_IF_ERROR(SameSize(i, forwarded[i]));
    }
    return OkStatus();
  }

  Status SameSize(size_t output, int parameter) {
    if (parameter == -1) return OkStatus();
    if (parameter < 0 || parameter >= static_cast<int>(program_.parameters.size())) {
      return InvalidArgument(
          Format("Output {} names parameter {} of {}.", output, parameter, program_.parameters.size()));
    }
    if (output_bytes_[output] != parameter_bytes_[parameter]) {
      return InvalidArgument(Format("Output {} has {} bytes and its parameter {} has {}.", output,
                                    output_bytes_[output], parameter, parameter_bytes_[parameter]));
    }
    return OkStatus();
  }

  Status CheckKernel(size_t index) {
    const Kernel& kernel = program_.kernels[index];
    if (kernel.spirv.size() < 5 || kernel.spirv[0] != kSpirvMagic) {
      return InvalidArgument(Format("Kernel {} is not SPIR-V.", index));
    }
    if (kernel.workgroup_size == 0 || kernel.workgroup_size > (1u << 16) || kernel.num_buffers > (1u << 16) ||
        kernel.num_params > (1u << 16)) {
      return InvalidArgument(Format("Kernel {} has a workgroup of {}, {} buffers and {} params, beyond 1 to 65536.",
                                    index, kernel.workgroup_size, kernel.num_buffers, kernel.num_params));
    }
    if (kernel.hash != Hash128{} && kernel.hash != HashKernel(kernel)) {
      return InvalidArgument(Format("The hash of kernel {} does not match its contents.", index));
    }
    return OkStatus();
  }

  // Bytes of what a slot lies in, or nothing when its index is out of range.
  StatusOr<uint64_t> BaseBytes(size_t index, const Slot& slot) {
    size_t count = 0;
    uint64_t size_bytes = 0;
    switch (slot.kind) {
      case SlotKind::kArena:
        return program_.arena_bytes;
      case SlotKind::kParameter:
        count = parameter_bytes_.size();
        break;
      case SlotKind::kOutput:
        count = output_bytes_.size();
        break;
      case SlotKind::kConstant:
        count = program_.constants.size();
        break;
    }
    if (slot.kind > SlotKind::kArena) return InvalidArgument(Format("Slot {} has no known kind.", index));
    if (slot.index >= count) {
      return InvalidArgument(Format("Slot {} has the index {} where {} exist.", index, slot.index, count));
    }
    if (slot.kind == SlotKind::kParameter) size_bytes = parameter_bytes_[slot.index];
    if (slot.kind == SlotKind::kOutput) size_bytes = output_bytes_[slot.index];
    if (slot.kind == SlotKind::kConstant) size_bytes = program_.constants[slot.index].size();
    return size_bytes;
  }

  Status CheckSlot(size_t index) {
    const Slot& slot = program_.slots[index];
    ASSIGN_OR_RETURN(const uint64_t base_bytes, BaseBytes(index, slot));
    if (slot.size_bytes > base_bytes || slot.offset_bytes > base_bytes - slot.size_bytes) {
      return InvalidArgument(
          Format("Slot {} takes {} bytes at {} of {}.", index, slot.size_bytes, slot.offset_bytes, base_bytes));
    }
    if (slot.kind == SlotKind::kArena && slot.offset_bytes % 16 != 0) {
      return InvalidArgument(
          Format("Slot {} starts at byte {} of the arena, no multiple of 16.", index, slot.offset_bytes));
    }
    return OkStatus();
  }

  Status UsesSlot(const Step& step, uint32_t slot, uint64_t min_bytes = 0) {
    if (slot >= program_.slots.size()) {
      return InvalidArgument(Format("Step '{}' uses slot {} of {}.", step.label, slot, program_.slots.size()));
    }
    if (program_.slots[slot].size_bytes < min_bytes) {
      return InvalidArgument(Format("Step '{}' reads {} bytes of slot {}, which has {}.", step.label, min_bytes, slot,
                                    program_.slots[slot].size_bytes));
    }
    return OkStatus();
  }

  // Parameters and constants never change: buffers share them. An output that takes a parameter's memory has its own
  // slot.
  Status WritesSlot(const Step& step, uint32_t slot) {
    RETURN_IF_ERROR(UsesSlot(step, slot));
    const Slot& target = program_.slots[slot];
    if (target.kind == SlotKind::kParameter || target.kind == SlotKind::kConstant) {
      return InvalidArgument(Format("Step '{}' writes slot {}, a parameter or constant.", step.label, slot));
    }
    return IsWordAligned(step, slot);
  }

  Status IsWordAligned(const Step& step, uint32_t slot) {
    if (program_.slots[slot].offset_bytes % 4 == 0) return OkStatus();
    return InvalidArgument(Format("Step '{}' copies or fills slot {} at byte {}, no multiple of 4.", step.label, slot,
                                  program_.slots[slot].offset_bytes));
  }

  Status Steps(const std::vector<Step>& steps, int depth) {
    if (depth > kMaxStepDepth) {
      return InvalidArgument(Format("The steps are nested deeper than {}.", kMaxStepDepth));
    }
    for (const Step& step : steps) {
      RETURN_IF_ERROR(CheckStep(step));
      for (const auto& body : step.bodies) RETURN_IF_ERROR(Steps(body, depth + 1));
    }
    return OkStatus();
  }

  Status CheckStep(const Step& step) {
    if (step.reason != kNoReason && step.reason >= program_.reasons.size()) {
      return InvalidArgument(
          Format("A step has reason {}, but the program has {} reasons.", step.reason, program_.reasons.size()));
    }
    if (step.place != kNoPlace && step.place >= program_.places.size()) {
      return InvalidArgument(
          Format("A step has place {}, but the program has {} places.", step.place, program_.places.size()));
    }
    switch (step.kind) {
      case StepKind::kDispatch:
        return Dispatch(step);
      case StepKind::kCopy:
        return Copy(step);
      case StepKind::kRepeat:
        return HasBodies(step, 1, 1);
      case StepKind::kWhile:
        return While(step);
      case StepKind::kCase:
        return Case(step);
      case StepKind::kSend:
        return UsesSlot(step, step.slot_a);
      case StepKind::kRecv:
        return WritesSlot(step, step.slot_a);
    }
    return InvalidArgument(Format("Step '{}' has no known kind.", step.label));
  }

  Status HasBodies(const Step& step, size_t min, size_t max) {
    if (step.bodies.size() >= min && step.bodies.size() <= max) return OkStatus();
    return InvalidArgument(Format("Step '{}' has {} bodies, expected {}.", step.label, step.bodies.size(), min));
  }

  Status While(const Step& step) {
    RETURN_IF_ERROR(UsesSlot(step, step.slot_a, 1));
    RETURN_IF_ERROR(IsWordAligned(step, step.slot_a));
    return HasBodies(step, 2, 2);
  }

  Status Case(const Step& step) {
    RETURN_IF_ERROR(UsesSlot(step, step.slot_a, 4));
    RETURN_IF_ERROR(IsWordAligned(step, step.slot_a));
    return HasBodies(step, 1, std::numeric_limits<size_t>::max());
  }

  Status Copy(const Step& step) {
    RETURN_IF_ERROR(UsesSlot(step, step.slot_a));
    RETURN_IF_ERROR(WritesSlot(step, step.slot_b));
    RETURN_IF_ERROR(IsWordAligned(step, step.slot_a));
    const uint64_t source = program_.slots[step.slot_a].size_bytes;
    const uint64_t target = program_.slots[step.slot_b].size_bytes;
    if (source == target) return OkStatus();
    return InvalidArgument(Format("Step '{}' copies {} bytes to a slot of {}.", step.label, source, target));
  }

  Status Dispatch(const Step& step) {
    if (step.kernel >= program_.kernels.size()) {
      return InvalidArgument(
          Format("Step '{}' runs kernel {} of {}.", step.label, step.kernel, program_.kernels.size()));
    }
    const Kernel& kernel = program_.kernels[step.kernel];
    if (step.num_segments == 0 || (!kernel.is_segmented && step.num_segments != 1)) {
      return InvalidArgument(Format("Step '{}' has {} segments.", step.label, step.num_segments));
    }
    if (step.buffers.size() != uint64_t{step.num_segments} * kernel.num_buffers ||
        step.params.size() != uint64_t{step.num_segments} * kernel.num_params) {
      return InvalidArgument(
          Format("Step '{}' has {} buffers and {} params for {} segments of a kernel with {} and {}.", step.label,
                 step.buffers.size(), step.params.size(), step.num_segments, kernel.num_buffers, kernel.num_params));
    }
    for (const uint32_t slot : step.buffers) RETURN_IF_ERROR(UsesSlot(step, slot));
    return Segments(step, kernel);
  }

  Status Segments(const Step& step, const Kernel& kernel) {
    if (!kernel.is_segmented) return OkStatus();
    const auto& starts = step.segment_starts;
    bool is_right =
        starts.size() == step.num_segments + uint64_t{1} && starts.front() == 0 && starts.back() == step.workgroups;
    for (size_t i = 1; is_right && i < starts.size(); ++i) is_right = starts[i - 1] <= starts[i];
    if (is_right) return OkStatus();
    return InvalidArgument(
        Format("The segments of step '{}' do not rise from 0 to its {} workgroups.", step.label, step.workgroups));
  }

  const Program& program_;
  std::vector<uint64_t> parameter_bytes_;
  std::vector<uint64_t> output_bytes_;
};

}  // namespace

Status Validate(const Program& program) {
  const Status status = Validator(program).Run();
  return program.name.empty() ? status : status.WithContext("In program " + program.name + ".");
}

std::vector<const Step*> AllSteps(const Program& program) {
  std::vector<const Step*> all;
  AddSteps(program.steps, all);
  return all;
}

ValidProgram ValidProgram::WithoutPlaces() const {
  Program program = *program_;
  ForgetPlaces(program.steps);
  program.places.clear();
  return ValidProgram(std::move(program));
}

StatusOr<ValidProgram> ValidProgram::Check(Program program) {
  RETURN_IF_ERROR(Validate(program));
  for (Kernel& kernel : program.kernels) {
    if (kernel.hash == Hash128{}) kernel.hash = HashKernel(kernel);
  }
  return ValidProgram(std::move(program));
}

}  // namespace dragoman::program
