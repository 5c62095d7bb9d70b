// SPDX-License-Identifier: Apache-2.0
// What the tile kernels share: which tile a workgroup computes, and the walk along K in which the next tiles travel
// from memory while the present ones are multiplied.
#pragma once

#include <span>
#include <vector>

#include "lower/product/tile_config.h"
#include "lower/product/tile_loader.h"

namespace dragoman::kernel {

class TileWalk {
 public:
  TileWalk(ProductContext& context, const ProductConfig& config, TileLoader::Form lhs_form, TileLoader::Form rhs_form);
  virtual ~TileWalk() = default;

  int64_t NumWorkgroups() const;

 protected:
  void LocateWorkgroup();
  // The sums over this workgroup's part of K.
  std::vector<V> SumOverK(std::vector<V> sums);
  virtual Status StoreShared(const StagedTile& lhs, const StagedTile& rhs) = 0;
  virtual std::vector<V> MultiplyTiles(std::vector<V> sums) = 0;
  void Keep(const Status& status);
  // A tile of results of this workgroup, with everything that is equal for all invocations.
  ResultTile StartResultTile() const;

  ProductContext& c_;
  Builder& b_;
  const ProductConfig& config_;
  TileLoader lhs_loader_;
  TileLoader rhs_loader_;
  V first_m_;
  V first_n_;

 private:
  int64_t TilesM() const;
  int64_t TilesN() const;
  int64_t TilesK() const;
  std::vector<V> Step(V next_tile, std::span<const V> carried, size_t num_sums);
  std::vector<V> LoadBoth(V k_tile);
  void StoreBoth(std::span<const V> staged);

  size_t num_lhs_values_ = 0;
  V batch_;
  V split_;
};

}  // namespace dragoman::kernel
