// SPDX-License-Identifier: Apache-2.0
#include "conformance/device_kernels.h"

#include "base/format.h"

namespace dragoman::conformance {
namespace {

TensorType BytesType(size_t size) { return {DType::kU8, {static_cast<int64_t>(size)}}; }

uint32_t AddSlot(program::Program& program, program::SlotKind kind, size_t index, size_t size_bytes) {
  program.slots.push_back({kind, static_cast<uint32_t>(index), 0, size_bytes});
  return static_cast<uint32_t>(program.slots.size() - 1);
}

// Every buffer is a parameter that is copied to an output; the kernel works on the outputs.
program::Program ProgramOf(const program::Kernel& compiled, const std::vector<Segment>& segments) {
  program::Program program;
  program.name = "kernel";
  program.kernels = {compiled};
  program::Step dispatch;
  dispatch.barrier_before = true;
  dispatch.num_segments = static_cast<uint32_t>(segments.size());
  for (const Segment& segment : segments) {
    for (const Bytes& bytes : segment.buffers) {
      const size_t index = program.parameters.size();
      program.parameters.push_back({BytesType(bytes.size())});
      program.outputs.push_back({BytesType(bytes.size())});
      const uint32_t source = AddSlot(program, program::SlotKind::kParameter, index, bytes.size());
      const uint32_t target = AddSlot(program, program::SlotKind::kOutput, index, bytes.size());
      program.steps.push_back({.kind = program::StepKind::kCopy, .slot_a = source, .slot_b = target});
      dispatch.buffers.push_back(target);
    }
    dispatch.params.insert(dispatch.params.end(), segment.params.begin(), segment.params.end());
    if (compiled.is_segmented) dispatch.segment_starts.push_back(dispatch.workgroups);
    dispatch.workgroups += segment.workgroups;
  }
  if (compiled.is_segmented) dispatch.segment_starts.push_back(dispatch.workgroups);
  program.steps.push_back(std::move(dispatch));
  program.forwarded_parameters.assign(program.outputs.size(), -1);
  return program;
}

}  // namespace

StatusOr<std::vector<Segment>> RunOnDevice(runtime::Device& device, const program::Kernel& compiled,
                                           const kernel::Kernel& kernel, std::vector<Segment> segments) {
  program::Program program = ProgramOf(compiled, segments);
  ASSIGN_OR_RETURN(const auto executable, device.Load(std::move(program)));
  std::vector<std::shared_ptr<runtime::Buffer>> arguments;
  for (const Segment& segment : segments) {
    if (segment.buffers.size() != kernel.buffers.size()) return InvalidArgument("A segment lacks buffers.");
    for (const Bytes& bytes : segment.buffers) {
      ASSIGN_OR_RETURN(auto buffer, device.FromHost(BytesType(bytes.size()), {bytes.data(), {}}));
      arguments.push_back(std::move(buffer));
    }
  }
  ASSIGN_OR_RETURN(const runtime::ExecuteResult result, executable->Execute(arguments, {}));
  size_t output = 0;
  for (Segment& segment : segments) {
    for (Bytes& bytes : segment.buffers) {
      RETURN_IF_ERROR(device.ToHost(result.outputs[output++], bytes.data(), bytes.size())->Await());
    }
  }
  return segments;
}

}  // namespace dragoman::conformance
