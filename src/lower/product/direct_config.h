// SPDX-License-Identifier: Apache-2.0
// Configurations of products without tiles in shared memory: those of CPUs, and on GPUs those with few results along
// one axis or with short sums.
#pragma once

#include <string>

#include "lower/product/tile_config.h"

namespace dragoman::kernel {

inline constexpr int64_t kLeastK = 64;  // of K, that a part of a direct product must have to be worth its sum

// Splits of `parts` that leave none of them empty.
int EvenSplits(int64_t parts, int64_t splits);
// Divides as few of K's outermost digits as give so many parts.
void SetDirectSplits(ProductConfig& config, const ProductForm& form, int64_t splits);

ProductConfig DirectOnCpu(const Product& product, const ProductForm& form, const target::DeviceProfile& profile);
ProductConfig DirectOnGpu(const ProductForm& form, const target::DeviceProfile& profile, ProductAxis columns,
                          std::string reason);
// Few results along one axis: of operands that are contiguous along the other, or of one that is along K.
ProductConfig FewAcross(const Product& product, const ProductForm& form, const target::DeviceProfile& profile);
ProductConfig FewAlongK(const Product& product, const ProductForm& form, const target::DeviceProfile& profile,
                        ProductAxis long_axis);
bool IsContiguousAlongK(const ProductForm& form, const LinearMap& map);

}  // namespace dragoman::kernel
