// SPDX-License-Identifier: Apache-2.0
#include "passes/distribute_loops.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "passes/effects.h"
#include "passes/patterns.h"
#include "passes/rewrite.h"
#include "passes/vectorize.h"

namespace dragoman::passes {
namespace {

constexpr int64_t kMinTripCount = 4;
constexpr int64_t kMaxBytesPerIteration = int64_t{4} << 20;
constexpr int64_t kMaxBytes = int64_t{1} << 30;
constexpr int kMinSaved = 2;  // kernels an iteration, else collecting is not worth it

using ValueSet = std::unordered_set<const Value*>;

// What is decided about one loop, before anything is built.
class Distribution {
 public:
  explicit Distribution(const Op& loop) : loop_(loop), body_(*loop.regions[1]), analysis_(loop) {}

  // False: leave the loop as it is.
  bool Plan() {
    if (analysis_.trip_count() < kMinTripCount || !IsPure(loop_)) return false;
    FindInFront();
    FindBehind();
    if (!moves_behind_ && in_front_.empty()) return false;
    FindKept();
    return true;
  }

  const LoopAnalysis& analysis() const { return analysis_; }
  bool IsInFront(const Value* value) const { return in_front_set_.contains(value); }
  const std::vector<Value*>& in_front() const { return in_front_; }
  const std::vector<Value*>& collected() const { return collected_; }
  bool IsKept(const Op* op) const { return kept_.contains(op); }
  // Whether the loop goes on carrying the value.
  bool IsCarried(size_t i) const {
    const CarryKind kind = analysis_.carries()[i].kind;
    const bool is_output = kind == CarryKind::kStack || kind == CarryKind::kAccumulator;
    return kind == CarryKind::kRecurrent || (is_output && !moves_behind_);
  }

 private:
  // --- in front

  void FindInFront() {
    std::unordered_map<const Value*, bool> available;  // → holds a product
    const auto is_available = [&](const Value* value) {
      return !analysis_.IsInside(value) || analysis_.AffineOf(value).has_value() || available.contains(value);
    };
    for (const auto& op : body_.ops) {
      if (op->code == OpCode::kReturn || !IsVectorizable(*op, analysis_)) continue;
      const bool is_row = analysis_.AsRowOfInvariant(*op).has_value();
      if (!is_row && !std::all_of(op->operands.begin(), op->operands.end(), is_available)) continue;
      bool holds_product = op->code == OpCode::kDotGeneral;
      for (const Value* operand : op->operands) {
        const auto found = available.find(operand);
        holds_product |= !is_row && found != available.end() && found->second;
      }
      available[op->result()] = holds_product;
    }
    ValueSet wanted;
    for (const auto& op : body_.ops) {
      if (op->results.size() == 1 && available.contains(op->result())) continue;
      ForEachOperand(*op, [&](Value* operand) {
        const auto found = available.find(operand);
        if (found == available.end() || !found->second || !FitsMemory(*operand) || !wanted.insert(operand).second)
          return;
        in_front_.push_back(operand);
        in_front_set_.insert(operand);
      });
    }
  }

  bool FitsMemory(const Value& value) const {
    return value.type.size_bytes() <= kMaxBytesPerIteration &&
           value.type.size_bytes() * analysis_.trip_count() <= kMaxBytes;
  }

  // --- behind

  void FindBehind() {
    MarkRecurrent();
    int num_moved = 0;
    for (const Carry& carry : analysis_.carries()) {
      if (carry.kind != CarryKind::kStack && carry.kind != CarryKind::kAccumulator) continue;
      ++num_moved;
      CutCycles(carry.value);
    }
    for (const Carry& carry : analysis_.carries()) {
      if (carry.kind == CarryKind::kStack || carry.kind == CarryKind::kAccumulator) Need(carry.value);
    }
    // What collected values are computed from stays in the loop, or the loop that is made would be one to distribute.
    std::unordered_set<const Op*> stays = recurrent_;
    for (Value* value : collected_) MarkClosure(value, stays);
    int num_products = 0;
    for (const auto& op : body_.ops) num_products += !stays.contains(op.get()) && !IsCheapToRepeat(*op);
    int64_t bytes = 0;
    std::unordered_set<int> dtypes;
    for (const Value* value : collected_) {
      bytes += value->type.size_bytes();
      dtypes.insert(static_cast<int>(value->type.dtype));
    }
    const int saved = num_moved + num_products - static_cast<int>(dtypes.size());
    moves_behind_ = num_moved > 0 && saved >= kMinSaved && bytes <= kMaxBytesPerIteration &&
                    bytes * analysis_.trip_count() <= kMaxBytes;
    if (!moves_behind_) collected_.clear();
  }

  void MarkRecurrent() {
    const auto& next = body_.terminator()->operands;
    for (size_t i = 0; i < next.size(); ++i) {
      if (analysis_.carries()[i].kind == CarryKind::kRecurrent) MarkClosure(next[i], recurrent_);
    }
  }

