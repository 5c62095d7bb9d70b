// SPDX-License-Identifier: Apache-2.0
// The parts of a softmax, as programs spell it: exp(x - max(x)) and the sum of that, which lie in [0, 1] and in
// [1, elements] unless they are NaN.
#pragma once

#include "ir/ir.h"

namespace dragoman::kernel {

// What a value is a reshape or broadcast of.
const ir::Value* SourceOfBroadcast(const ir::Value* value);
// The maximum of x where `exponential` is exp(x - maximum); null where it is something else.
const ir::Op* MaximumOfExponential(const ir::Op& exponential);
// The maximum in what `sum` adds; null where it is no sum of such exponentials.
const ir::Op* MaximumOfSum(const ir::Op& sum);
// Whether `divide` divides by such a sum.
bool DividesBySum(const ir::Op& divide);

}  // namespace dragoman::kernel
