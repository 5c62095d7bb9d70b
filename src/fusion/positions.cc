// SPDX-License-Identifier: Apache-2.0
#include "fusion/positions.h"

#include <algorithm>
#include <bit>

#include "ir/access.h"

namespace dragoman::fusion {
namespace {

using ir::OpCode;

constexpr int kSingleWay = -1;

void AppendDims(const ir::Value& value, std::vector<int64_t>& key) {
  key.push_back(value.type.rank());
  key.insert(key.end(), value.type.dims.begin(), value.type.dims.end());
}

// Ops with equal keys lead from equal positions to equal ones.
std::vector<int64_t> WayKey(const ir::Op& op) {
  std::vector<int64_t> key = {static_cast<int64_t>(op.code)};
  if (op.code == OpCode::kConcatenate || !op.regions.empty()) {  // code of its own, in a branch or a loop
    key.push_back(reinterpret_cast<int64_t>(&op));
    return key;
  }
  for (const auto& result : op.results) AppendDims(*result, key);
  for (size_t i = 0; i < op.operands.size(); ++i) {
    AppendDims(*op.operands[i], key);
    const bool decides = i > 0 && ir::Info(op.code).kind == ir::OpKind::kIndexing;
    if (decides) key.push_back(reinterpret_cast<int64_t>(op.operands[i]));
  }
  for (const auto& [name, value] : op.attributes.entries()) {
    key.push_back(static_cast<int64_t>(name));
    if (const auto* number = std::get_if<int64_t>(&value)) key.push_back(*number);
    if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) key.insert(key.end(), list->begin(), list->end());
  }
  return key;
}

}  // namespace

Positions::Positions() : places_(1) {}

Positions::Id Positions::Intern(int way, int part, Id at, const Place& place) {
  const auto [entry, is_new] = ids_.try_emplace({way, part, at}, static_cast<Id>(places_.size()));
  if (is_new) places_.push_back(place);
  return entry->second;
}

// The part of a concatenation is found by halving.
int Positions::DepthWithin(const ir::Op& op) {
  return op.code == OpCode::kConcatenate ? static_cast<int>(std::bit_width(op.operands.size() - 1)) : 0;
}

// Where tensors of one element are read from code at `at`.
Positions::Id Positions::Single(Id at) {
  const Id branch = places_[at].branch;
  return Intern(kSingleWay, 0, branch, {places_[branch].share, branch, places_[branch].depth});
}

int Positions::WayOf(const ir::Op& op) {
  const auto [entry, is_new] = way_of_.try_emplace(&op, 0);
  if (is_new) entry->second = ways_.try_emplace(WayKey(op), static_cast<int>(ways_.size())).first->second;
  return entry->second;
}

void Positions::Follow(const ir::Op& op, int operand, Id at, std::vector<Id>& to) {
  const TensorType& type = op.operands[operand]->type;
  const Place from = places_[at];
  if (op.code == OpCode::kConcatenate) {
    FollowConcatenate(op, operand, at, to);
  } else if (type.num_elements() == 1) {
    to.push_back(Single(at));
  } else if (ir::KeepsLinearIndex(op, op.operands[operand])) {
    to.push_back(at);
  } else if (op.code == OpCode::kGather && operand == 1) {
    const auto count = static_cast<int>(op.attributes.Ints(ir::AttrKey::kStartIndexMap).size());
    const int64_t dim = op.attributes.Int(ir::AttrKey::kIndexVectorDim);
    for (int i = 0; i < count; ++i) {
      to.push_back(Intern(WayOf(op), i + 1, at, {from.share / count, from.branch, from.depth, dim, i}));
    }
  } else {
    const int part = ir::Info(op.code).kind == ir::OpKind::kIndexing ? operand : 0;
    to.push_back(Intern(WayOf(op), part, at, {from.share, from.branch, from.depth}));
  }
}

void Positions::FollowConcatenate(const ir::Op& op, int operand, Id at, std::vector<Id>& to) {
  const Place from = places_[at];
  const TensorType& type = op.operands[operand]->type;
  const int64_t dim = op.attributes.Int(ir::AttrKey::kDimension);
  Place place = {from.share, from.branch, from.depth};
  if (from.known_dim == dim) {  // one part, and no branch
    int64_t first = 0;
    for (int i = 0; i < operand; ++i) first += op.operands[i]->type.dims[dim];
    if (from.known_index < first || from.known_index >= first + type.dims[dim]) return;
  } else {
    const auto all = static_cast<double>(std::max<int64_t>(1, op.type().num_elements()));
    place.share *= static_cast<double>(type.num_elements()) / all;
    place.branch = static_cast<Id>(places_.size());  // its own, when it is new
    place.depth += DepthWithin(op);
  }
  const Id id = Intern(WayOf(op), operand, at, place);
  to.push_back(type.num_elements() == 1 ? Single(id) : id);
}

}  // namespace dragoman::fusion
