// SPDX-License-Identifier: Apache-2.0
// Requires: a verified, canonical module. Establishes: what only rearranges or zero-pads the operands of a convolution
// or dot_general is part of its attributes: a reversed kernel is window_reversal, padding and interior padding of the
// input are padding and lhs_dilation (but lhs_dilation along a window of one tap is padding of the result), a
// transposed operand or result of dot_general is its dimension numbers, and so is a sum over dimensions of its batch. A
// conversion that does not widen, and a reshape of dimensions of extent 1, stand before the one transpose that they
// followed.
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

StatusOr<PassResult> SimplifyContractions(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
