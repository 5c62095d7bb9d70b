// SPDX-License-Identifier: Apache-2.0
#include "lower/product_choices.h"

#include <algorithm>

#include "lower/product/lower_product.h"
#include "lower/product/tile_config.h"

namespace dragoman::kernel {
namespace {

std::optional<Product> ProductOf(const fusion::Group& group) {
  if (group.kind != fusion::GroupKind::kDot && group.kind != fusion::GroupKind::kConvolution) return std::nullopt;
  if (group.hero->type().num_elements() == 0) return std::nullopt;
  const bool is_dot = group.kind == fusion::GroupKind::kDot;
  auto product = PrepareProduct(group, is_dot ? DotProduct(*group.hero) : ConvolutionProduct(*group.hero));
  return product.ok() ? std::optional(*std::move(product)) : std::nullopt;
}

}  // namespace

std::optional<ProductChoices> ChoicesOf(const fusion::Group& group, const target::CompileContext& context) {
  const std::optional<Product> product = ProductOf(group);
  if (!product) return std::nullopt;
  const ProductForm form = SimplifyProduct(*product);
  const ProductConfig chosen = ChooseProductKernel(*product, form, context);
  if (chosen.kernel != ProductKernel::kTile) return std::nullopt;
  ProductChoices choices{.key = TuningKey(*product, form), .chosen = TuningName(chosen)};
  std::vector<ProductCandidate> candidates = TileCandidates(*product, form, context.profile);
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const ProductCandidate& a, const ProductCandidate& b) { return a.cycles < b.cycles; });
  for (const ProductCandidate& candidate : candidates) {
    const ProductConfig& config = candidate.config;
    if (config.unit != chosen.unit) continue;
    const bool is_same = config.splits == chosen.splits && config.matrix == chosen.matrix;
    choices.candidates.push_back(
        {TuningName(config), is_same && (config.splits == 1 || config.tile_k == chosen.tile_k)});
  }
  return choices;
}

}  // namespace dragoman::kernel
