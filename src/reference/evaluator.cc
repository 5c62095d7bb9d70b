// SPDX-License-Identifier: Apache-2.0
#include "reference/evaluator.h"

#include "base/check.h"
#include "reference/interpreter.h"
#include "reference/tensor.h"

namespace dragoman::reference {

StatusOr<std::vector<Literal>> Evaluate(const ir::Module& module, std::string_view name,
                                        std::span<const Literal> inputs) {
  return RunFunction(module, name, inputs, 0);
}

StatusOr<std::vector<Literal>> EvaluateOp(const ir::Op& op, std::span<const Literal> operands) {
  Frame frame;
  return FunctionOf(op.code)(OpCall{op, operands, frame});
}

double ElementAsDouble(const Literal& literal, int64_t linear_index, bool imaginary) {
  const DType dtype = literal.type().dtype;
  const Number number = LoaderOf(dtype)(literal.element(linear_index));
  if (imaginary) return number.value.imag();
  if (IsUnsigned(dtype)) return static_cast<double>(static_cast<uint64_t>(number.integer));
  return IsInteger(dtype) || IsPred(dtype) ? static_cast<double>(number.integer) : number.value.real();
}

int64_t ElementAsInt(const Literal& literal, int64_t linear_index) {
  const DType dtype = literal.type().dtype;
  const Number number = LoaderOf(dtype)(literal.element(linear_index));
  return IsInteger(dtype) || IsPred(dtype) ? number.integer : static_cast<int64_t>(number.value.real());
}

Literal LiteralFromDoubles(const TensorType& type, std::span<const double> values) {
  CHECK(static_cast<int64_t>(values.size()) == type.num_elements());
  const bool is_whole = IsInteger(type.dtype) || IsPred(type.dtype);
  TensorWriter writer(type);
  for (size_t i = 0; i < values.size(); ++i) {
    const Number number = is_whole ? Number::Of(static_cast<int64_t>(values[i])) : Number::Of(values[i]);
    writer.Set(static_cast<int64_t>(i), number);
  }
  return std::move(writer).Finish();
}

Literal LiteralFromInts(const TensorType& type, std::span<const int64_t> values) {
  CHECK(static_cast<int64_t>(values.size()) == type.num_elements());
  const bool is_whole = IsInteger(type.dtype) || IsPred(type.dtype);
  TensorWriter writer(type);
  for (size_t i = 0; i < values.size(); ++i) {
    const Number number = is_whole ? Number::Of(values[i]) : Number::Of(static_cast<double>(values[i]));
    writer.Set(static_cast<int64_t>(i), number);
  }
  return std::move(writer).Finish();
}

Literal ScalarLiteral(DType dtype, const Number& number) {
  TensorWriter writer(TensorType{dtype, {}});
  writer.Set(0, number);
  return std::move(writer).Finish();
}

}  // namespace dragoman::reference
