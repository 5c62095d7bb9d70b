// SPDX-License-Identifier: Apache-2.0
// The tile product on matrix units: a subgroup multiplies matrices that lie in shared memory as 16-bit elements.
#pragma once

#include <optional>

#include "base/status.h"
#include "lower/product/product_emitter.h"
#include "lower/product/tile_config.h"

namespace dragoman::kernel {

// The element type that both operands have: f16 or bf16 with sums in f32, s8 with sums in s32; nothing for others, and
// for operands that are not contiguous in runs of whole words along K or their own axis.
std::optional<DType> MatrixInput(const Product& product, const ProductForm& form);

// bf16 where one operand is f32 that may be rounded, in such runs, and the other one too, or bf16: an f32 is the sum of
// two bf16 but for 2^-17 of it. The product of the smaller halves is left out.
std::optional<DType> SplitInput(const Product& product, const ProductForm& form);

// Emits the kernel of a configuration on matrix units, whose matrix has the type that MatrixInput or SplitInput gives;
// gives the number of workgroups.
StatusOr<int64_t> EmitMatrixProduct(ProductContext& context, const ProductConfig& config);

// Whether each subgroup can hand on whole rows of its results at a time.
bool StripFits(const ProductConfig& config);
// Whether every invocation has a word of each tile to bring.
bool FillsWorkgroup(const ProductConfig& config);
// Bytes of shared memory that the kernel takes at most.
int64_t MatrixSharedBytes(const ProductConfig& config);

}  // namespace dragoman::kernel
