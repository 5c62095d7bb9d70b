// SPDX-License-Identifier: Apache-2.0
#include "fusion/graph.h"

#include <algorithm>
#include <unordered_set>

#include "fusion/classify.h"

namespace dragoman::fusion {

Graph::Graph(const ir::Block& block) : block_(block) {
  nodes_.resize(block.ops.size());
  for (int i = 0; i < size(); ++i) {
    nodes_[i].op = block.ops[i].get();
    nodes_[i].is_elemental = IsElemental(*block.ops[i]);
    positions_.emplace(block.ops[i].get(), i);
  }
  for (int i = 0; i < size(); ++i) {
    const ir::Op& op = *nodes_[i].op;
    std::unordered_set<const ir::Value*> seen;
    const auto read = [&](ir::Value* value, int operand) {
      if (const int position = PositionOf(value); position >= 0) {
        nodes_[position].uses.push_back({i, operand});
        if (op.code == ir::OpCode::kReturn) nodes_[position].is_result = true;
      }
      if (seen.insert(value).second) nodes_[i].reads.push_back(value);
    };
    for (size_t k = 0; k < op.operands.size(); ++k) read(op.operands[k], static_cast<int>(k));
    for (const auto& region : op.regions) {
      std::unordered_set<const ir::Value*> inside;
      for (const auto& argument : region->arguments) inside.insert(argument.get());
      ir::Walk(*region, [&](ir::Op* inner) {
        for (const auto& nested : inner->regions) {
          for (const auto& argument : nested->arguments) inside.insert(argument.get());
        }
        for (const auto& result : inner->results) inside.insert(result.get());
        for (ir::Value* operand : inner->operands) {
          if (!inside.contains(operand)) read(operand, -1);
        }
      });
    }
  }
}

int Graph::PositionOf(const ir::Value* value) const {
  if (value->op == nullptr) return -1;
  const auto found = positions_.find(value->op);
  return found == positions_.end() ? -1 : found->second;
}

namespace {

// Up to this many different kernels are counted; beyond, a value always goes to memory.
constexpr size_t kMaxRoots = 6;
// What a broadcast may compute again for each of its elements.
constexpr int kMaxCostUnderExpansion = 14;
constexpr int kMaxScalarCost = 10;
// Distinct ops that one expression may hold; beyond, kernels get long for the driver's compiler.
constexpr int kMaxExpressionOps = 600;

// The kernels that would compute a node in place, by position.
struct Roots {
  std::vector<int> positions;
  bool too_many = false;

