// SPDX-License-Identifier: Apache-2.0
// The tiled product: a workgroup computes a tile of results. Step by step along K it brings a tile of each operand into
// shared memory, while the next step's elements are already on their way into registers; every invocation multiplies
// its register tile from there.
#pragma once

#include "lower/product/product_emitter.h"
#include "lower/product/tile_config.h"

namespace dragoman::kernel {

// Emits the kernel's body. Returns the number of workgroups. Tile sizes are powers of two.
StatusOr<int64_t> EmitTileProduct(ProductContext& context, const ProductConfig& config);

// Shared memory that the kernel takes, in bytes.
int64_t TileSharedBytes(const ProductConfig& config, DType accumulator);

}  // namespace dragoman::kernel
