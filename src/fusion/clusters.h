// SPDX-License-Identifier: Apache-2.0
// Clusters: sets of in-memory results that one kernel will write. Merging decides, in a fixed order of rules, which
// become one; see merge.cc for the rules.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "fusion/access.h"
#include "fusion/graph.h"
#include "fusion/positions.h"

namespace dragoman::fusion {

struct Cluster {
  GroupKind kind = GroupKind::kLoop;
  std::vector<int> roots;         // positions of nodes whose results it writes, ascending
  std::vector<int> predecessors;  // clusters whose results it reads; may name merged ones (see Clusters::Find)
  std::vector<int> successors;    // clusters that read its results; may name merged ones and itself
  int last_position = 0;          // the last root of it and of every cluster that it depends on
  std::vector<std::string> reasons;
  RowShape rows;          // of kRow and of reduces over innermost dimensions
  int64_t code_size = 0;  // at most what the kernel has
  bool merged_away = false;
};

class Clusters {
 public:
  explicit Clusters(const Graph& graph);

  const Graph& graph() const { return graph_; }
  int size() const { return static_cast<int>(clusters_.size()); }
  Cluster& at(int id) { return clusters_[id]; }
  const Cluster& at(int id) const { return clusters_[id]; }
  // The cluster a merged one went into.
  int Find(int id) const;
  // Live predecessors, each once.
  std::vector<int> Predecessors(int id) const;
  // `from` is reached from `to` through a third cluster.
  bool HasOtherPath(int from, int to) const;
  // Values of memory that computing the roots reads, each once, in order of first use; `members` receives the ops
  // computed in place and the roots, by position.
  std::vector<ir::Value*> Reads(int id, std::unordered_set<int>* members) const;
  // Merges `producer` into `consumer`, which every rule must do through here; false, and nothing happens, when the
  // kernel would read too many tensors or have more than kMaxCodeSize of code, or when a third cluster lies between.
  bool TryMerge(int producer, int consumer, std::string reason);
  // Why TryMerge would not, for people; empty where it would.
  std::string_view Obstacle(int producer, int consumer);
  // Cluster ids in an order that respects dependencies.
  std::vector<int> TopologicalOrder() const;

 private:
  // Keeps last_position true of all that depend on the cluster.
  void RaiseLastPosition(int id);
  int64_t UnitedCodeSize(int a, int b);
  int64_t CodeSizeOf(const std::vector<int>& roots);

  const Graph& graph_;
  Positions positions_;
  std::vector<Cluster> clusters_;
  std::vector<int> cluster_of_;
  mutable std::vector<int> parent_;
};

// Applies the merging rules.
void MergeClusters(Clusters& clusters);
// Why the rules leave the consumer apart from a producer of what it reads, for people.
std::string WhyApart(Clusters& clusters, int producer, int consumer);

}  // namespace dragoman::fusion
