// SPDX-License-Identifier: Apache-2.0
// The meaning of every op, slow and plain: what constant folding asks and what tests compare with. Floats narrower
// than f64 are computed in f64 and rounded after each op to their own type; sums run in row-major order in f64.
#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "ir/ir.h"

namespace dragoman::reference {

using ir::Literal;

// Runs function `name` of the module on inputs of its parameter types. UNIMPLEMENTED for host transfers and unknown
// custom calls; INVALID_ARGUMENT when inputs do not match.
StatusOr<std::vector<Literal>> Evaluate(const ir::Module& module, std::string_view name,
                                        std::span<const Literal> inputs);
// One op without captured values, given its operands.
StatusOr<std::vector<Literal>> EvaluateOp(const ir::Op& op, std::span<const Literal> operands);

// Conversions between elements and numbers, for tests and folding. Real types; complex through both parts.
double ElementAsDouble(const Literal& literal, int64_t linear_index, bool imaginary = false);
int64_t ElementAsInt(const Literal& literal, int64_t linear_index);
Literal LiteralFromDoubles(const TensorType& type, std::span<const double> values);
Literal LiteralFromInts(const TensorType& type, std::span<const int64_t> values);

}  // namespace dragoman::reference
