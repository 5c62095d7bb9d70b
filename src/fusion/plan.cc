// SPDX-License-Identifier: Apache-2.0
#include "fusion/plan.h"

#include <algorithm>
#include <unordered_set>

#include "base/format.h"
#include "fusion/attention.h"
#include "fusion/classify.h"
#include "fusion/clusters.h"
#include "fusion/decide_memory.h"

namespace dragoman::fusion {
namespace {

constexpr std::string_view kNames[] = {
#define X(name, text) text,
    DRAGOMAN_GROUP_KINDS(X)
#undef X
};

Group MakeGroup(const Clusters& clusters, int id) {
  const Graph& graph = clusters.graph();
  const Cluster& cluster = clusters.at(id);
  Group group;
  group.kind = cluster.kind;
  group.reasons = cluster.reasons;
  std::unordered_set<int> members;
  group.inputs = clusters.Reads(id, &members);
  std::vector<int> positions(members.begin(), members.end());
  std::sort(positions.begin(), positions.end());
  for (const int position : positions) {
    const Node& node = graph.node(position);
    group.members.push_back(node.op);
    if (!node.reason.empty()) group.reasons.push_back(node.reason);
  }
  for (const int root : cluster.roots) {
    ir::Op* op = graph.node(root).op;
    if (group.hero == nullptr && KindOf(*op) != GroupKind::kLoop) group.hero = op;
    for (const auto& result : op->results) group.outputs.push_back(result.get());
  }
  return group;
}

void SayWhyApart(Clusters& clusters, int id, Group& group) {
  std::vector<std::string>& reasons = group.reasons;
  for (const int producer : clusters.Predecessors(id)) {
    std::string why = WhyApart(clusters, producer, id);
    if (std::find(reasons.begin(), reasons.end(), why) == reasons.end()) reasons.push_back(std::move(why));
  }
}

// Results that nobody reads from memory are not written. A group keeps its last one: its kernel needs something to do.
void DropUnreadOutputs(const ir::Block& block, Plan& plan) {
  std::unordered_set<const ir::Value*> read(block.terminator()->operands.begin(), block.terminator()->operands.end());
  for (const Group& group : plan.groups) read.insert(group.inputs.begin(), group.inputs.end());
  for (Group& group : plan.groups) {
    const bool is_sort = group.kind == GroupKind::kSort;
    if (group.kind != GroupKind::kLoop && group.kind != GroupKind::kRow && !is_sort && group.members.size() == 1)
      continue;
    std::vector<ir::Value*> kept;
    for (ir::Value* output : group.outputs) {
      const bool is_row_of_hero =
          !is_sort && group.hero != nullptr && output->op == group.hero && group.hero->results.size() > 1;
      if (read.contains(output) || is_row_of_hero) kept.push_back(output);
    }
    if (!kept.empty()) group.outputs = std::move(kept);
  }
}

}  // namespace

std::string_view Name(GroupKind kind) { return kNames[static_cast<int>(kind)]; }

std::string Plan::ToString() const {
  std::string text;
  for (size_t i = 0; i < groups.size(); ++i) {
    const Group& group = groups[i];
    text += Format("group {} {}: {} ops, {} inputs, {} outputs\n", i, Name(group.kind), group.members.size(),
                   group.inputs.size(), group.outputs.size());
    for (const ir::Op* op : group.members) text += "    " + ir::PrintOp(*op) + "\n";
    for (const std::string& reason : group.reasons) text += "  because " + reason + "\n";
  }
  return text;
}

StatusOr<Plan> PlanBlock(const ir::Block& block, const target::CompileContext& context) {
  Graph graph(block);
  DecideMemory(graph, context);
  Clusters clusters(graph);
  if (context.options.fuse) MergeClusters(clusters);
  Plan plan;
  size_t live = 0;
  for (int id = 0; id < clusters.size(); ++id) live += clusters.at(id).merged_away ? 0 : 1;
  for (const int id : clusters.TopologicalOrder()) {
    plan.groups.push_back(MakeGroup(clusters, id));
    if (context.options.fuse) SayWhyApart(clusters, id, plan.groups.back());
  }
  DropUnreadOutputs(block, plan);
  if (plan.groups.size() != live) return Internal("Fusion made groups that depend on each other in a circle.");
  if (context.options.fuse) JoinAttention(plan, block, context);
  return plan;
}

}  // namespace dragoman::fusion
