// SPDX-License-Identifier: Apache-2.0
#include "fusion/decide_memory.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "fusion/classify.h"
#include "fusion/code_size.h"
#include "fusion/operand_rows.h"
#include "fusion/product_operand.h"
#include "fusion/update.h"

namespace dragoman::fusion {
namespace {

// A value that more kernels than this would compute goes to memory, unless it is next to nothing.
constexpr size_t kMaxRoots = 6;
constexpr int kNextToNothing = 2;
// A value that one kernel would compute at more positions than this goes to memory.
constexpr size_t kMaxPositions = 64;
// Branches within branches: llvmpipe counts 80 and then runs what it should not, without a word.
constexpr int kMaxDepth = 24;
// What a broadcast may compute again for each of its elements.
constexpr int kMaxCostUnderExpansion = 14;
constexpr int kMaxScalarCost = 10;
// What may be computed more than once for one element, and how much code may stand in kernels a second time.
constexpr int kMaxCostAgain = 24;
constexpr int64_t kMaxCodeAgain = 128;
// Tensors of fewer elements are read from caches: what counts is that a kernel which writes one is waited for.
constexpr int64_t kLeastTraffic = 4096;
// Expressions of this size and smaller count as a part of what reads them: a kernel that is full ends between larger
// ones, so that what it reads from memory is few values rather than every small term of a long sum.
constexpr int kSmallCode = 100;
// A concatenation of more parts than this, itself a part, is written first.
constexpr size_t kMaxNestedParts = 8;

int Saturate(int64_t value) { return static_cast<int>(std::min<int64_t>(value, kSaturatedCost)); }

// What computing a node in place takes, each value once a position that it is read at: a kernel remembers what it has.
// What is known to be in memory is read from there.
class CostCounter {
 public:
  CostCounter(const Graph& graph, Positions& positions) : graph_(graph), positions_(positions) {}

  // Of a node whose producers' costs are known. Decisions run backwards, so everything elemental counts as computed in
  // place.
  void Count(Node& node, int position) {
    node.cost = node.leaves = kSaturatedCost;
    if (HasCostlyProducer(node)) return;
    cost_ = leaves_ = leaf_bytes_ = 0;
    seen_.clear();
    stack_.clear();
    Visit(position, Positions::kOwn);
    const int64_t large = node.op->type().num_elements() / 4;
    while (!stack_.empty() && seen_.size() <= kMostCounted) {
      const auto [next, at] = stack_.back();
      stack_.pop_back();
      VisitOperands(*graph_.node(next).op, at, large);
    }
    if (seen_.size() > kMostCounted) return;
    node.cost = Saturate(cost_);
    node.leaves = Saturate(leaves_);
  }
  // Of the last one: of an element of each of its leaves.
  int64_t leaf_bytes() const { return leaf_bytes_; }

 private:
  static constexpr size_t kMostCounted = 96;  // values; more are too many for every limit

  bool HasCostlyProducer(const Node& node) const {
    return std::any_of(node.reads.begin(), node.reads.end(), [&](const ir::Value* value) {
      const int producer = graph_.PositionOf(value);
      return producer >= 0 && graph_.IsInlined(producer) && graph_.node(producer).cost == kSaturatedCost;
    });
  }

  // False where it was seen before.
  bool See(const ir::Value* value, Positions::Id at) {
    const std::pair<const ir::Value*, Positions::Id> place(value, at);
    if (std::find(seen_.begin(), seen_.end(), place) != seen_.end()) return false;
    seen_.push_back(place);
    return true;
  }

  void Visit(int position, Positions::Id at) {
    if (!See(graph_.node(position).op->result(), at)) return;
    cost_ += ElementCost(*graph_.node(position).op);
    stack_.emplace_back(position, at);
  }

  void VisitOperands(const ir::Op& op, Positions::Id at, int64_t large) {
    for (int i = 0; i < static_cast<int>(op.operands.size()) && seen_.size() <= kMostCounted; ++i) {
      const ir::Value* value = op.operands[i];
      places_.clear();
      positions_.Follow(op, i, at, places_);
      const int producer = graph_.PositionOf(value);
      for (const Positions::Id place : places_) {
        if (producer >= 0 && graph_.IsInlined(producer)) {
          Visit(producer, place);
        } else if (value->type.num_elements() > large && See(value, place)) {
          ++leaves_;
          leaf_bytes_ += SizeBytes(value->type.dtype);
        }
      }
    }
  }

