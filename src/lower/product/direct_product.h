// SPDX-License-Identifier: Apache-2.0
// A product without shared memory: each invocation computes a register tile of results and loads its operands itself.
// For groups of few channels, for results that are wide and shallow, and for CPUs, whose caches do what shared memory
// does.
#pragma once

#include "lower/product/product_emitter.h"
#include "lower/product/tile_config.h"

namespace dragoman::kernel {

// Emits the kernel's body. Returns the number of workgroups.
StatusOr<int64_t> EmitDirectProduct(ProductContext& context, const ProductConfig& config);

}  // namespace dragoman::kernel
