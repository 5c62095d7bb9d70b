// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>

#include "base/format.h"
#include "runtime/plan.h"

namespace dragoman::runtime {
namespace {

constexpr std::string_view kBaseNames[] = {"parameter", "output", "constant", "arena", "table", "readback", "upload"};
static_assert(std::size(kBaseNames) == kNumBases);
constexpr std::string_view kNodeKindNames[] = {"run",         "while", "host while", "host case",
                                               "host repeat", "send",  "recv"};
constexpr std::string_view kOpKindNames[] = {"barrier", "barrier before indirect", "dispatch", "dispatch indirect"};

std::string OpText(const Op& op) {
  std::string text(kOpKindNames[static_cast<int>(op.kind)]);
  if (op.kind == OpKind::kBarrier || op.kind == OpKind::kBarrierBeforeIndirect) return text;
  text += Format(" kernel {}, record +{}, {} segments, {} workgroups", op.kernel, op.record_offset, op.num_segments,
                 op.num_workgroups);
  if (op.kind == OpKind::kDispatchIndirect) return text + Format(", sizes +{}", op.sizes_offset);
  text += Format(" as {}x{}", op.x, op.y);
  return op.base_y == 0 ? text : text + Format(" from row {}", op.base_y);
}

void PrintOps(std::string_view title, const std::vector<Op>& ops, const std::string& margin, std::string& text) {
  if (ops.empty()) return;
  if (!title.empty()) text += Format("{}{}:\n", margin, title);
  for (const Op& op : ops) text += Format("{}  {}\n", margin, OpText(op));
}

void PrintNodes(const std::vector<Node>& nodes, const std::string& margin, std::string& text) {
  for (const Node& node : nodes) {
    text += Format("{}{}, {} times\n", margin, kNodeKindNames[static_cast<int>(node.kind)], node.count);
    PrintOps("", node.ops, margin, text);
    PrintOps("iteration", node.iteration_ops, margin, text);
    PrintOps("check", node.check_ops, margin, text);
    for (size_t i = 0; i < node.bodies.size(); ++i) {
      text += Format("{}body {}:\n", margin, i);
      PrintNodes(node.bodies[i], margin + "  ", text);
    }
  }
}

}  // namespace

std::string Print(const Plan& plan) {
  std::string text = Format("table of {} bytes, {} at once\n", plan.table.size(),
                            plan.is_asynchronous ? "submitted" : "driven by the host, not submitted");
  std::vector<std::pair<uint32_t, std::string>> places;
  for (int base = 0; base < kNumBases; ++base) {
    for (const Patch& patch : plan.patches[base]) {
      places.emplace_back(patch.table_offset, Format("{} {} +{}", kBaseNames[base], patch.index, patch.add));
    }
  }
  std::sort(places.begin(), places.end());
  for (const auto& [offset, place] : places) text += Format("  +{}: address of {}\n", offset, place);
  PrintNodes(plan.nodes, "", text);
  return text;
}

}  // namespace dragoman::runtime
