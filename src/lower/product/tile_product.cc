// SPDX-License-Identifier: Apache-2.0
#include "lower/product/tile_product.h"

#include <algorithm>

#include "lower/product/tile_walk.h"

namespace dragoman::kernel {
namespace {

// Elements added to each row of a shared tile: rows stay aligned to vectors of four while columns spread over banks.
constexpr int kSharedPadding = 4;
// A register tile of more rows (or columns) is spread over the workgroup's tile in runs of so many, so that
// neighbouring invocations read neighbouring words.
constexpr int kRun = 4;

// One operand in shared memory, element (k, row) at k * pitch + row.
class SharedTile {
 public:
  SharedTile(ProductContext& context, const TileLoader& loader, int tile, int tile_k)
      : b_(context.builder), loader_(loader), pitch_(tile + kSharedPadding) {
    const DType accumulator = context.product.accumulator;
    const KType type = ZeroScalar(b_, accumulator).re.type;
    for (int i = 0; i < (IsComplex(accumulator) ? 2 : 1); ++i) shared_.push_back(b_.AddShared(type, tile_k * pitch_));
  }

  Status Store(const StagedTile& staged) {
    for (int slot = 0; slot < loader_.num_slots(); ++slot) {
      ASSIGN_OR_RETURN(const Lanes values, loader_.Convert(staged, slot));
      for (int lane = 0; lane < loader_.lanes(); ++lane) {
        const V along = b_.I32(lane);
        const V row = loader_.is_along_k() ? loader_.row(slot) : b_.IAdd(loader_.row(slot), along);
        const V k = loader_.is_along_k() ? b_.IAdd(loader_.k(slot), along) : loader_.k(slot);
        const V at = b_.MulAdd(k, pitch_, row);
        b_.StoreShared(shared_[0], at, values[lane].re);
        if (shared_.size() == 2) b_.StoreShared(shared_[1], at, values[lane].im);
      }
    }
    return OkStatus();
  }

  Scalar Load(V k, V row) const {
    const V at = b_.MulAdd(k, pitch_, row);
    return {b_.LoadShared(shared_[0], at), shared_.size() == 2 ? b_.LoadShared(shared_[1], at) : V{}};
  }

 private:
  Builder& b_;
  const TileLoader& loader_;
  int pitch_;
  std::vector<int> shared_;
};

class TileEmitter : public TileWalk {
 public:
  TileEmitter(ProductContext& context, const ProductConfig& config)
      : TileWalk(context, config, TileLoader::Form::kElements, TileLoader::Form::kElements),
        lhs_(context, lhs_loader_, config.tile_m, config.tile_k),
        rhs_(context, rhs_loader_, config.tile_n, config.tile_k) {}

  Status Emit() {
    LocateWorkgroup();
    const V local = b_.LocalIndex();
    const int across = config_.tile_n / config_.columns;
    local_n_ = b_.URem(local, b_.I32(across));
    local_m_ = b_.UDiv(local, b_.I32(across));

    const std::vector<Scalar> zeros(static_cast<size_t>(config_.rows) * config_.columns,
                                    ZeroScalar(b_, c_.product.accumulator));
    std::vector<V> sums = SumOverK(ToValues(zeros, is_complex()));
    RETURN_IF_ERROR(c_.status);
    return StoreTile(c_, MakeTile(ToScalars(sums, is_complex())));
  }

 private:
  Status StoreShared(const StagedTile& lhs, const StagedTile& rhs) override {
    RETURN_IF_ERROR(lhs_.Store(lhs));
    return rhs_.Store(rhs);
  }

  std::vector<V> MultiplyTiles(std::vector<V> sums) override {
    const auto steps = [&](V first, std::span<const V> carried) {
      std::vector<Scalar> accumulators = ToScalars(carried, is_complex());
      for (int i = 0; i < config_.unroll_k; ++i) MultiplyStep(b_.IAdd(first, b_.I32(i)), accumulators);
      return ToValues(accumulators, is_complex());
    };
    if (config_.unroll_k == config_.tile_k) return steps(b_.I32(0), sums);
    return b_.For(b_.I32(0), b_.I32(config_.tile_k), b_.I32(config_.unroll_k), std::move(sums), steps);
  }

  void MultiplyStep(V k, std::vector<Scalar>& accumulators) {
    std::vector<Scalar> lhs;
    std::vector<Scalar> rhs;
    for (int i = 0; i < config_.rows; ++i)
      lhs.push_back(lhs_.Load(k, Spread(local_m_, config_.tile_m, config_.rows, i)));
    for (int j = 0; j < config_.columns; ++j) {
      rhs.push_back(rhs_.Load(k, Spread(local_n_, config_.tile_n, config_.columns, j)));
    }
    for (int i = 0; i < config_.rows; ++i) {
      for (int j = 0; j < config_.columns; ++j) {
        Scalar& sum = accumulators[i * config_.columns + j];
        sum = MultiplyAdd(b_, c_.product.accumulator, lhs[i], rhs[j], sum);
      }
    }
  }

  // Where element i of an invocation's `count` lies in the tile.
  V Spread(V local, int tile, int count, int i) {
    if (count <= kRun) return b_.MulAdd(local, count, b_.I32(i));
    return b_.MulAdd(local, kRun, b_.I32(i / kRun * (tile / (count / kRun)) + i % kRun));
  }

  V SpreadRow(V i) {
    if (config_.rows <= kRun) return b_.MulAdd(local_m_, config_.rows, i);
    const V run = b_.MulAdd(b_.UDiv(i, b_.I32(kRun)), config_.tile_m / (config_.rows / kRun), b_.URem(i, b_.I32(kRun)));
    return b_.MulAdd(local_m_, kRun, run);
  }

  ResultTile MakeTile(std::vector<Scalar> accumulators) {
    ResultTile tile = StartResultTile();
    tile.num_rows = config_.rows;
    tile.num_columns = config_.columns;
    tile.column_run = std::min(config_.columns, kRun);
    tile.row_index = [this](V row) { return b_.IAdd(first_m_, SpreadRow(row)); };
    tile.column_index = [this](int column) {
      return b_.IAdd(first_n_, Spread(local_n_, config_.tile_n, config_.columns, column));
    };
    tile.accumulators = std::move(accumulators);
    return tile;
  }

  bool is_complex() const { return IsComplex(c_.product.accumulator); }

  SharedTile lhs_;
  SharedTile rhs_;
  V local_m_;
  V local_n_;
};

}  // namespace

StatusOr<int64_t> EmitTileProduct(ProductContext& context, const ProductConfig& config) {
  TileEmitter emitter(context, config);
  RETURN_IF_ERROR(emitter.Emit());
  return emitter.NumWorkgroups();
}

int64_t TileSharedBytes(const ProductConfig& config, DType accumulator) {
  return int64_t{config.tile_k} * (config.tile_m + config.tile_n + 2 * kSharedPadding) * SizeBytes(accumulator);
}

}  // namespace dragoman::kernel
