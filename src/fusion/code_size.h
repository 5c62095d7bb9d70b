// SPDX-License-Identifier: Apache-2.0
// How much code a kernel has, estimated before there is any. One unit is an addition of two f32, some eight words of
// SPIR-V.
#pragma once

#include <functional>
#include <span>

#include "fusion/positions.h"
#include "ir/ir.h"

namespace dragoman::fusion {

// Nothing that fusion joins is larger, but for the load of a value where a chain is cut, and single ops of very many
// operands. Drivers' compilers take longer than in proportion for more: llvmpipe 0.7 s for 100 exponentials (2,600
// units), 29 s for 800.
inline constexpr int64_t kMaxCodeSize = 1600;

// What a transform's kernel computes of each element, before it or after: all that an invocation holds, it computes.
inline constexpr int64_t kMaxCodeBesideTransform = 48;

// What one evaluation of `op` adds, operands excluded.
int CodeSize(const ir::Op& op);
// What reading one operand from memory adds.
inline constexpr int kLoadSize = 3;

// The code that computes `roots` at one position, and their operands in place where `is_computed` says so. Counting
// stops beyond kMaxCodeSize.
int64_t CodeSize(std::span<const ir::Op* const> roots, const std::function<bool(const ir::Value*)>& is_computed,
                 Positions& positions);

}  // namespace dragoman::fusion
