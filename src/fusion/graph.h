// SPDX-License-Identifier: Apache-2.0
// The use graph of one block: its ops by position, who uses what (uses inside regions count for the op that holds the
// region), and for each op whether its result goes to memory (decide_memory.h). What the decisions are taken on.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "fusion/plan.h"
#include "ir/ir.h"

namespace dragoman::fusion {

struct Use {
  int user;     // position of the using op in the block
  int operand;  // operand number, or -1 for a use inside a region of the user
};

struct Node {
  ir::Op* op = nullptr;
  bool is_elemental = false;
  bool in_memory = false;         // its results are written to memory by the group it is an output of
  bool is_operand_row = false;    // computed by the products that take what is made of it (operand_rows.h)
  bool is_result = false;         // the block returns one of its results
  std::vector<Use> uses;          // of all results, in order
  std::vector<ir::Value*> reads;  // operands and captured values, each once
  int cost = 0;                   // of one element with everything computed in place (saturates)
  int leaves = 0;                 // tensors of about its size that it reads (saturates)
  int code_size = 0;              // of computing it in place with all its producers (saturates)
  std::string reason;             // why it is in memory or not, for people; empty where that is plain
};

inline constexpr int kSaturatedCost = 1000;

class Graph {
 public:
  explicit Graph(const ir::Block& block);

  const ir::Block& block() const { return block_; }
  int size() const { return static_cast<int>(nodes_.size()); }
  Node& node(int position) { return nodes_[position]; }
  const Node& node(int position) const { return nodes_[position]; }
  // The position of the op of this block that defines `value`; -1 for arguments and values from outside.
  int PositionOf(const ir::Value* value) const;
  // The node computes its value wherever it is read: elemental, or a row of an operand, and not in memory.
  bool IsInlined(int position) const {
    const Node& node = nodes_[position];
    return (node.is_elemental || node.is_operand_row) && !node.in_memory;
  }

 private:
  const ir::Block& block_;
  std::vector<Node> nodes_;
  std::unordered_map<const ir::Op*, int> positions_;
};

}  // namespace dragoman::fusion
