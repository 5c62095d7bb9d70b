// SPDX-License-Identifier: Apache-2.0
#include "lower/product/tile_walk.h"

#include "base/arithmetic.h"

namespace dragoman::kernel {
TileWalk::TileWalk(ProductContext& context, const ProductConfig& config, TileLoader::Form lhs_form,
                   TileLoader::Form rhs_form)
    : c_(context),
      b_(context.builder),
      config_(config),
      lhs_loader_(context, {config.tile_m, config.tile_k, config.workgroup_size}, lhs_form, context.product.lhs,
                  context.form.lhs, ProductAxis::kM),
      rhs_loader_(context, {config.tile_n, config.tile_k, config.workgroup_size}, rhs_form, context.product.rhs,
                  context.form.rhs, ProductAxis::kN) {}

int64_t TileWalk::TilesM() const { return CeilDiv(c_.form.extent(ProductAxis::kM), config_.tile_m); }
int64_t TileWalk::TilesN() const { return CeilDiv(c_.form.extent(ProductAxis::kN), config_.tile_n); }
int64_t TileWalk::TilesK() const { return CeilDiv(c_.form.extent(ProductAxis::kK), config_.tile_k); }

int64_t TileWalk::NumWorkgroups() const {
  return TilesM() * TilesN() * c_.form.extent(ProductAxis::kBatch) * c_.num_splits;
}

// Neighbouring workgroups share operands: blocks of up to eight tiles along M, then along N.
void TileWalk::LocateWorkgroup() {
  V id = b_.WorkgroupIndex();
  const auto take = [&](int64_t count) {
    const V part = b_.URem(id, b_.I32(count));
    id = b_.UDiv(id, b_.I32(count));
    return part;
  };
  int64_t block = 8;
  while (TilesM() % block != 0) block /= 2;
  const V within = take(block);
  const V tile_n = take(TilesN());
  const V tile_m = b_.MulAdd(take(TilesM() / block), block, within);
  batch_ = take(c_.form.extent(ProductAxis::kBatch));
  split_ = id;
  first_m_ = b_.IMul(tile_m, b_.I32(config_.tile_m));
  first_n_ = b_.IMul(tile_n, b_.I32(config_.tile_n));
  const V local = b_.LocalIndex();
  lhs_loader_.Begin(local, batch_, first_m_);
  rhs_loader_.Begin(local, batch_, first_n_);
}

std::vector<V> TileWalk::SumOverK(std::vector<V> sums) {
  const int64_t tiles = TilesK();
  if (tiles == 0) return sums;
  if (tiles == 1 && c_.num_splits == 1) {
    StoreBoth(LoadBoth(b_.I32(0)));
    b_.Barrier();
    return MultiplyTiles(std::move(sums));
  }
  const int64_t chunk = CeilDiv(tiles, c_.num_splits);
  const V lo = b_.IMul(split_, b_.I32(chunk));
  const V hi = c_.num_splits == 1 ? b_.I32(tiles) : b_.EndOfPart(lo, chunk, tiles);
  const V last = b_.ISub(hi, b_.I32(1));
  const std::vector<V> first = LoadBoth(b_.SMin(lo, last));
  const size_t num_sums = sums.size();
  sums.insert(sums.end(), first.begin(), first.end());
  const int at_once = config_.steps_at_once;
  const LoopRange range{lo, hi, b_.I32(at_once), CeilDiv(chunk, at_once)};
  std::vector<V> results = b_.For(range, sums, [&](V k_tile, std::span<const V> carried) {
    Elemental::Scope scope(c_.elemental);
    std::vector<V> values(carried.begin(), carried.end());
    for (int i = 1; i <= at_once; ++i) {
      values = Step(b_.SMin(b_.IAdd(k_tile, b_.I32(i)), last), values, num_sums);
    }
    return values;
  });
  results.resize(num_sums);
  return results;
}

std::vector<V> TileWalk::Step(V next_tile, std::span<const V> carried, size_t num_sums) {
  b_.Barrier();
  StoreBoth(carried.subspan(num_sums));
  b_.Barrier();
  const std::vector<V> next = LoadBoth(next_tile);
  std::vector<V> yielded = MultiplyTiles(std::vector<V>(carried.begin(), carried.begin() + num_sums));
  yielded.insert(yielded.end(), next.begin(), next.end());
  return yielded;
}

std::vector<V> TileWalk::LoadBoth(V k_tile) {
  const StagedTile lhs = lhs_loader_.Load(k_tile);
  const StagedTile rhs = rhs_loader_.Load(k_tile);
  std::vector<V> values = lhs_loader_.Flatten(lhs);
  num_lhs_values_ = values.size();
  const std::vector<V> more = rhs_loader_.Flatten(rhs);
  values.insert(values.end(), more.begin(), more.end());
  return values;
}

void TileWalk::StoreBoth(std::span<const V> staged) {
  Keep(StoreShared(lhs_loader_.Unflatten(staged.first(num_lhs_values_)),
                   rhs_loader_.Unflatten(staged.subspan(num_lhs_values_))));
}

void TileWalk::Keep(const Status& status) {
  if (c_.status.ok()) c_.status = status;
}

ResultTile TileWalk::StartResultTile() const {
  ResultTile tile;
  tile.rows_fit = c_.form.extent(ProductAxis::kM) % config_.tile_m == 0;
  tile.columns_fit = c_.form.extent(ProductAxis::kN) % config_.tile_n == 0;
  tile.batch = batch_;
  tile.split = split_;
  return tile;
}

}  // namespace dragoman::kernel
