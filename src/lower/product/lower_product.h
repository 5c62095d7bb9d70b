// SPDX-License-Identifier: Apache-2.0
// The common way of dot_general and convolution: a group whose hero is a Product becomes one dispatch, or two when K is
// split.
#pragma once

#include "base/status.h"
#include "element/dispatch.h"
#include "fusion/plan.h"
#include "lower/product/product.h"
#include "lower/product/tile_config.h"

namespace dragoman::kernel {

// `product` describes the hero with its operands as they stand in the op; producers in the group are absorbed here.
StatusOr<LoweredGroup> LowerProduct(const fusion::Group& group, const target::CompileContext& context, Product product);

// As LowerProduct with the kernel given, for tests and measurements.
StatusOr<LoweredGroup> LowerProductWith(const fusion::Group& group, const target::CompileContext& context,
                                        const Product& product, const ProductConfig& config);

// Absorbs producers and orients the product.
StatusOr<Product> PrepareProduct(const fusion::Group& group, Product product);

// The product of a dot_general or a convolution, before preparation.
Product DotProduct(const ir::Op& op);
Product ConvolutionProduct(const ir::Op& op);

}  // namespace dragoman::kernel
