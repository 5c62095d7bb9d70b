// SPDX-License-Identifier: Apache-2.0
#include "kernel/tile_product.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace dragoman::kernel {
namespace {

// Elements added to each row of a shared tile: rows stay aligned to vectors of four while columns spread over banks.
constexpr int kSharedPadding = 4;
// A register tile of more rows (or columns) is spread over the workgroup's tile in runs of so many, so that
// neighbouring invocations read neighbouring words.
constexpr int kRun = 4;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// What one invocation holds of a tile on its way from memory: loaded elements and, where it can be false, whether they
// count.
struct Staged {
  std::vector<Lanes> loaded;  // one a slot
  std::vector<V> is_valid;    // empty: all are
};

// One operand's way into shared memory.
class TileLoader {
 public:
  TileLoader(ProductContext& context, const ProductConfig& config, const OperandMap& map, const LinearMap& linear,
             ProductAxis axis)
      : c_(context),
        b_(context.builder),
        config_(config),
        reader_(context, map, linear),
        axis_(axis),
        tile_(axis == ProductAxis::kM ? config.tile_m : config.tile_n),
        pitch_(tile_ + kSharedPadding) {
    ChooseOrder();
    const int elements = config.tile_k * tile_;
    while (elements / lanes_ < config.workgroup_size && lanes_ > 1) lanes_ /= 2;
    num_slots_ = std::max(1, elements / lanes_ / config.workgroup_size);
    has_validity_ = c_.form.extent(ProductAxis::kK) % config.tile_k != 0;
    for (const PositionMap& position : linear.positions) has_validity_ |= position.is_checked;
    const KType type = ZeroScalar(b_, c_.product.accumulator).re.type;
    for (int i = 0; i < (IsComplex(c_.product.accumulator) ? 2 : 1); ++i) {
      shared_.push_back(b_.AddShared(type, config.tile_k * pitch_));
    }
  }

  // Once, before the loop: which rows this invocation loads.
  void Begin(V local, V batch, V first_row) {
    const std::vector<V> batch_digits = DecodeAxis(b_, c_.form, ProductAxis::kBatch, batch);
    const Partial origin = reader_.StepAxis(reader_.Origin(), ProductAxis::kBatch, batch_digits);
    for (int slot = 0; slot < num_slots_; ++slot) {
      PlaceSlot(local, slot);
      V row = b_.IAdd(first_row, rows_[slot]);
      const int64_t extent = c_.form.extent(axis_);
      // Beyond the axis the last elements stand in; their sums are not stored.
      if (extent % tile_ != 0) row = b_.UMin(row, b_.I32(extent - (along_k_ ? 1 : lanes_)));
      bases_.push_back(reader_.StepAxis(origin, axis_, DecodeAxis(b_, c_.form, axis_, row)));
    }
  }

  StatusOr<Staged> Load(V k_tile) {
    Staged staged;
    const V first_k = b_.IMul(k_tile, b_.I32(config_.tile_k));
    const int64_t extent = c_.form.extent(ProductAxis::kK);
    for (int slot = 0; slot < num_slots_; ++slot) {
      V k = b_.IAdd(first_k, ks_[slot]);
      V is_inside = b_.Bool(true);
      if (extent % config_.tile_k != 0) {
        is_inside = b_.ULt(k, b_.I32(extent));
        k = b_.UMin(k, b_.I32(extent - (along_k_ ? lanes_ : 1)));
      }
      const std::vector<V> digits = DecodeAxis(b_, c_.form, ProductAxis::kK, k);
      const Place place = reader_.Locate(reader_.StepAxis(bases_[slot], ProductAxis::kK, digits));
      ASSIGN_OR_RETURN(Lanes loaded, reader_.Load(place, lanes_));
      if (static_cast<int>(loaded.size()) < lanes_) loaded.resize(lanes_, loaded[0]);
      staged.loaded.push_back(std::move(loaded));
      if (has_validity_) staged.is_valid.push_back(b_.And(is_inside, place.is_valid));
    }
    return staged;
  }

  Status StoreShared(const Staged& staged) {
    for (int slot = 0; slot < num_slots_; ++slot) {
      const V is_valid = has_validity_ ? staged.is_valid[slot] : b_.Bool(true);
      ASSIGN_OR_RETURN(const Lanes values, reader_.Convert(staged.loaded[slot], is_valid));
      for (int lane = 0; lane < lanes_; ++lane) {
        const V row = along_k_ ? rows_[slot] : b_.IAdd(rows_[slot], b_.I32(lane));
        const V k = along_k_ ? b_.IAdd(ks_[slot], b_.I32(lane)) : ks_[slot];
        const V at = b_.MulAdd(k, pitch_, row);
        b_.StoreShared(shared_[0], at, values[lane].re);
        if (shared_.size() == 2) b_.StoreShared(shared_[1], at, values[lane].im);
      }
    }
    return OkStatus();
  }