  const Graph& graph_;
  Positions& positions_;
  int64_t cost_ = 0;
  int64_t leaves_ = 0;
  int64_t leaf_bytes_ = 0;
  std::vector<std::pair<const ir::Value*, Positions::Id>> seen_;
  std::vector<std::pair<int, Positions::Id>> stack_;
  std::vector<Positions::Id> places_;
};

void EstimateCosts(Graph& graph, Positions& positions) {
  CostCounter counter(graph, positions);
  for (int i = 0; i < graph.size(); ++i) {
    Node& node = graph.node(i);
    if (!node.is_elemental) continue;
    counter.Count(node, i);
    int64_t code_size = CodeSize(*node.op);
    for (const ir::Value* value : node.reads) {
      const int producer = graph.PositionOf(value);
      const bool is_computed = producer >= 0 && graph.node(producer).is_elemental;
      code_size += is_computed ? graph.node(producer).code_size : kLoadSize;
    }
    node.code_size = Saturate(code_size);
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

bool KeepsNeighbours(const ir::Op& op) {
  constexpr ir::OpCode kMovements[] = {ir::OpCode::kReshape, ir::OpCode::kBroadcastInDim, ir::OpCode::kPad,
                                       ir::OpCode::kSlice};
  return ir::IsElementwise(op.code) ||
         std::find(std::begin(kMovements), std::end(kMovements), op.code) != std::end(kMovements);
}

bool IsLongPart(const Graph& graph, const Node& node) {
  if (node.op->code != ir::OpCode::kConcatenate || node.op->operands.size() <= kMaxNestedParts) return false;
  return std::any_of(node.uses.begin(), node.uses.end(),
                     [&](const Use& use) { return graph.node(use.user).op->code == ir::OpCode::kConcatenate; });
}

// A kernel that would compute a node in place.
struct Reader {
  int root = 0;                   // the position in the block of the node that it writes
  int64_t num_elements = 0;       // invocations that read
  std::vector<Positions::Id> at;  // ascending
};

void Insert(std::vector<Positions::Id>& set, Positions::Id id) {
  const auto place = std::lower_bound(set.begin(), set.end(), id);
  if (place == set.end() || *place != id) set.insert(place, id);
}

class MemoryDecision {
 public:
  MemoryDecision(Graph& graph, const target::DeviceProfile& profile)
      : graph_(graph), profile_(profile), readers_(graph.size()), code_sizes_(graph.size(), 0) {}

  void Run() {
    EstimateCosts(graph_, positions_);
    for (int i = graph_.size() - 1; i >= 0; --i) {
      Node& node = graph_.node(i);
      FindRows(i);
      const bool fits = FindReaders(i);
      if (node.is_operand_row && !IsInlineConstant(*node.op)) continue;
      node.in_memory = !node.is_elemental || AnyUseNeedsMemory(graph_, node) || IsReadByUpdateOfOperand(i) ||
                       (IsReadByProduct(i) ? !fits || !IsTakenByProducts(i) : IsBetterInMemory(i, fits));
      for (const Reader& reader : readers_[i]) code_sizes_[reader.root] += AddedSize(node, reader);
      if (!node.in_memory) continue;
      readers_[i].clear();
      code_sizes_[i] = OwnSize(node);
    }
    for (int i = 0; i < graph_.size(); ++i) Reconsider(i);
  }

 private:
  // Where the node is an operand that its products compute from reductions.
  void FindRows(int position) {
    if (graph_.node(position).is_operand_row || !IsOperandOfProduct(position)) return;
    for (const int member : FindOperandRows(graph_, position, profile_)) graph_.node(member).is_operand_row = true;
  }

  bool IsOperandOfProduct(int position) const {
    const std::vector<Use>& uses = graph_.node(position).uses;
    return std::any_of(uses.begin(), uses.end(),
                       [&](const Use& use) { return use.operand >= 0 && IsProduct(*graph_.node(use.user).op); });
  }

  // Decisions run backwards, when nothing is known of what a node reads. Where that turns out to be in memory, a few
  // operations away, the node need not be.
  void Reconsider(int position) {
    Node& node = graph_.node(position);
    if (!node.is_elemental || !node.in_memory || AnyUseNeedsMemory(graph_, node)) return;
    CostCounter counter(graph_, positions_);
    counter.Count(node, position);
    const bool fits = node.cost <= kMaxCostAgain && FindReaders(position);
    if (!fits || IsReadByUpdateOfOperand(position) || IsReadByProduct(position) || IsBetterInMemory(position, true) ||
        !SavesBytes(node, readers_[position], counter.leaf_bytes())) {
      readers_[position].clear();
      return;
    }
    node.in_memory = false;
    for (const Reader& reader : readers_[position]) code_sizes_[reader.root] += AddedSize(node, reader);
  }

  // Even where the kernel that writes what the node reads would write it too.
  bool SavesBytes(const Node& node, const std::vector<Reader>& readers, int64_t leaf_bytes) const {
    const auto bytes = static_cast<double>(SizeBytes(node.op->type().dtype));
    const double evaluations = Evaluations(node, readers);
    return evaluations * static_cast<double>(leaf_bytes) < bytes * (1 + evaluations);
  }

  bool IsSmall(const Node& node) const { return node.is_elemental && node.code_size <= kSmallCode; }

  // With what it reads that is small.
  int64_t OwnSize(const Node& node) const {
    int64_t size = CodeSize(*node.op);
    for (const ir::Value* value : node.reads) {
      const int producer = graph_.PositionOf(value);
      if (producer < 0 || !graph_.node(producer).is_elemental) {
        size += kLoadSize;
      } else if (IsSmall(graph_.node(producer))) {
        size += graph_.node(producer).code_size;
      }
    }
    return size;
  }

  // What a kernel that computes the node, or reads it, has beside what was counted with its users.
  int64_t AddedSize(const Node& node, const Reader& reader) const {
    if (!node.is_elemental || IsSmall(node)) return 0;
    return static_cast<int64_t>(reader.at.size()) * (node.in_memory ? kLoadSize : OwnSize(node));
  }

  // An update that would compute the node from other elements of what it writes over.
  bool IsReadByUpdateOfOperand(int position) const {
    return std::any_of(readers_[position].begin(), readers_[position].end(), [&](const Reader& reader) {
      return ReadsWhatIsUpdated(*graph_.node(position).op, *graph_.node(reader.root).op);
    });
  }

  bool IsReadByProduct(int position) const {
    return std::any_of(readers_[position].begin(), readers_[position].end(),
                       [&](const Reader& reader) { return IsProduct(*graph_.node(reader.root).op); });
  }

  // All products that would compute the node in place can, and should.
  bool IsTakenByProducts(int position) {
    Node& node = graph_.node(position);
    if (node.is_operand_row) return true;
    if (!IsOnTheWay(*node.op)) return false;
    if (!IsOperandOfProduct(position)) return on_the_way_.contains(position);
    const OperandDecision decision = DecideOperand(graph_, position, profile_);
    node.reason = decision.reason;
    if (decision.is_taken) on_the_way_.insert(decision.way.begin(), decision.way.end());
    return decision.is_taken;
  }

  // Kernels of transforms compute an operand as often as an invocation holds elements, and read neighbours' elements.
  bool IsBadForTransform(int position) const {
    const Node& node = graph_.node(position);
    const bool is_read = std::any_of(readers_[position].begin(), readers_[position].end(), [&](const Reader& reader) {
      return graph_.node(reader.root).op->code == ir::OpCode::kFourier;
    });
    return is_read && (node.code_size > kMaxCodeBesideTransform || !KeepsNeighbours(*node.op));
  }

  bool IsBetterInMemory(int position, bool fits) const {
    const Node& node = graph_.node(position);
    if (IsInlineConstant(*node.op) || node.op->code == ir::OpCode::kIota) return false;
    if (IsLongPart(graph_, node) || IsBadForTransform(position)) return true;
    return !fits || ExpandsTooMuch(graph_, node) || IsCheaperInMemory(node, readers_[position]);
  }

  Reader& ReaderOf(std::vector<Reader>& readers, int root, int64_t num_elements) {
    const auto found =
        std::find_if(readers.begin(), readers.end(), [root](const Reader& reader) { return reader.root == root; });
    if (found != readers.end()) return *found;
    readers.push_back({root, num_elements, {}});
    return readers.back();
  }

  // Which kernels would compute the node, and where. False when that are too many, or one of them gets too large.
  bool FindReaders(int position) {
    const Node& node = graph_.node(position);
    std::vector<Reader>& readers = readers_[position];
    for (const Use& use : node.uses) {
      const Node& user = graph_.node(use.user);
      if (use.operand < 0) continue;  // read by a region
      if (graph_.IsInlined(use.user)) {
        for (const Reader& reader : readers_[use.user]) {
          Follow(use, reader.at, ReaderOf(readers, reader.root, reader.num_elements));
        }
      } else {
        const ir::Value& value = *user.op->operands[use.operand];
        const int64_t count = (user.is_elemental ? *user.op->result() : value).type.num_elements();
        constexpr Positions::Id kFrom[] = {Positions::kOwn};
        Follow(use, kFrom, ReaderOf(readers, use.user, count));
      }
      if (readers.size() > kMaxRoots && node.cost > kNextToNothing) return false;
    }
    return std::all_of(readers.begin(), readers.end(), [&](const Reader& reader) {
      const bool is_deep = std::any_of(reader.at.begin(), reader.at.end(), [&](Positions::Id at) {
        return positions_.Depth(at) + Positions::DepthWithin(*node.op) > kMaxDepth;
      });
      return reader.at.size() <= kMaxPositions && !is_deep &&
             code_sizes_[reader.root] + AddedSize(node, reader) <= kMaxCodeSize;
    });
  }

  void Follow(const Use& use, std::span<const Positions::Id> from, Reader& reader) {
    std::vector<Positions::Id> to;
    for (const Positions::Id at : from) positions_.Follow(*graph_.node(use.user).op, use.operand, at, to);
    for (const Positions::Id id : to) {
      if (reader.at.size() <= kMaxPositions) Insert(reader.at, id);
    }
  }

  // How often one element is computed in place.
  double Evaluations(const Node& node, const std::vector<Reader>& readers) const {
    const auto count = static_cast<double>(std::max<int64_t>(1, node.op->type().num_elements()));
    double evaluations = 0;
    for (const Reader& reader : readers) {
      for (const Positions::Id at : reader.at) {
        evaluations += positions_.Share(at) * std::min(1.0, static_cast<double>(reader.num_elements) / count);
      }
    }
    return evaluations;
  }

  // Evaluations × cost against bytes: computing the node wherever it is read, or writing it once and reading it.
  bool IsCheaperInMemory(const Node& node, const std::vector<Reader>& readers) const {
    size_t copies = 0;  // of its code
    for (const Reader& reader : readers) copies += reader.at.size();
    if (copies <= 1) return false;
    if (static_cast<int64_t>(copies - 1) * node.cost > kMaxCodeAgain) return true;
    const double evaluations = Evaluations(node, readers);
    if (evaluations < 1.5) return false;
    if (node.cost > kMaxCostAgain) return true;
    if (node.op->type().num_elements() < kLeastTraffic) return false;
    return evaluations * node.leaves > node.leaves + 1 + evaluations;
  }

  Graph& graph_;
  const target::DeviceProfile& profile_;
  Positions positions_;
  std::unordered_set<int> on_the_way_;        // of an operand to a product that takes it from behind them
  std::vector<std::vector<Reader>> readers_;  // of nodes computed in place
  std::vector<int64_t> code_sizes_;           // of the kernels of nodes in memory, as decided so far
};

}  // namespace

void DecideMemory(Graph& graph, const target::CompileContext& context) {
  if (context.options.fuse) {
    MemoryDecision(graph, context.profile).Run();
    return;
  }
  for (int i = 0; i < graph.size(); ++i) {
    Node& node = graph.node(i);
    node.in_memory = !IsInlineConstant(*node.op) || AnyUseNeedsMemory(graph, node);
  }
}

}  // namespace dragoman::fusion
