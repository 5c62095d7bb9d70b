// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "passes/passes.h"

namespace dragoman::passes {

// Matrix units load neighbours in pairs: an operand of a product (dot_general, convolution) whose innermost dimension
// is odd (the three colours of an image, a vocabulary of 50257) would keep the product on scalar units. It is padded
// with zeros where the device has matrix units for the product and an estimate says that the copy pays. Zeros that are
// summed add nothing, since both operands have them; the results that other zeros give are cut off.
StatusOr<PassResult> PadProducts(ir::Module& module, const target::CompileContext& context);

}  // namespace dragoman::passes