  Scalar LoadShared(V k, V row) const {
    const V at = b_.MulAdd(k, pitch_, row);
    return {b_.LoadShared(shared_[0], at), shared_.size() == 2 ? b_.LoadShared(shared_[1], at) : V{}};
  }

  // To and from loop-carried values.
  std::vector<V> Flatten(const Staged& staged) const {
    std::vector<V> values;
    for (const Lanes& lanes : staged.loaded) {
      const std::vector<V> flat = ToValues(lanes, reader_.num_components() == 2);
      values.insert(values.end(), flat.begin(), flat.end());
    }
    values.insert(values.end(), staged.is_valid.begin(), staged.is_valid.end());
    return values;
  }

  Staged Unflatten(std::span<const V> values) const {
    Staged staged;
    const size_t step = static_cast<size_t>(lanes_) * reader_.num_components();
    for (int slot = 0; slot < num_slots_; ++slot) {
      staged.loaded.push_back(ToScalars(values.subspan(slot * step, step), reader_.num_components() == 2));
    }
    if (has_validity_) staged.is_valid.assign(values.begin() + num_slots_ * step, values.end());
    return staged;
  }

 private:
  // Consecutive invocations load along the dimension that is contiguous in memory.
  void ChooseOrder() {
    const std::vector<int> k = c_.form.DigitsOf(ProductAxis::kK);
    const std::vector<int> rows = c_.form.DigitsOf(axis_);
    const auto step = [&](const std::vector<int>& digits) {
      return digits.empty() ? INT64_MAX : std::abs(reader_.linear().factors[digits.back()]);
    };
    along_k_ = step(k) < step(rows);
    const std::vector<int>& contiguous = along_k_ ? k : rows;
    lanes_ = contiguous.empty() || IsComplex(c_.product.accumulator) ? 1 : reader_.Width(contiguous.back());
    if (reader_.num_components() == 2) lanes_ = 1;
    lanes_ = std::min(lanes_, along_k_ ? config_.tile_k : tile_);
  }

  void PlaceSlot(V local, int slot) {
    const int size = config_.workgroup_size;
    const int across = (along_k_ ? config_.tile_k : tile_) / lanes_;  // loads that one line of the tile takes
    V line;
    V within;
    if (across <= size) {
      within = b_.URem(local, b_.I32(across));
      line = b_.IAdd(b_.UDiv(local, b_.I32(across)), b_.I32(slot * (size / across)));
    } else {
      within = b_.IAdd(local, b_.I32(slot % (across / size) * size));
      line = b_.I32(slot / (across / size));
    }
    within = b_.IMul(within, b_.I32(lanes_));
    // A small tile has fewer elements than the workgroup invocations: the surplus loads the last line once more.
    if (config_.tile_k * tile_ / lanes_ < size) line = b_.UMin(line, b_.I32((along_k_ ? tile_ : config_.tile_k) - 1));
    rows_.push_back(along_k_ ? line : within);
    ks_.push_back(along_k_ ? within : line);
  }

  ProductContext& c_;
  Builder& b_;
  const ProductConfig& config_;
  OperandReader reader_;
  ProductAxis axis_;
  int tile_;
  int pitch_;
  bool along_k_ = false;
  int lanes_ = 1;
  int num_slots_ = 1;
  bool has_validity_ = false;
  std::vector<int> shared_;
  std::vector<V> rows_;  // within the tile, one a slot
  std::vector<V> ks_;
  std::vector<Partial> bases_;
};

class TileEmitter {
 public:
  TileEmitter(ProductContext& context, const ProductConfig& config)
      : c_(context),
        b_(context.builder),
        config_(config),
        lhs_(context, config, context.product.lhs, context.form.lhs, ProductAxis::kM),
        rhs_(context, config, context.product.rhs, context.form.rhs, ProductAxis::kN) {}

  int64_t NumWorkgroups() const { return TilesM() * TilesN() * c_.form.extent(ProductAxis::kBatch) * c_.num_splits; }