  void Add(int position) {
    if (too_many || std::find(positions.begin(), positions.end(), position) != positions.end()) return;
    positions.push_back(position);
    too_many = positions.size() > kMaxRoots;
  }
};

int Saturate(int64_t value) { return static_cast<int>(std::min<int64_t>(value, kSaturatedCost)); }

// Cost and leaves of computing the node in place, given which of its producers are in memory already: producers come
// earlier, but decisions run backwards, so everything elemental counts as computed in place.
void EstimateCosts(Graph& graph) {
  for (int i = 0; i < graph.size(); ++i) {
    Node& node = graph.node(i);
    if (!node.is_elemental) continue;
    int64_t cost = ElementCost(*node.op);
    int64_t leaves = 0;
    for (const ir::Value* value : node.reads) {
      const int producer = graph.PositionOf(value);
      if (producer >= 0 && graph.node(producer).is_elemental) {
        cost += graph.node(producer).cost;
        leaves += graph.node(producer).leaves;
      } else if (value->type.num_elements() * 4 > node.op->type().num_elements()) {
        ++leaves;
      }
    }
    node.cost = Saturate(cost);
    node.leaves = Saturate(leaves);
  }
}

bool AnyUseNeedsMemory(const Graph& graph, const Node& node) {
  for (const Use& use : node.uses) {
    const ir::Op& user = *graph.node(use.user).op;
    if (user.code == ir::OpCode::kReturn) return true;
    if (use.operand < 0) {
      // Captured by a region: reducers and comparators compute it in place, loop bodies read it from memory.
      const bool scalar_region = ir::Info(user.code).kind != ir::OpKind::kControl;
      if (!scalar_region || !IsInlineConstant(*node.op)) return true;
      continue;
    }
    if (!CanComputeOperandInPlace(user, use.operand)) return true;
  }
  return false;
}

bool ExpandsTooMuch(const Graph& graph, const Node& node) {
  const bool is_scalar = node.op->type().num_elements() == 1;
  const int limit = is_scalar ? kMaxScalarCost : kMaxCostUnderExpansion;
  if (node.cost <= limit) return false;
  return std::any_of(node.uses.begin(), node.uses.end(), [&](const Use& use) {
    const ir::Op& user = *graph.node(use.user).op;
    const bool is_gather = user.code == ir::OpCode::kGather || user.code == ir::OpCode::kDynamicSlice;
    if (is_gather && use.operand > 0) return node.cost > 40;
    return (user.code == ir::OpCode::kBroadcastInDim || is_gather) && Expansion(user) >= 4;
  });
}

// Reading what `roots` kernels would compute again against writing it once and reading it from memory.
bool IsCheaperInMemory(const Node& node, size_t roots) {
  if (roots <= 1) return false;
  if (node.cost > 24) return true;
  const int64_t in_place = static_cast<int64_t>(roots) * node.leaves;
  const int64_t in_memory = node.leaves + 1 + static_cast<int64_t>(roots);
  return in_place > in_memory;
}

class MemoryDecision {
 public:
  explicit MemoryDecision(Graph& graph) : graph_(graph), roots_(graph.size()), expression_ops_(graph.size(), 0) {}

  void Run() {
    EstimateCosts(graph_);
    for (int i = graph_.size() - 1; i >= 0; --i) Decide(i);
    BoundExpressions();
  }

 private:
  void Decide(int position) {
    Node& node = graph_.node(position);
    if (!node.is_elemental) {
      node.in_memory = true;
      return;
    }
    Roots& roots = roots_[position];
    for (const Use& use : node.uses) {
      if (!graph_.IsInlined(use.user)) {
        roots.Add(use.user);
        continue;
      }
      for (const int root : roots_[use.user].positions) roots.Add(root);
      roots.too_many |= roots_[use.user].too_many;
    }
    const bool is_constant = IsInlineConstant(*node.op);
    node.in_memory = AnyUseNeedsMemory(graph_, node);
    if (node.in_memory || is_constant || node.op->code == ir::OpCode::kIota) return;
    const bool many = roots.too_many && node.cost > 2;
    node.in_memory = many || ExpandsTooMuch(graph_, node) || IsCheaperInMemory(node, roots.positions.size());
  }

  // Forward: an expression that holds too many ops is cut where it crosses the limit.
  void BoundExpressions() {
    for (int i = 0; i < graph_.size(); ++i) {
      Node& node = graph_.node(i);
      if (!node.is_elemental) continue;
      int64_t ops = 1;
      for (const ir::Value* value : node.reads) {
        const int producer = graph_.PositionOf(value);
        // Shared subexpressions are counted once a use: an upper bound, so take the larger producer in full and the
        // others by a fraction, which follows real programs (random bits, optimizers) closely enough.
        if (producer >= 0 && graph_.IsInlined(producer))
          ops = std::max<int64_t>(ops + 1, expression_ops_[producer] + 1);
      }
      if (ops > kMaxExpressionOps) {
        node.in_memory = true;
        ops = 0;
      }
      expression_ops_[i] = ops;
    }
  }

  Graph& graph_;
  std::vector<Roots> roots_;
  std::vector<int64_t> expression_ops_;
};

}  // namespace

void DecideMemory(Graph& graph, bool fuse) {
  if (fuse) {
    MemoryDecision(graph).Run();
    return;
  }
  for (int i = 0; i < graph.size(); ++i) {
    Node& node = graph.node(i);
    node.in_memory = !IsInlineConstant(*node.op) || AnyUseNeedsMemory(graph, node);
  }
}

}  // namespace dragoman::fusion
