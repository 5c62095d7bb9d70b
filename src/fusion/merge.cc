// SPDX-License-Identifier: Apache-2.0
// The merging rules, in order:
//   rows      reductions over innermost dimensions, and what is computed per element of the same rows before, between
//             and after them, share a workgroup per row (softmax, layer normalisation and their gradients)
//   siblings  reduces over the same positions that read a tensor of that size in common read it once
//   epilogue  what is computed pointwise from a hero's result is computed before that is written
//   pointwise loops over equally many elements, one reading the other's result at the same element, are one loop
#include <algorithm>
#include <unordered_map>

#include "base/format.h"
#include "fusion/classify.h"
#include "fusion/clusters.h"
#include "fusion/code_size.h"

namespace dragoman::fusion {
namespace {

constexpr int64_t kMinRows = 64;  // fewer rows leave the device idle, unless there is little to do:
constexpr int64_t kMaxElementsOfFewRows = 1 << 16;
constexpr int64_t kMaxLongRow = 1 << 15;  // a longer row is shared by several workgroups, unless there are
constexpr int64_t kManyRows = 1024;       // so many of them.

bool OccupyTheDevice(const RowShape& shape) {
  if (shape.rows < kMinRows) return shape.rows * shape.cols <= kMaxElementsOfFewRows;
  return shape.rows >= kManyRows || shape.cols <= kMaxLongRow;
}

bool TakesRows(const Cluster& cluster) {
  return cluster.kind == GroupKind::kLoop || cluster.kind == GroupKind::kRow || cluster.kind == GroupKind::kReduce;
}

// All values that `producer` writes and the consumer's roots read satisfy `reads_well`.
template <typename Predicate>
bool AllReads(const Clusters& clusters, int producer, int consumer, Predicate reads_well) {
  for (const int root : clusters.at(producer).roots) {
    for (const auto& result : clusters.graph().node(root).op->results) {
      for (const int reader : clusters.at(consumer).roots) {
        if (!reads_well(reader, result.get())) return false;
      }
    }
  }
  return true;
}

bool RootsHaveRowShape(const Clusters& clusters, int id, const RowShape& shape) {
  return std::all_of(clusters.at(id).roots.begin(), clusters.at(id).roots.end(), [&](int root) {
    const ir::Op& op = *clusters.graph().node(root).op;
    if (op.code == ir::OpCode::kReduce) return RowShapeOfReduce(op) == shape;
    return shape.IsFull(op.type()) || shape.IsRow(op.type());
  });
}

bool MergeByRows(Clusters& clusters, int producer, int consumer) {
  Cluster& from = clusters.at(producer);
  Cluster& to = clusters.at(consumer);
  if (!TakesRows(from) || !TakesRows(to)) return false;
  const RowShape shape = to.rows.cols > 0 ? to.rows : from.rows;
  if (shape.cols == 0 || (from.rows.cols > 0 && !(from.rows == shape))) return false;
  if (!OccupyTheDevice(shape)) return false;
  if (!RootsHaveRowShape(clusters, producer, shape) || !RootsHaveRowShape(clusters, consumer, shape)) return false;
  const auto within_row = [&](int reader, const ir::Value* value) {
    return ReadsWithinRow(clusters.graph(), reader, value, shape);
  };
  const std::string reason = Format("rows: both work on {} rows of {}", shape.rows, shape.cols);
  if (!AllReads(clusters, producer, consumer, within_row) || !clusters.TryMerge(producer, consumer, reason))
    return false;
  to.kind = GroupKind::kRow;
  to.rows = shape;
  return true;
}

// A row cluster of one reduction whose other results have one value a row is a plain reduce with an epilogue.
void SimplifyRow(Clusters& clusters, int id) {
  Cluster& cluster = clusters.at(id);
  if (cluster.kind != GroupKind::kRow) return;
  int reductions = 0;
  bool has_full_result = false;
  for (const int root : cluster.roots) {
    const ir::Op& op = *clusters.graph().node(root).op;
    if (op.code == ir::OpCode::kReduce)
      ++reductions;
    else
      has_full_result |= !cluster.rows.IsRow(op.type());
  }
  const bool reduce_comes_first = clusters.graph().node(cluster.roots.front()).op->code == ir::OpCode::kReduce;
  if (reductions == 1 && !has_full_result && reduce_comes_first) cluster.kind = GroupKind::kReduce;
}

bool HasEpilogue(GroupKind kind) {
  return kind == GroupKind::kReduce || kind == GroupKind::kDot || kind == GroupKind::kConvolution ||
         kind == GroupKind::kFourier;
}

int64_t RootElements(const Clusters& clusters, int id) {
  return clusters.graph().node(clusters.at(id).roots.front()).op->type().num_elements();
}

bool MergePointwise(Clusters& clusters, int producer, int consumer) {
  Cluster& from = clusters.at(producer);
  Cluster& to = clusters.at(consumer);
  const bool is_epilogue = HasEpilogue(from.kind);
  if (to.kind != GroupKind::kLoop || (from.kind != GroupKind::kLoop && !is_epilogue)) return false;
  if (RootElements(clusters, producer) != RootElements(clusters, consumer)) return false;
  const auto pointwise = [&](int reader, const ir::Value* value) {
    return ReadsPointwise(clusters.graph(), reader, value);
  };
  if (from.kind == GroupKind::kFourier && from.code_size + to.code_size > kMaxCodeBesideTransform) return false;
  const GroupKind kind = from.kind;
  const RowShape rows = from.rows;
  const std::string reason = is_epilogue ? Format("epilogue: pointwise on the {}'s result", Name(kind))
                                         : std::string("pointwise: same elements, read once");
  if (!AllReads(clusters, producer, consumer, pointwise) || !clusters.TryMerge(producer, consumer, reason))
    return false;
  to.kind = kind;
  to.rows = rows;
  return true;
}

constexpr size_t kMaxSiblings = 8;  // accumulators that one invocation carries

std::vector<const ir::Op*> Reduces(const Clusters& clusters, int id) {
  std::vector<const ir::Op*> reduces;
  for (const int root : clusters.at(id).roots) {
    const ir::Op* op = clusters.graph().node(root).op;
    if (op->code == ir::OpCode::kReduce) reduces.push_back(op);
  }
  return reduces;
}

bool AreIndependent(const Clusters& clusters, int a, int b) {
  const auto reaches = [&](int from, int to) {
    const std::vector<int> predecessors = clusters.Predecessors(to);
    return std::find(predecessors.begin(), predecessors.end(), from) != predecessors.end() ||
           clusters.HasOtherPath(from, to);
  };
  return !reaches(a, b) && !reaches(b, a);
}

bool MergeIfSiblings(Clusters& clusters, int a, int b) {
  const std::vector<const ir::Op*> first = Reduces(clusters, a);
  const std::vector<const ir::Op*> second = Reduces(clusters, b);
  if (first.empty() || second.empty() || first.size() + second.size() > kMaxSiblings) return false;
  const bool is_alike =
      first[0]->operands[0]->type.dims == second[0]->operands[0]->type.dims &&
      first[0]->attributes.Ints(ir::AttrKey::kDimensions) == second[0]->attributes.Ints(ir::AttrKey::kDimensions);
  if (!is_alike || !AreIndependent(clusters, a, b)) return false;
  return clusters.TryMerge(a, b, Format("siblings: both reduce {}", first[0]->operands[0]->type.ToString()));
}

void MergeSiblings(Clusters& clusters) {
  std::unordered_map<const ir::Value*, std::vector<int>>
      readers;  // reduces that read a value as large as their operand
  for (int id = 0; id < clusters.size(); ++id) {
    if (clusters.at(id).merged_away || clusters.at(id).kind != GroupKind::kReduce) continue;
    const std::vector<const ir::Op*> reduces = Reduces(clusters, id);
    if (reduces.empty()) continue;
    const int64_t count = reduces[0]->operands[0]->type.num_elements();
    for (const ir::Value* value : clusters.Reads(id, nullptr)) {
      if (value->type.num_elements() != count) continue;
      std::vector<int>& others = readers[value];
      for (int& other : others) {
        const int live = clusters.Find(other);
        if (live != id && MergeIfSiblings(clusters, live, id)) other = id;
      }
      others.push_back(id);
    }
  }
}

template <typename Rule>
void ApplyRule(Clusters& clusters, Rule rule) {
  for (int id = 0; id < clusters.size(); ++id) {
    bool merged = true;
    while (merged && !clusters.at(id).merged_away) {
      merged = false;
      for (const int producer : clusters.Predecessors(id)) {
        if (rule(clusters, producer, id)) {
          merged = true;
          break;
        }
      }
    }
  }
}

// The rows that both might be merged over.
std::string WhyNotByRows(const Clusters& clusters, int producer, int consumer) {
  const Cluster& from = clusters.at(producer);
  const Cluster& to = clusters.at(consumer);
  const RowShape shape = to.rows.cols > 0 ? to.rows : from.rows;
  if (shape.cols == 0) return "";
  if (from.rows.cols > 0 && !(from.rows == shape)) {
    return Format("its rows are {} of {}, not {} of {}", from.rows.rows, from.rows.cols, shape.rows, shape.cols);
  }
  if (!OccupyTheDevice(shape)) return Format("{} rows of {} would not occupy the device", shape.rows, shape.cols);
  return "";
}

std::string WhyNotPointwise(const Clusters& clusters, int producer, int consumer) {
  const int64_t produced = RootElements(clusters, producer), computed = RootElements(clusters, consumer);
  if (produced != computed) return Format("it has {} elements where this computes {}", produced, computed);
  const auto pointwise = [&](int reader, const ir::Value* value) {
    return ReadsPointwise(clusters.graph(), reader, value);
  };
  return AllReads(clusters, producer, consumer, pointwise) ? "" : "this reads other elements than those it computes";
}

}  // namespace

void MergeClusters(Clusters& clusters) {
  ApplyRule(clusters, MergeByRows);
  for (int id = 0; id < clusters.size(); ++id) SimplifyRow(clusters, id);
  MergeSiblings(clusters);
  ApplyRule(clusters, MergePointwise);
}

std::string WhyApart(Clusters& clusters, int producer, int consumer) {
  const GroupKind from = clusters.at(producer).kind, to = clusters.at(consumer).kind;
  std::string why;
  if (from != GroupKind::kLoop && from != GroupKind::kRow && !HasEpilogue(from)) {
    why = "nothing is computed from its results before they are written";
  } else if (to != GroupKind::kLoop && !TakesRows(clusters.at(consumer))) {
    why = Format("a {} reads its operands from memory", Name(to));
  }
  if (why.empty() && TakesRows(clusters.at(producer)) && TakesRows(clusters.at(consumer))) {
    why = WhyNotByRows(clusters, producer, consumer);
  }
  if (why.empty()) why = WhyNotPointwise(clusters, producer, consumer);
  if (why.empty()) why = clusters.Obstacle(producer, consumer);
  if (why.empty()) why = Format("no rule joins a {} to it", Name(to));
  return Format("apart from the {} before it: {}", Name(from), why);
}

}  // namespace dragoman::fusion
