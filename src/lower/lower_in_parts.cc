// SPDX-License-Identifier: Apache-2.0
#include "lower/lower_in_parts.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "lower/reduce/kinds.h"
#include "lower/stream/kinds.h"

namespace dragoman::kernel {
namespace {

bool IsReduce(const ir::Op* op) { return op->code == ir::OpCode::kReduce; }

class Parts {
 public:
  Parts(const fusion::Group& group, const target::CompileContext& context)
      : group_(group), context_(context), members_(group.members.begin(), group.members.end()) {}

  StatusOr<LoweredGroup> Run() {
    for (ir::Op* op : group_.members) {
      if (IsReduce(op)) RETURN_IF_ERROR(AddReduce(op));
    }
    // Outputs of equally many elements share a kernel, which evaluates all before it stores any.
    std::map<int64_t, std::vector<ir::Value*>> by_count;
    for (ir::Value* output : group_.outputs) {
      if (!IsReduce(output->op)) by_count[output->type.num_elements()].push_back(output);
    }
    for (auto& [count, outputs] : by_count) {
      fusion::Group part;
      part.outputs = std::move(outputs);
      RETURN_IF_ERROR(Add(std::move(part)));
    }
    return std::move(lowered_);
  }

 private:
  Status AddReduce(ir::Op* op) {
    fusion::Group part;
    part.kind = fusion::GroupKind::kReduce;
    part.hero = op;
    for (const auto& result : op->results) part.outputs.push_back(result.get());
    return Add(std::move(part));
  }

  // Completes the part with all that its outputs are computed from, up to reduces that have a part of their own.
  Status Add(fusion::Group part) {
    std::unordered_set<const ir::Op*> chosen;
    std::vector<const ir::Value*> pending(part.outputs.begin(), part.outputs.end());
    while (!pending.empty()) {
      const ir::Op* op = pending.back()->op;
      pending.pop_back();
      const bool is_member = op != nullptr && members_.contains(op) && (op == part.hero || !IsReduce(op));
      if (!is_member || !chosen.insert(op).second) continue;
      pending.insert(pending.end(), op->operands.begin(), op->operands.end());
    }
    std::unordered_set<const ir::Value*> seen;
    for (ir::Op* op : group_.members) {
      if (!chosen.contains(op)) continue;
      part.members.push_back(op);
      for (ir::Value* operand : op->operands) {
        if (IsInMemory(operand, chosen) && seen.insert(operand).second) part.inputs.push_back(operand);
      }
    }
    const auto lower = part.kind == fusion::GroupKind::kReduce ? LowerReduce : LowerLoop;
    ASSIGN_OR_RETURN(LoweredGroup lowered, lower(part, context_));
    Append(std::move(lowered));
    return OkStatus();
  }

  bool IsInMemory(const ir::Value* value, const std::unordered_set<const ir::Op*>& chosen) const {
    if (value->op != nullptr && members_.contains(value->op)) return !chosen.contains(value->op);
    return std::find(group_.inputs.begin(), group_.inputs.end(), value) != group_.inputs.end();
  }

  // A reduce's result that is no output of the group lies in a temporary.
  void Append(LoweredGroup part) {
    const int offset = static_cast<int>(lowered_.temporaries.size());
    lowered_.temporaries.insert(lowered_.temporaries.end(), part.temporaries.begin(), part.temporaries.end());
    for (Dispatch& dispatch : part.dispatches) {
      for (Argument& argument : dispatch.arguments) {
        if (argument.value == nullptr) {
          argument.temporary += offset;
        } else if (IsInternal(argument.value)) {
          argument = {nullptr, TemporaryOf(argument.value)};
        }
      }
      lowered_.dispatches.push_back(std::move(dispatch));
    }
  }

  bool IsInternal(const ir::Value* value) const {
    if (value->op == nullptr || !members_.contains(value->op)) return false;
    return std::find(group_.outputs.begin(), group_.outputs.end(), value) == group_.outputs.end();
  }

  int TemporaryOf(const ir::Value* value) {
    const auto [entry, is_new] = temporaries_.try_emplace(value, static_cast<int>(lowered_.temporaries.size()));
    if (is_new) lowered_.temporaries.push_back(value->type.size_bytes());
    return entry->second;
  }

  const fusion::Group& group_;
  const target::CompileContext& context_;
  const std::unordered_set<const ir::Op*> members_;
  std::unordered_map<const ir::Value*, int> temporaries_;
  LoweredGroup lowered_;
};

}  // namespace

// A loop's reduce that is an output could overwrite what later parts read: outputs of loops may lie over inputs.
bool HasParts(const fusion::Group& group) {
  const bool is_row = group.kind == fusion::GroupKind::kRow;
  if (!is_row && group.kind != fusion::GroupKind::kLoop) return false;
  if (std::none_of(group.members.begin(), group.members.end(), IsReduce)) return false;
  return is_row || std::none_of(group.outputs.begin(), group.outputs.end(),
                                [](const ir::Value* output) { return IsReduce(output->op); });
}

StatusOr<LoweredGroup> LowerInParts(const fusion::Group& group, const target::CompileContext& context) {
  return Parts(group, context).Run();
}

}  // namespace dragoman::kernel
