// SPDX-License-Identifier: Apache-2.0
#include "fusion/access.h"

#include <unordered_map>
#include <unordered_set>

#include "ir/access.h"

namespace dragoman::fusion {
namespace {

using ir::OpCode;

// Depth-first over ops computed in place. `aligned` is a property of the path so far; a value may be reached both ways.
template <typename StepKeeps>
class PathSearch {
 public:
  PathSearch(const Graph& graph, const ir::Value* target, StepKeeps keeps)
      : graph_(graph), target_(target), keeps_(keeps) {}

  // False when some path from the operands of `root` reaches the target misaligned.
  bool AllAligned(int root) {
    stack_.push_back({root, true});
    while (!stack_.empty()) {
      const auto [position, aligned] = stack_.back();
      stack_.pop_back();
      if (!Descend(position, aligned)) return false;
    }
    return true;
  }

 private:
  struct Item {
    int position;
    bool aligned;
  };

  bool Descend(int position, bool aligned) {
    const Node& node = graph_.node(position);
    for (const ir::Value* value : node.reads) {
      const bool still = aligned && keeps_(*node.op, value);
      if (value == target_ && !still) return false;
      const int producer = graph_.PositionOf(value);
      if (producer < 0 || !graph_.IsInlined(producer)) continue;
      if (!visited_.insert(producer * 2 + (still ? 1 : 0)).second) continue;
      stack_.push_back({producer, still});
    }
    return true;
  }

  const Graph& graph_;
  const ir::Value* target_;
  StepKeeps keeps_;
  std::vector<Item> stack_;
  std::unordered_set<int> visited_;
};

}  // namespace

bool IsRowBroadcast(const ir::Op& op, const RowShape& shape) {
  if (op.code != OpCode::kBroadcastInDim || !shape.IsRow(op.operands[0]->type) || !shape.IsFull(op.type()))
    return false;
  const Dims& result = op.type().dims;
  const Dims& from = op.operands[0]->type.dims;
  std::vector<int64_t> source(result.size(), 1);
  const auto& mapped = op.attributes.Ints(ir::AttrKey::kBroadcastDimensions);
  for (size_t i = 0; i < mapped.size(); ++i) source[mapped[i]] = from[i];
  int64_t rows = 1;
  for (size_t i = 0; i < result.size(); ++i) {
    const bool in_row_part = rows < shape.rows;
    if (in_row_part) {
      if (source[i] != result[i]) return false;
      rows *= result[i];
    } else if (source[i] != 1) {
      return false;
    }
  }
  return rows == shape.rows;
}

bool ReadsPointwise(const Graph& graph, int root, const ir::Value* value) {
  return PathSearch(graph, value, ir::KeepsLinearIndex).AllAligned(root);
}

bool RowShape::IsFull(const TensorType& type) const {
  if (cols < 2 || type.num_elements() != rows * cols) return false;
  int64_t inner = 1;
  for (int i = type.rank() - 1; i >= 0 && inner < cols; --i) inner *= type.dims[i];
  return inner == cols;
}

RowShape RowShapeOfReduce(const ir::Op& reduce) {
  const auto& dims = reduce.attributes.Ints(ir::AttrKey::kDimensions);
  const TensorType& input = reduce.operands[0]->type;
  std::vector<bool> reduced(input.rank(), false);
  for (const int64_t dim : dims) reduced[dim] = true;
  RowShape shape{1, 1};
  bool in_columns = false;
  for (int i = 0; i < input.rank(); ++i) {
    if (input.dims[i] == 1) continue;
    if (!reduced[i] && in_columns) return {};
    in_columns |= reduced[i];
    (reduced[i] ? shape.cols : shape.rows) *= input.dims[i];
  }
  return shape.cols >= 2 && shape.rows >= 1 ? shape : RowShape{};
}

bool ReadsWithinRow(const Graph& graph, int root, const ir::Value* value, const RowShape& shape) {
  const auto keeps = [&](const ir::Op& op, const ir::Value* operand) {
    if (op.code == OpCode::kReduce) return shape.IsFull(operand->type) || shape.IsRow(operand->type);
    if (IsRowBroadcast(op, shape)) return true;
    return ir::KeepsLinearIndex(op, operand);
  };
  return PathSearch(graph, value, keeps).AllAligned(root);
}

}  // namespace dragoman::fusion
