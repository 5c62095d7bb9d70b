// SPDX-License-Identifier: Apache-2.0
// Structural comparison of ops: equal code, attributes, types, operands and bodies, up to the identity of values that
// correspond. Hashes agree with equality. Places in the source do not count.
#pragma once

#include <cstddef>
#include <span>
#include <unordered_map>

#include "ir/ir.h"

namespace dragoman::ir {

size_t HashOp(const Op& op);
bool SameOps(const Op& a, const Op& b);

// Which value of a second run of ops stands where one of the first does; values without an entry stand for themselves.
using Correspondence = std::unordered_map<const Value*, const Value*>;

// Of runs of ops that may read different values: without the identity of operands.
size_t HashOps(std::span<const Op* const> ops);
// True when `b` is `a` with the values in `values` replaced; results then correspond too.
bool SameOps(std::span<const Op* const> a, std::span<const Op* const> b, Correspondence& values);

}  // namespace dragoman::ir
