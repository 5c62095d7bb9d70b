// SPDX-License-Identifier: Apache-2.0
#include "fusion/clusters.h"

#include <algorithm>
#include <queue>

#include "fusion/classify.h"
#include "fusion/code_size.h"

namespace dragoman::fusion {

namespace {

constexpr size_t kMaxReads = 40;

}  // namespace

Clusters::Clusters(const Graph& graph) : graph_(graph), cluster_of_(graph.size(), -1) {
  for (int i = 0; i < graph.size(); ++i) {
    const Node& node = graph.node(i);
    if (!node.in_memory || IsMemoryConstant(*node.op) || node.op->code == ir::OpCode::kReturn) continue;
    cluster_of_[i] = size();
    Cluster cluster;
    cluster.kind = node.is_elemental ? GroupKind::kLoop : KindOf(*node.op);
    cluster.roots = {i};
    cluster.last_position = i;
    if (node.op->code == ir::OpCode::kReduce) cluster.rows = RowShapeOfReduce(*node.op);
    cluster.code_size = CodeSizeOf(cluster.roots);
    clusters_.push_back(std::move(cluster));
    parent_.push_back(size() - 1);
  }
  for (int id = 0; id < size(); ++id) {
    for (const ir::Value* value : Reads(id, nullptr)) {
      const int position = graph.PositionOf(value);
      if (position < 0 || cluster_of_[position] < 0) continue;
      clusters_[id].predecessors.push_back(cluster_of_[position]);
      clusters_[cluster_of_[position]].successors.push_back(id);
    }
  }
}

int Clusters::Find(int id) const {
  while (parent_[id] != id) id = parent_[id] = parent_[parent_[id]];
  return id;
}

std::vector<int> Clusters::Predecessors(int id) const {
  std::vector<int> result;
  for (const int predecessor : clusters_[id].predecessors) {
    const int live = Find(predecessor);
    if (live != id && std::find(result.begin(), result.end(), live) == result.end()) result.push_back(live);
  }
  return result;
}

bool Clusters::HasOtherPath(int from, int to) const {
  const int last_position = clusters_[from].last_position;
  std::vector<int> stack;
  std::unordered_set<int> visited;
  for (const int predecessor : Predecessors(to)) {
    if (predecessor != from) stack.push_back(predecessor);
  }
  while (!stack.empty()) {
    const int id = stack.back();
    stack.pop_back();
    if (id == from) return true;
    // What depends on `from` depends on all that `from` depends on. Positions of roots alone do not tell: a cluster
    // that was merged has early roots, which what comes early reads, and late ones.
    if (clusters_[id].last_position < last_position || !visited.insert(id).second) continue;
    for (const int predecessor : Predecessors(id)) stack.push_back(predecessor);
  }
  return false;
}

std::vector<ir::Value*> Clusters::Reads(int id, std::unordered_set<int>* members) const {
  std::unordered_set<int> visited(clusters_[id].roots.begin(), clusters_[id].roots.end());
  std::unordered_set<const ir::Value*> seen;
  std::vector<ir::Value*> reads;
  std::vector<int> stack(clusters_[id].roots.rbegin(), clusters_[id].roots.rend());
  while (!stack.empty()) {
    const int position = stack.back();
    stack.pop_back();
    for (ir::Value* value : graph_.node(position).reads) {
      const int producer = graph_.PositionOf(value);
      if (producer >= 0 && visited.contains(producer)) continue;
      if (producer >= 0 && graph_.IsInlined(producer)) {
        visited.insert(producer);
        stack.push_back(producer);
      } else if (seen.insert(value).second) {
        reads.push_back(value);
      }
    }
  }
  if (members != nullptr) *members = std::move(visited);
  return reads;
}

int64_t Clusters::CodeSizeOf(const std::vector<int>& roots) {
  std::vector<const ir::Op*> ops;
  for (const int root : roots) ops.push_back(graph_.node(root).op);
  const auto is_computed = [this](const ir::Value* value) {
    const int position = graph_.PositionOf(value);
    return position >= 0 && graph_.IsInlined(position);
  };
  return CodeSize(ops, is_computed, positions_);
}

// Their sum is an upper bound, which what they have in common makes too large.
int64_t Clusters::UnitedCodeSize(int a, int b) {
  const int64_t sum = clusters_[a].code_size + clusters_[b].code_size;
  if (sum <= kMaxCodeSize) return sum;
  std::vector<int> roots = clusters_[a].roots;
  roots.insert(roots.end(), clusters_[b].roots.begin(), clusters_[b].roots.end());
  return CodeSizeOf(roots);
}

std::string_view Clusters::Obstacle(int producer, int consumer) {
  if (Reads(producer, nullptr).size() + Reads(consumer, nullptr).size() > kMaxReads) {
    return "one kernel would read too many tensors";
  }
  if (UnitedCodeSize(producer, consumer) > kMaxCodeSize) return "one kernel would have too much code";
  return HasOtherPath(producer, consumer) ? "another kernel between them reads the one's result for the other" : "";
}

bool Clusters::TryMerge(int producer, int consumer, std::string reason) {
  if (!Obstacle(producer, consumer).empty()) return false;
  Cluster& from = clusters_[producer];
  Cluster& to = clusters_[consumer];
  to.code_size = UnitedCodeSize(producer, consumer);
  to.roots.insert(to.roots.end(), from.roots.begin(), from.roots.end());
  std::sort(to.roots.begin(), to.roots.end());
  to.predecessors.insert(to.predecessors.end(), from.predecessors.begin(), from.predecessors.end());
  to.successors.insert(to.successors.end(), from.successors.begin(), from.successors.end());
  to.last_position = std::max(to.last_position, from.last_position);
  to.reasons.insert(to.reasons.end(), from.reasons.begin(), from.reasons.end());
  to.reasons.push_back(std::move(reason));
  from.merged_away = true;
  parent_[producer] = consumer;
  to.predecessors = Predecessors(consumer);
  RaiseLastPosition(consumer);
  return true;
}

void Clusters::RaiseLastPosition(int id) {
  std::vector<int> stack = {id};
  while (!stack.empty()) {
    const Cluster& cluster = clusters_[stack.back()];
    stack.pop_back();
    for (const int successor : cluster.successors) {
      const int live = Find(successor);
      if (clusters_[live].last_position >= cluster.last_position) continue;
      clusters_[live].last_position = cluster.last_position;
      stack.push_back(live);
    }
  }
}

std::vector<int> Clusters::TopologicalOrder() const {
  std::vector<int> waiting(size(), 0);
  std::vector<std::vector<int>> successors(size());
  using Entry = std::pair<int, int>;  // first root's position, cluster
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  for (int id = 0; id < size(); ++id) {
    if (clusters_[id].merged_away) continue;
    for (const int predecessor : Predecessors(id)) {
      successors[predecessor].push_back(id);
      ++waiting[id];
    }
    if (waiting[id] == 0) ready.emplace(clusters_[id].roots.front(), id);
  }
  std::vector<int> order;
  while (!ready.empty()) {
    const int id = ready.top().second;
    ready.pop();
    order.push_back(id);
    for (const int successor : successors[id]) {
      if (--waiting[successor] == 0) ready.emplace(clusters_[successor].roots.front(), successor);
    }
  }
  return order;
}

}  // namespace dragoman::fusion
