// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "program/program.h"

namespace dragoman::program {
namespace {

constexpr std::string_view kSlotKindNames[] = {"parameter", "output", "constant", "arena"};
constexpr std::string_view kStepKindNames[] = {"dispatch", "copy", "repeat", "while", "case", "send", "recv"};

std::string SlotText(const Program& program, uint32_t slot) {
  if (slot >= program.slots.size()) return Format("slot {}?", slot);
  const Slot& s = program.slots[slot];
  const std::string_view kind = kSlotKindNames[static_cast<int>(s.kind)];
  const std::string base = s.kind == SlotKind::kArena ? std::string(kind) : Format("{} {}", kind, s.index);
  return Format("{} +{} [{}]", base, s.offset_bytes, s.size_bytes);
}

std::string DispatchText(const Program& program, const Step& step) {
  std::string text = Format("kernel {}, {} workgroups", step.kernel, step.workgroups);
  if (step.num_segments != 1) text += Format(", {} segments", step.num_segments);
  for (const uint32_t slot : step.buffers) text += Format(", {}", SlotText(program, slot));
  if (!step.params.empty()) {
    text += "; params";
    for (const uint32_t param : step.params) text += Format(" {}", param);
  }
  return text;
}

std::string StepText(const Program& program, const Step& step) {
  switch (step.kind) {
    case StepKind::kDispatch:
      return DispatchText(program, step);
    case StepKind::kCopy:
      return Format("{} to {}", SlotText(program, step.slot_a), SlotText(program, step.slot_b));
    case StepKind::kRepeat:
      return Format("{} times", step.count);
    case StepKind::kWhile:
      return SlotText(program, step.slot_a);
    case StepKind::kCase:
      return SlotText(program, step.slot_a);
    case StepKind::kSend:
      return Format("{}, channel {}", SlotText(program, step.slot_a), step.channel_id);
    case StepKind::kRecv:
      return Format("{}, channel {}", SlotText(program, step.slot_a), step.channel_id);
  }
  return "?";
}

std::string PlaceText(const Program& program, const Step& step) {
  return step.place < program.places.size() ? " at " + program.places[step.place] : "";
}

void PrintSteps(const Program& program, const std::vector<Step>& steps, int indent, std::string& text) {
  const std::string margin(indent, ' ');
  for (const Step& step : steps) {
    if (step.barrier_before) text += margin + "barrier\n";
    text += Format("{}{} {}{}{}{}\n", margin, kStepKindNames[static_cast<int>(step.kind)], StepText(program, step),
                   step.label.empty() ? "" : "  # ", step.label, PlaceText(program, step));
    for (size_t i = 0; i < step.bodies.size(); ++i) {
      text += Format("{}body {}:\n", margin, i);
      PrintSteps(program, step.bodies[i], indent + 2, text);
    }
  }
}

}  // namespace

std::string Print(const Program& program) {
  std::string text = Format("program {}: arena {} bytes, {} flops, {} bytes accessed\n", program.name,
                            program.arena_bytes, program.flops, program.bytes_accessed);
  for (size_t i = 0; i < program.parameters.size(); ++i) {
    text += Format("parameter {}: {}\n", i, program.parameters[i].type.ToString());
  }
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    text += Format("output {}: {}", i, program.outputs[i].type.ToString());
    if (program.outputs[i].aliased_parameter >= 0) {
      text += Format(", {} parameter {}", program.outputs[i].starts_as_parameter ? "starts as" : "may take",
                     program.outputs[i].aliased_parameter);
    }
    if (i < program.forwarded_parameters.size() && program.forwarded_parameters[i] >= 0) {
      text += Format(", is parameter {}", program.forwarded_parameters[i]);
    }
    if (program.outputs[i].space != MemorySpace::kDevice) {
      text += Format(", in {}", kMemorySpaceNames[static_cast<int>(program.outputs[i].space)]);
    }
    text += "\n";
  }
  for (size_t i = 0; i < program.constants.size(); ++i) {
    text += Format("constant {}: {} bytes\n", i, program.constants[i].size());
  }
  for (size_t i = 0; i < program.kernels.size(); ++i) {
    const Kernel& kernel = program.kernels[i];
    text += Format("kernel {}: {} words, workgroup {}, {} buffers, {} params{}, {}\n", i, kernel.spirv.size(),
                   kernel.workgroup_size, kernel.num_buffers, kernel.num_params,
                   kernel.is_segmented ? ", segmented" : "", kernel.hash.Hex());
  }
  PrintSteps(program, program.steps, 0, text);
  return text;
}

}  // namespace dragoman::program