  // The ops of the body that a value depends on.
  void MarkClosure(Value* value, std::unordered_set<const Op*>& marked) const {
    std::vector<Value*> worklist = {value};
    while (!worklist.empty()) {
      Value* next = worklist.back();
      worklist.pop_back();
      if (next->op == nullptr || !analysis_.IsInside(next) || IsInFront(next)) continue;
      if (!marked.insert(next->op).second) continue;
      ForEachOperand(*next->op, [&](Value* operand) { worklist.push_back(operand); });
    }
  }

  // With what the op's regions capture.
  template <typename Visitor>
  static void ForEachOperand(const Op& op, Visitor&& visit) {
    for (Value* operand : op.operands) visit(operand);
    for (const auto& region : op.regions) {
      ir::Walk(*region, [&](const Op* inner) {
        for (Value* operand : inner->operands) visit(operand);
      });
    }
  }

  // Whether the op is computed anew behind the loop rather than collected.
  bool IsRepeated(const Op& op) const {
    return IsVectorizable(op, analysis_) && (!recurrent_.contains(&op) || IsCheapToRepeat(op));
  }

  // Visits the arguments and the values that are not repeated that the value depends on.
  template <typename Visitor>
  void ForEachSource(Value* value, ValueSet& seen, Visitor&& visit) const {
    if (!analysis_.IsInside(value) || analysis_.AffineOf(value).has_value() || IsInFront(value)) return;
    if (!seen.insert(value).second) return;
    if (value->op == nullptr || collects_.contains(value) || !IsRepeated(*value->op)) return visit(value);
    if (analysis_.AsRowOfInvariant(*value->op).has_value()) return;
    for (Value* operand : value->op->operands) ForEachSource(operand, seen, visit);
  }

  // A recurrent value is what the iteration before made of it. Where that leads back to itself, it must be collected.
  void CutCycles(Value* value) {
    ValueSet seen;
    ForEachSource(value, seen, [this](Value* source) {
      if (source->op != nullptr) return;
      Value* next = body_.terminator()->operands[source->index];
      if (finished_.contains(source) || collects_.contains(next)) return;
      if (active_.insert(source).second) {
        CutCycles(next);
        active_.erase(source);
        finished_.insert(source);
      } else {
        Collect(next);
      }
    });
  }

  // Collects what the value needs so that it can be computed behind the loop.
  void Need(Value* value) {
    ForEachSource(value, needed_, [this](Value* source) {
      if (collects_.contains(source)) return;
      if (source->op != nullptr) return Collect(source);
      Need(body_.terminator()->operands[source->index]);
    });
  }

  void Collect(Value* value) {
    if (analysis_.IsInside(value) && collects_.insert(value).second) collected_.push_back(value);
  }

  // --- what the new loop computes

  void FindKept() {
    const auto& next = body_.terminator()->operands;
    for (size_t i = 0; i < next.size(); ++i) {
      if (IsCarried(i)) MarkClosure(next[i], kept_);
    }
    for (Value* value : collected_) MarkClosure(value, kept_);
  }

  const Op& loop_;
  const Block& body_;
  LoopAnalysis analysis_;
  std::vector<Value*> in_front_;
  ValueSet in_front_set_;
  std::unordered_set<const Op*> recurrent_;
  ValueSet needed_, collects_, active_, finished_;
  std::vector<Value*> collected_;
  bool moves_behind_ = false;
  std::unordered_set<const Op*> kept_;
};

// Rows [trip count, sum of sizes] of collected values of one type, side by side.
struct Pack {
  std::vector<Value*> values;
  int64_t size = 0;
};

class Distributor {
 public:
  Distributor(const Op& loop, const Distribution& plan, Builder& builder)
      : loop_(loop), body_(*loop.regions[1]), plan_(plan), builder_(builder), whole_(plan.analysis(), builder) {
    for (Value* value : plan.collected()) {
      Pack& pack = packs_[value->type.dtype];
      pack.values.push_back(value);
      pack.size += value->type.num_elements();
    }
  }

  std::vector<Value*> Build() {
    for (Value* value : plan_.in_front()) whole_.Set(value, whole_.Whole(value));
    std::vector<Value*> initial;
    for (size_t i = 0; i < loop_.operands.size(); ++i) {
      if (plan_.IsCarried(i)) initial.push_back(loop_.operands[i]);
    }
    for (const auto& [dtype, pack] : packs_) initial.push_back(builder_.Splat({dtype, {Count(), pack.size}}, 0));
    const std::vector<Value*> finals =
        builder_.ForLoop(Count(), initial, [this](Builder& inside, Value* index, const std::vector<Value*>& carried) {
          return BuildBody(inside, index, carried);
        });
    Unpack(finals);
    return Results(finals);
  }

 private:
  int64_t Count() const { return plan_.analysis().trip_count(); }

