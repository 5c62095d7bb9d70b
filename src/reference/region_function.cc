// SPDX-License-Identifier: Apache-2.0
#include "reference/region_function.h"

#include <algorithm>

namespace dragoman::reference {
namespace {

bool IsNumber(const TensorType& type) { return type.rank() == 0 && !IsToken(type.dtype); }

}  // namespace

RegionFunction RegionFunction::Make(const ir::Block& block, Frame& frame, Accumulation accumulation) {
  RegionFunction function(block, frame);
  function.is_translated_ = function.Translate();
  if (accumulation == Accumulation::kExact && function.OnlyAccumulates()) function.rounds_ = false;
  return function;
}

bool RegionFunction::Translate() {
  for (const auto& argument : block_.arguments) {
    if (!IsNumber(argument->type)) return false;
    slot_of_[argument.get()] = static_cast<int>(slots_.size());
    slots_.emplace_back();
  }
  for (const auto& op : block_.ops) {
    if (op->code == ir::OpCode::kReturn) continue;
    if (op->results.size() != 1 || !IsNumber(op->type()) || !TranslateOp(*op)) return false;
  }
  for (const ir::Value* value : block_.terminator()->operands) {
    returned_.push_back(SlotOf(value));
    if (returned_.back() < 0) return false;
  }
  results_.resize(returned_.size());
  return true;
}

bool RegionFunction::TranslateOp(const ir::Op& op) {
  const int result = static_cast<int>(slots_.size());
  if (op.code == ir::OpCode::kConstant) {
    slots_.push_back(TensorReader(op.attributes.GetLiteral(ir::AttrKey::kValue))[0]);
    slot_of_[op.result()] = result;
    return true;
  }
  if (!ir::IsElementwise(op.code)) return false;
  const ScalarOp scalar = ir::AsScalarOp(op.code);
  Step step{FunctionOf(scalar), ContextOf(op), {}, result};
  for (size_t i = 0; i < op.operands.size(); ++i) {
    step.operands[i] = SlotOf(op.operands[i]);
    if (step.operands[i] < 0) return false;
  }
  // A captured value may have taken the slot.
  step.result = static_cast<int>(slots_.size());
  slots_.emplace_back();
  slot_of_[op.result()] = step.result;
  steps_.push_back(step);
  return true;
}

int RegionFunction::SlotOf(const ir::Value* value) {
  const auto found = slot_of_.find(value);
  if (found != slot_of_.end()) return found->second;
  const auto captured = frame_.values.find(value);
  if (captured == frame_.values.end() || !IsNumber(value->type)) return -1;
  const int slot = static_cast<int>(slots_.size());
  slots_.push_back(TensorReader(captured->second)[0]);
  slot_of_[value] = slot;
  return slot;
}

bool RegionFunction::OnlyAccumulates() const {
  if (!is_translated_ || steps_.size() != 1) return false;
  const bool accumulates =
      steps_[0].function == FunctionOf(ScalarOp::kAdd) || steps_[0].function == FunctionOf(ScalarOp::kMultiply);
  return accumulates && (IsFloat(steps_[0].context.result) || IsComplex(steps_[0].context.result));
}

StatusOr<std::span<const Number>> RegionFunction::Apply(std::span<const Number> arguments) {
  if (!is_translated_) return ApplyBlock(arguments);
  std::copy(arguments.begin(), arguments.end(), slots_.begin());
  for (const Step& step : steps_) {
    const Number operands[] = {slots_[step.operands[0]], slots_[step.operands[1]], slots_[step.operands[2]]};
    const Number result = step.function(step.context, operands);
    slots_[step.result] = rounds_ ? RoundTo(step.context.result, result) : result;
  }
  for (size_t i = 0; i < returned_.size(); ++i) results_[i] = slots_[returned_[i]];
  return std::span<const Number>(results_);
}

StatusOr<std::span<const Number>> RegionFunction::ApplyBlock(std::span<const Number> arguments) {
  std::vector<Literal> literals;
  for (size_t i = 0; i < arguments.size(); ++i) {
    literals.push_back(ScalarLiteral(block_.arguments[i]->type.dtype, arguments[i]));
  }
  ASSIGN_OR_RETURN(const std::vector<Literal> results, RunBlock(block_, literals, frame_));
  results_.clear();
  for (const Literal& result : results) results_.push_back(TensorReader(result)[0]);
  return std::span<const Number>(results_);
}

}  // namespace dragoman::reference
