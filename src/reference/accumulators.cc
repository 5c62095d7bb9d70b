// SPDX-License-Identifier: Apache-2.0
#include "reference/accumulators.h"

#include <algorithm>

namespace dragoman::reference {

Accumulators::Accumulators(const OpCall& call, int64_t count)
    : op_(call.op),
      num_inputs_(call.operands.size() / 2),
      combine_(RegionFunction::Make(*call.op.regions[0], call.frame, Accumulation::kExact)),
      values_(count * num_inputs_),
      arguments_(2 * num_inputs_) {
  for (size_t k = 0; k < num_inputs_; ++k) {
    inputs_.emplace_back(call.operands[k]);
    const Number initial = TensorReader(call.operands[num_inputs_ + k])[0];
    for (int64_t i = 0; i < count; ++i) values_[i * num_inputs_ + k] = initial;
  }
}

Status Accumulators::Combine(int64_t at, int64_t element) {
  Number* values = values_.data() + at * num_inputs_;
  std::copy_n(values, num_inputs_, arguments_.begin());
  for (size_t k = 0; k < num_inputs_; ++k) arguments_[num_inputs_ + k] = inputs_[k][element];
  ASSIGN_OR_RETURN(const std::span<const Number> combined, combine_.Apply(arguments_));
  std::copy_n(combined.begin(), num_inputs_, values);
  return OkStatus();
}

void Accumulators::Copy(int64_t from, int64_t to) {
  std::copy_n(values_.begin() + from * num_inputs_, num_inputs_, values_.begin() + to * num_inputs_);
}

std::vector<Literal> Accumulators::Finish() const {
  std::vector<Literal> results;
  for (size_t k = 0; k < num_inputs_; ++k) {
    TensorWriter writer(op_.type(static_cast<int>(k)));
    for (int64_t i = 0; i < writer.type().num_elements(); ++i) writer.Set(i, values_[i * num_inputs_ + k]);
    results.push_back(std::move(writer).Finish());
  }
  return results;
}

}  // namespace dragoman::reference
