// SPDX-License-Identifier: Apache-2.0
// What every reader checks of a program, and the sentences that it refuses with, so that a program of either format is
// taken or refused alike.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ir/ir.h"

namespace dragoman::read {

// Stands for an extent that is not fixed.
inline constexpr int64_t kDynamicExtent = std::numeric_limits<int64_t>::min();

// UNIMPLEMENTED: a dynamic dimension, a rank or extent beyond types/limits.h. INVALID_ARGUMENT: no tensor has it.
StatusOr<TensorType> CheckType(DType dtype, Dims dims);
// From bytes as the tensor IR stores them, all elements or a splat's one; sets what booleans and narrow integers have
// beyond their bits. INVALID_ARGUMENT: another size.
StatusOr<ir::Literal> CheckLiteral(const TensorType& type, std::vector<std::byte> bytes);
// INVALID_ARGUMENT: a number beyond kMaxExtent in magnitude.
Status CheckNumbers(const ir::Attributes& attributes);
// That main is there and all verifies. What does not is the program's fault, not ours: a reader checks only as much as
// reading needs.
StatusOr<std::unique_ptr<ir::Module>> CheckModule(std::unique_ptr<ir::Module> module);

// What is asked of one operand or by an algorithm; the most exact one counts.
Status RaisePrecision(int64_t precision, ir::Attributes& attributes);

// "The operation tan (tensor<f32>) -> (tensor<f32>)", by types as text.
std::string Describe(std::string_view name, const std::vector<std::string>& operands,
                     const std::vector<std::string>& results);
// UNIMPLEMENTED: what Describe says, "is not supported".
Status RefuseOperation(const std::string& description);
// Context for an error: "While reading tan. At train.py:17 in jit(step)/tan."
std::string WhileReading(std::string_view name, std::string_view place);
// "train.py:17 in jit(step)/tan": the file without its folders; either half may be missing.
std::string PlaceText(std::string_view file, int64_t line, std::string_view name);

}  // namespace dragoman::read
