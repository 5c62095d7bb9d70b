// SPDX-License-Identifier: Apache-2.0
// A product with few results along one axis (matrix times vector, vector times vector): a workgroup takes one index of
// the long axis and all of the short one, its invocations stride along K, and their sums meet in shared memory as a
// tree.
#pragma once

#include "lower/product/product_emitter.h"
#include "lower/product/tile_config.h"

namespace dragoman::kernel {

// config.row_axis is the long axis, config.column_axis the short one, wholly held: columns is its extent.
// Emits the kernel's body. Returns the number of workgroups.
StatusOr<int64_t> EmitRowProduct(ProductContext& context, const ProductConfig& config);

}  // namespace dragoman::kernel