  std::vector<Value*> BuildBody(Builder& inside, Value* index, const std::vector<Value*>& carried) {
    std::unordered_map<const Value*, Value*> mapping;
    size_t next_carried = 0;
    for (size_t i = 0; i < loop_.operands.size(); ++i) {
      const Value* argument = body_.arguments[i].get();
      const Carry& carry = plan_.analysis().carries()[i];
      if (carry.kind == CarryKind::kCounter) mapping[argument] = CounterAt(carry, argument->type.dtype, index, inside);
      if (plan_.IsCarried(i)) mapping[argument] = carried[next_carried++];
    }
    for (Value* value : plan_.in_front()) mapping[value] = RowAt(whole_.Whole(value), value->type, index, inside);
    Block& block = inside.block();
    for (const auto& op : body_.ops) {
      if (!plan_.IsKept(op.get())) continue;
      block.ops.push_back(ir::CloneOp(*op, mapping));
      block.ops.back()->parent = &block;
    }
    const auto mapped = [&mapping](Value* value) {
      const auto found = mapping.find(value);
      return found == mapping.end() ? value : found->second;
    };
    std::vector<Value*> next;
    for (size_t i = 0; i < loop_.operands.size(); ++i) {
      if (plan_.IsCarried(i)) next.push_back(mapped(body_.terminator()->operands[i]));
    }
    for (const auto& [dtype, pack] : packs_) {
      std::vector<Value*> parts;
      for (Value* value : pack.values) {
        parts.push_back(inside.Reshape(mapped(value), {1, value->type.num_elements()}));
      }
      Value* row = parts.size() == 1 ? parts[0] : inside.Concatenate(std::move(parts), 1);
      next.push_back(inside.DynamicUpdateSlice(carried[next_carried++], row, {index, inside.Scalar(DType::kS32, 0)}));
    }
    return next;
  }

  static Value* CounterAt(const Carry& carry, DType dtype, Value* index, Builder& inside) {
    Value* place = inside.Convert(index, dtype);
    place = inside.Multiply(place, inside.Scalar(dtype, static_cast<double>(carry.counter.step)));
    return inside.Add(place, inside.Scalar(dtype, static_cast<double>(carry.counter.first)));
  }

  static Value* RowAt(Value* whole, const TensorType& type, Value* index, Builder& inside) {
    std::vector<Value*> starts(whole->type.dims.size(), inside.Scalar(DType::kS32, 0));
    starts[0] = index;
    Dims sizes = whole->type.dims;
    sizes[0] = 1;
    return inside.Reshape(inside.DynamicSlice(whole, std::move(starts), std::move(sizes)), type.dims);
  }

  void Unpack(const std::vector<Value*>& finals) {
    size_t next = finals.size() - packs_.size();
    for (const auto& [dtype, pack] : packs_) {
      Value* rows = finals[next++];
      int64_t at = 0;
      for (Value* value : pack.values) {
        const int64_t size = value->type.num_elements();
        Value* part = size == pack.size ? rows : builder_.SliceDim(rows, 1, at, at + size);
        Dims dims = value->type.dims;
        dims.insert(dims.begin(), Count());
        whole_.Set(value, builder_.Reshape(part, dims));
        at += size;
      }
    }
  }

  std::vector<Value*> Results(const std::vector<Value*>& finals) {
    std::vector<Value*> results;
    size_t next_carried = 0;
    for (size_t i = 0; i < loop_.operands.size(); ++i) {
      const Carry& carry = plan_.analysis().carries()[i];
      const TensorType& type = loop_.type(static_cast<int>(i));
      if (carry.kind == CarryKind::kCounter) {
        results.push_back(builder_.Splat(type, static_cast<double>(carry.counter.At(Count()))));
      } else if (plan_.IsCarried(i)) {
        results.push_back(finals[next_carried++]);
      } else if (carry.kind == CarryKind::kStack) {
        Value* rows = builder_.Reshape(whole_.Whole(carry.value), type.dims);
        if (carry.is_added) rows = builder_.Add(rows, builder_.SplatLike(rows, 0));  // -0 becomes 0
        results.push_back(carry.is_reverse ? builder_.Reverse(rows, {0}) : rows);
      } else {
        results.push_back(builder_.Add(loop_.operands[i], whole_.Total(carry.value)));
      }
    }
    return results;
  }

  const Op& loop_;
  const Block& body_;
  const Distribution& plan_;
  Builder& builder_;
  Vectorizer whole_;
  std::map<DType, Pack> packs_;
};

StatusOr<Replacement> DistributeLoop(Op& op, RewriteContext& context) {
  if (op.code != OpCode::kWhile || !op.attributes.Has(AttrKey::kTripCount)) return Replacement();
  Distribution plan(op);
  if (!plan.Plan()) return Replacement();
  return Replacement(Distributor(op, plan, context.builder).Build());
}

}  // namespace

StatusOr<PassResult> DistributeLoops(ir::Module& module, const target::CompileContext&) {
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, DistributeLoop));
  return PassResult{changed};
}

}  // namespace dragoman::passes
