// SPDX-License-Identifier: Apache-2.0
#include "reference/op_functions.h"
#include "reference/scalar_eval.h"

namespace dragoman::reference {

Results EvaluateElementwise(const OpCall& call) {
  const TensorType& type = call.op.type();
  const ScalarContext context = ContextOf(call.op);
  const ScalarFunction function = FunctionOf(ir::AsScalarOp(call.op.code));
  std::vector<TensorReader> readers;
  bool is_uniform = true;
  for (const Literal& operand : call.operands) {
    readers.emplace_back(operand);
    is_uniform &= readers.back().is_uniform();
  }
  const auto compute = [&](int64_t i) {
    Number operands[3];
    for (size_t k = 0; k < readers.size(); ++k) operands[k] = readers[k][i];
    return function(context, operands);
  };
  const int64_t count = type.num_elements();
  if (count == 0) return std::vector<Literal>{Literal(type, {})};
  if (is_uniform) {
    std::vector<std::byte> element(SizeBytes(type.dtype));
    StorerOf(type.dtype)(compute(0), element.data());
    return std::vector<Literal>{Literal(type, std::move(element))};
  }
  TensorWriter writer(type);
  for (int64_t i = 0; i < count; ++i) writer.Set(i, compute(i));
  return std::vector<Literal>{std::move(writer).Finish()};
}

}  // namespace dragoman::reference
