// SPDX-License-Identifier: Apache-2.0
#include "element/elemental.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "element/elemental_memo.h"
#include "element/elemental_ops.h"

namespace dragoman::kernel {
namespace {

// A group that expands to more than this (a chain of concatenations of each other's results) would take the driver
// minutes to compile.
constexpr int kMaxEvaluations = 200000;

constexpr ElementalRow kElementalRows[] = {
    {ir::OpCode::kConstant, nullptr, EmitConstant, ConstantLanes, false},
    {ir::OpCode::kIota, nullptr, EmitIota, IotaLanes, true},
    {ir::OpCode::kBitcastConvert, nullptr, EmitBitcastConvert, BitcastConvertLanes, false},
    {ir::OpCode::kBroadcastInDim, MapBroadcastInDim, nullptr, BroadcastInDimLanes, true},
    {ir::OpCode::kReshape, MapReshape, nullptr, ReshapeLanes, false},
    {ir::OpCode::kTranspose, MapTranspose, nullptr, TransposeLanes, true},
    {ir::OpCode::kReverse, MapReverse, nullptr, ReverseLanes, true},
    {ir::OpCode::kConcatenate, nullptr, EmitConcatenate, ConcatenateLanes, true},
    {ir::OpCode::kSlice, MapSlice, nullptr, SliceLanes, true},
    {ir::OpCode::kPad, nullptr, EmitPad, PadLanes, true},
    {ir::OpCode::kDynamicSlice, MapDynamicSlice, nullptr, DynamicSliceLanes, true},
    {ir::OpCode::kGather, MapGather, nullptr, GatherLanes, true},
    {ir::OpCode::kReduce, nullptr, EmitInlineReduce, InlineReduceLanes, true},
};

Index LaneIndex(Builder& builder, const Index& index, const Dims& dims, int lane, int lanes) {
  const int innermost = InnermostDim(dims);
  Index result = index;
  if (index.has_linear()) result.linear = builder.IAdd(index.linear, builder.Int(index.linear.type, lane));
  if (index.dims.empty() || innermost < 0) return result;
  if (dims[innermost] % lanes != 0) return Index::FromLinear(result.linear);
  V& last = result.dims[innermost];
  last = builder.IAdd(last, builder.Int(last.type, lane));
  return result;
}

}  // namespace

const ElementalRow* FindElementalRow(ir::OpCode code) {
  for (const ElementalRow& row : kElementalRows) {
    if (row.code == code) return &row;
  }
  return nullptr;
}

Elemental::Elemental(Builder& builder, const fusion::Group& group)
    : builder_(builder), group_(group), membership_(group) {
  memos_.push_back(std::make_shared<Memo>());
  for (const ir::Op* op : group.members) {
    const ElementalRow* row = FindElementalRow(op->code);
    bool needs_dims = row != nullptr && row->needs_dims;
    if (ir::IsElementwise(op->code)) {
      needs_dims = std::any_of(op->operands.begin(), op->operands.end(),
                               [&](const ir::Value* operand) { return NeedsDims(operand); });
    }
    if (!needs_dims || op->type().num_elements() == 1) continue;
    for (const auto& result : op->results) needs_dims_.insert(result.get());
  }
}

Elemental::~Elemental() = default;

Elemental::Scope::Scope(Elemental& elemental) : elemental_(elemental) {
  elemental_.memos_.push_back(std::make_shared<Memo>());
}
Elemental::Scope::~Scope() { elemental_.memos_.pop_back(); }

void Elemental::Pin(const ir::Value* v, Scalar scalar) { pinned_[v] = scalar; }

void Elemental::Remember(const ir::Value* v, const Index& index, Lanes value, int lanes) {
  memos_.back()->values[Memo::KeyOf(v, Normalize(v, index), lanes)] = std::move(value);
}

bool Elemental::IsComputed(const ir::Value* v) const {
  if (v->op == nullptr || pinned_.contains(v)) return false;
  if (membership_.IsComputed(v)) return true;
  return std::find(regions_.begin(), regions_.end(), v->op->parent) != regions_.end();
}

// One spelling for one position, so that memoised values are found.
Index Elemental::Normalize(const ir::Value* v, const Index& index) {
  const Dims& extents = v->type.dims;
  if (v->type.num_elements() == 1) {
    return {std::vector<V>(extents.size(), builder_.I32(0)), builder_.I32(0)};
  }
  Index result = index;
  for (size_t i = 0; i < result.dims.size(); ++i) {
    if (extents[i] == 1) result.dims[i] = builder_.I32(0);
  }
  if (!result.has_linear()) {
    if (const std::optional<V> linear = FindLinear(result.dims, extents)) {
      result.linear = ToIndexType(builder_, *linear, IndexType(v->type.num_elements()));
    }
  }
  return result;
}

const Lanes* Elemental::Find(const ir::Value* v, const Index& index, int lanes) const {
  const Memo::Key key = Memo::KeyOf(v, index, lanes);
  for (auto memo = memos_.rbegin(); memo != memos_.rend(); ++memo) {
    const auto found = (*memo)->values.find(key);
    if (found != (*memo)->values.end()) return &found->second;
  }
  return nullptr;
}

StatusOr<Scalar> Elemental::At(const ir::Value* v, const Index& index) {
  ASSIGN_OR_RETURN(const Lanes lanes, AtLanes(v, index, 1));
  return lanes[0];
}

StatusOr<Lanes> Elemental::AtLanes(const ir::Value* v, const Index& index, int lanes) {
  if (const auto pinned = pinned_.find(v); pinned != pinned_.end()) return Lanes{pinned->second};
  if (v->type.num_elements() == 1) lanes = 1;
  // As asked first: normalising may by now know a linear index that it did not know when the value was computed.
  if (const Lanes* known = Find(v, index, lanes)) return *known;
  const Index at = Normalize(v, index);
  if (const Lanes* known = Find(v, at, lanes)) return *known;
  if (IsComputed(v) && ir::IsElementwise(v->op->code)) {
    RETURN_IF_ERROR(EvaluateElementwise(v, at, lanes));
    return *Find(v, at, lanes);
  }
  ASSIGN_OR_RETURN(Lanes result, Evaluate(v, at, lanes));
  memos_.back()->values[Memo::KeyOf(v, at, lanes)] = result;
  return result;
}

// A chain of elementwise ops is as long as the program likes, so it is walked with a stack of our own.
Status Elemental::EvaluateElementwise(const ir::Value* root, const Index& index, int lanes) {
  std::vector<const ir::Value*> pending = {root};
  const auto index_of = [&](const ir::Value* v) {
    return v->type.dims == root->type.dims ? index : Normalize(v, Index{});
  };
  while (!pending.empty()) {
    const ir::Value* v = pending.back();
    const int width = v->type.num_elements() == 1 ? 1 : lanes;
    if (pinned_.contains(v) || Find(v, index_of(v), width) != nullptr) {
      pending.pop_back();
      continue;
    }
    if (!IsComputed(v) || !ir::IsElementwise(v->op->code)) {
      ASSIGN_OR_RETURN(Lanes result, AtLanes(v, index_of(v), width));
      // Under this spelling too: normalising may by now know a linear index that it did not know for the root.
      memos_.back()->values[Memo::KeyOf(v, index_of(v), width)] = std::move(result);
      pending.pop_back();
      continue;
    }
    const size_t before = pending.size();
    for (const ir::Value* operand : v->op->operands) {
      const int operand_width = operand->type.num_elements() == 1 ? 1 : lanes;
      if (!pinned_.contains(operand) && Find(operand, index_of(operand), operand_width) == nullptr) {
        pending.push_back(operand);
      }
    }
    if (pending.size() > before) continue;
    ASSIGN_OR_RETURN(Lanes result, EvaluateScalarOp(*v->op, index_of(v), width));
    memos_.back()->values[Memo::KeyOf(v, index_of(v), width)] = std::move(result);
    pending.pop_back();
  }
  return OkStatus();
}

StatusOr<Lanes> Elemental::EvaluateScalarOp(const ir::Op& op, const Index& index, int lanes) {
  if (++num_evaluations_ > kMaxEvaluations) {
    return Unimplemented(
        Format("The group around {} expands to more than {} operations.", Info(op.code).name, kMaxEvaluations));
  }
  std::vector<Lanes> operands;
  size_t num_lanes = 1;
  for (const ir::Value* operand : op.operands) {
    const bool is_same = operand->type.dims == op.type().dims;
    ASSIGN_OR_RETURN(Lanes value, AtLanes(operand, is_same ? index : Index{}, lanes));
    num_lanes = std::max(num_lanes, value.size());
    operands.push_back(std::move(value));
  }
  const DType dtype = op.operands[op.code == ir::OpCode::kSelect ? 1 : 0]->type.dtype;
  Lanes result;
  for (size_t lane = 0; lane < num_lanes; ++lane) {
    std::vector<Scalar> scalars;
    for (const Lanes& operand : operands) scalars.push_back(Lane(operand, static_cast<int>(lane)));
    ASSIGN_OR_RETURN(const Scalar scalar, EmitScalarOp(builder_, ir::AsScalarOp(op.code),
                                                       {dtype, op.type().dtype, &op.attributes}, scalars));
    result.push_back(scalar);
  }
  return result;
}

StatusOr<Lanes> Elemental::Evaluate(const ir::Value* v, const Index& index, int lanes) {
  if (!IsComputed(v)) return LoadLanes(v, index, lanes);
  const ir::Op& op = *v->op;
  if (++num_evaluations_ > kMaxEvaluations) {
    return Unimplemented(
        Format("The group around {} expands to more than {} operations.", Info(op.code).name, kMaxEvaluations));
  }
  if (op.code == ir::OpCode::kOptimizationBarrier) return AtLanes(op.operands[v->index], index, lanes);
  const ElementalRow* row = FindElementalRow(op.code);
  if (row == nullptr || (op.code == ir::OpCode::kReduce && !IsInlineReduce(op))) {
    return Internal(Format("Elemental reaches {} {}, which is neither pinned nor computed element by element.",
                           Info(op.code).name, op.type().ToString()));
  }
  const LaneRule rule = lanes == 1 ? LaneRule::kContiguous : row->lane_rule(op, lanes);
  if (rule == LaneRule::kSeparate) return EvaluateSeparately(v, index, lanes);
  const int width = rule == LaneRule::kUniform ? 1 : lanes;
  if (row->emit != nullptr) {
    ASSIGN_OR_RETURN(Lanes result, row->emit(*this, op, index, width));
    if (v->index == 0) return result;
    return AtLanes(v, index, lanes);
  }
  const ir::Value* operand = op.operands[0];
  if (pinned_.contains(operand)) return AtLanes(operand, Index{}, 1);
  ASSIGN_OR_RETURN(Index mapped, row->map(*this, op, index));
  const int innermost = InnermostDim(operand->type.dims);
  if (width > 1 && innermost >= 0 && operand->type.dims[innermost] % width != 0) {
    mapped = Index::FromLinear(Linear(mapped, operand->type.dims));
  }
  return AtLanes(operand, mapped, width);
}

StatusOr<Lanes> Elemental::EvaluateSeparately(const ir::Value* v, const Index& index, int lanes) {
  Lanes result;
  for (int lane = 0; lane < lanes; ++lane) {
    ASSIGN_OR_RETURN(const Scalar scalar, At(v, LaneIndex(builder_, index, v->type.dims, lane, lanes)));
    result.push_back(scalar);
  }
  return result;
}

StatusOr<std::vector<Scalar>> Elemental::Region(const ir::Block& block, std::span<const Scalar> inputs) {
  Scope scope(*this);
  regions_.push_back(&block);
  for (size_t i = 0; i < inputs.size(); ++i) Remember(block.arguments[i].get(), Index{}, {inputs[i]});
  std::vector<Scalar> results;
  Status status;
  for (const ir::Value* operand : block.terminator()->operands) {
    StatusOr<Scalar> scalar = At(operand, Index{});
    if (!scalar.ok()) {
      status = scalar.status();
      break;
    }
    results.push_back(*scalar);
  }
  regions_.pop_back();
  if (!status.ok()) return status;
  return results;
}

}  // namespace dragoman::kernel
