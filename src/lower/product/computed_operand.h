// SPDX-License-Identifier: Apache-2.0
// An operand of few rows that every workgroup of a product computes first: its reductions over rows, then its elements,
// as accumulators in shared memory (fusion/operand_rows.h says when).
#pragma once

#include "base/status.h"
#include "lower/product/product_emitter.h"

namespace dragoman::kernel {

// All invocations call this, in uniform control flow, before anything reads the operand. The array has `least` elements
// or more, for what the workgroup shares when the operand has been read.
Status ComputeOperand(ProductContext& context, int workgroup_size, int64_t least);

// Workgroups of fewer invocations would hold too much of a row each.
inline constexpr int kLeastComputing = 256;

}  // namespace dragoman::kernel