  Status Emit() {
    LocateWorkgroup();
    const V local = b_.LocalIndex();
    lhs_.Begin(local, batch_, first_m_);
    rhs_.Begin(local, batch_, first_n_);
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
  int64_t TilesM() const { return CeilDiv(c_.form.extent(ProductAxis::kM), config_.tile_m); }
  int64_t TilesN() const { return CeilDiv(c_.form.extent(ProductAxis::kN), config_.tile_n); }
  int64_t TilesK() const { return CeilDiv(c_.form.extent(ProductAxis::kK), config_.tile_k); }

  // Neighbouring workgroups share operands: blocks of up to eight tiles along M, then along N.
  void LocateWorkgroup() {
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
  }

  std::vector<V> SumOverK(std::vector<V> sums) {
    const int64_t tiles = TilesK();
    if (tiles == 0) return sums;
    if (tiles == 1 && c_.num_splits == 1) {
      const std::optional<std::vector<V>> staged = LoadBoth(b_.I32(0));
      if (!staged.has_value()) return sums;
      StoreBoth(*staged);
      b_.Barrier();
      return MultiplyTiles(std::move(sums));
    }
    const int64_t chunk = CeilDiv(tiles, c_.num_splits);
    const V lo = b_.IMul(split_, b_.I32(chunk));
    const V hi = c_.num_splits == 1 ? b_.I32(tiles) : b_.SMin(b_.IAdd(lo, b_.I32(chunk)), b_.I32(tiles));
    const V last = b_.ISub(hi, b_.I32(1));
    const std::optional<std::vector<V>> first = LoadBoth(b_.SMin(lo, last));
    if (!first.has_value()) return sums;
    const size_t num_sums = sums.size();
    sums.insert(sums.end(), first->begin(), first->end());
    std::vector<V> results = b_.For(lo, hi, b_.I32(1), sums, [&](V k_tile, std::span<const V> carried) {
      Elemental::Scope scope(c_.elemental);
      return Step(b_.SMin(b_.IAdd(k_tile, b_.I32(1)), last), carried, num_sums);
    });
    results.resize(num_sums);
    return results;
  }

  std::vector<V> Step(V next_tile, std::span<const V> carried, size_t num_sums) {
    b_.Barrier();
    StoreBoth(carried.subspan(num_sums));
    b_.Barrier();
    const std::optional<std::vector<V>> next = LoadBoth(next_tile);
    if (!next.has_value()) return std::vector<V>(carried.begin(), carried.end());
    std::vector<V> yielded = MultiplyTiles(std::vector<V>(carried.begin(), carried.begin() + num_sums));
    yielded.insert(yielded.end(), next->begin(), next->end());
    return yielded;
  }

  std::optional<std::vector<V>> LoadBoth(V k_tile) {
    const StatusOr<Staged> lhs = lhs_.Load(k_tile);
    const StatusOr<Staged> rhs = rhs_.Load(k_tile);
    Keep(lhs.status());
    Keep(rhs.status());
    if (!lhs.ok() || !rhs.ok()) return std::nullopt;
    std::vector<V> values = lhs_.Flatten(*lhs);
    num_lhs_values_ = values.size();
    const std::vector<V> more = rhs_.Flatten(*rhs);
    values.insert(values.end(), more.begin(), more.end());
    return values;
  }

  void StoreBoth(std::span<const V> staged) {
    Keep(lhs_.StoreShared(lhs_.Unflatten(staged.first(num_lhs_values_))));
    Keep(rhs_.StoreShared(rhs_.Unflatten(staged.subspan(num_lhs_values_))));
  }

  std::vector<V> MultiplyTiles(std::vector<V> sums) {
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
      lhs.push_back(lhs_.LoadShared(k, Spread(local_m_, config_.tile_m, config_.rows, i)));
    for (int j = 0; j < config_.columns; ++j) {
      rhs.push_back(rhs_.LoadShared(k, Spread(local_n_, config_.tile_n, config_.columns, j)));
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
    ResultTile tile;
    tile.num_rows = config_.rows;
    tile.num_columns = config_.columns;
    tile.column_run = std::min(config_.columns, kRun);
    tile.rows_fit = c_.form.extent(ProductAxis::kM) % config_.tile_m == 0;
    tile.columns_fit = c_.form.extent(ProductAxis::kN) % config_.tile_n == 0;
    tile.row_index = [this](V row) { return b_.IAdd(first_m_, SpreadRow(row)); };
    tile.column_index = [this](int column) {
      return b_.IAdd(first_n_, Spread(local_n_, config_.tile_n, config_.columns, column));
    };
    tile.batch = batch_;
    tile.split = split_;
    tile.accumulators = std::move(accumulators);
    return tile;
  }

  void Keep(const Status& status) {
    if (c_.status.ok()) c_.status = status;
  }
  bool is_complex() const { return IsComplex(c_.product.accumulator); }

  ProductContext& c_;
  Builder& b_;
  const ProductConfig& config_;
  TileLoader lhs_;
  TileLoader rhs_;
  size_t num_lhs_values_ = 0;
  V batch_;
  V split_;
  V first_m_;
  V first_n_;
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
