// SPDX-License-Identifier: Apache-2.0
#include "lower/product/direct_product.h"

#include <algorithm>
#include <map>

#include "base/arithmetic.h"
#include "lower/product/computed_operand.h"

namespace dragoman::kernel {
namespace {

// Invocations that exchange rows: a subgroup.
constexpr int kExchange = kExchangeSubgroup;
// The digits of the register tile's elements along one axis.
using DigitLists = std::vector<std::vector<V>>;

class DirectEmitter {
 public:
  DirectEmitter(ProductContext& context, const ProductConfig& config)
      : c_(context), b_(context.builder), config_(config), k_digits_(c_.form.DigitsOf(ProductAxis::kK)) {
    operands_.emplace_back(c_, c_.product.lhs, c_.form.lhs, ProductAxis::kM);
    operands_.emplace_back(c_, c_.product.rhs, c_.form.rhs, ProductAxis::kN);
    for (const ProductAxis axis : {ProductAxis::kBatch, ProductAxis::kM, ProductAxis::kN}) {
      if (axis != config.row_axis && axis != config.column_axis) rest_axis_ = axis;
    }
  }

  int64_t NumInvocations() const {
    if (config_.parts > 1) return CeilDiv(NumTiles(), int64_t{NumLanes()}) * config_.workgroup_size;
    return NumTiles() * (config_.exchanges_rows ? kExchange : 1);
  }

  // Sums that lie in shared memory at once, and what keeps them apart.
  int NumShared() const { return config_.rows / config_.rounds * config_.columns * SharedStride(); }
  void Emit() {
    if (config_.parts > 1) return EmitTogether();
    const V id = config_.exchanges_rows ? SubgroupId() : b_.GlobalIndex(config_.workgroup_size);
    b_.If(b_.ULt(id, b_.I32(NumTiles())), [&] {
      Elemental::Scope scope(c_.elemental);
      const At at = TileAt(id);
      split_ = at.split;
      Keep(StoreTile(c_, MakeTile(at, ToScalars(Sum(at), is_complex()))));
    });
  }

 private:
  struct Operand {
    Operand(ProductContext& context, const OperandMap& map, const LinearMap& linear, ProductAxis own)
        : reader(context, map, linear), own_axis(own) {}
    OperandReader reader;
    ProductAxis own_axis;
    bool by_row = false;
    bool by_column = false;
    int lanes = 1;                // columns loaded at once
    std::vector<Partial> places;  // one a distinct row and run of columns
  };

  int64_t RowTiles() const { return CeilDiv(c_.form.extent(config_.row_axis), config_.rows); }
  int64_t ColumnTiles() const { return CeilDiv(c_.form.extent(config_.column_axis), TileColumns()); }
  int64_t NumTiles() const { return RowTiles() * ColumnTiles() * c_.form.extent(rest_axis_) * c_.num_splits; }
  // Among the subgroups of all workgroups, which exchange rows.
  V SubgroupId() {
    if (b_.profile().subgroup_size_control) b_.RequireSubgroupSize(kExchange);
    lane_ = b_.Emit(KOp::kSubgroupLane, {}, KType::kI32);
    return b_.MulAdd(b_.WorkgroupIndex(), config_.workgroup_size / kExchange,
                     b_.Emit(KOp::kSubgroupIndex, {}, KType::kI32));
  }

  // Of an invocation, or of a subgroup that exchanges rows.
  int TileColumns() const { return config_.columns * (config_.exchanges_rows ? kExchange : 1); }
  // Where an invocation's tile is.
  struct At {
    V rest;
    V first_row;
    V first_column;
    V split;
  };

  At TileAt(V id) {
    const V column_tile = b_.URem(id, b_.I32(ColumnTiles()));
    id = b_.UDiv(id, b_.I32(ColumnTiles()));
    const V row_tile = b_.URem(id, b_.I32(RowTiles()));
    id = b_.UDiv(id, b_.I32(RowTiles()));
    const V rest = b_.URem(id, b_.I32(c_.form.extent(rest_axis_)));
    const V split = b_.UDiv(id, b_.I32(c_.form.extent(rest_axis_)));
    const V first_row = b_.IMul(row_tile, b_.I32(config_.rows));
    V first_column = b_.IMul(column_tile, b_.I32(TileColumns()));
    if (config_.exchanges_rows) first_column = b_.MulAdd(lane_, config_.columns, first_column);
    return {rest, first_row, first_column, split};
  }

  std::vector<V> Sum(const At& at) {
    PlaceOperands(at.rest, at.first_row, at.first_column);
    const Scalar zero = ZeroScalar(b_, c_.product.accumulator);
    const std::vector<Scalar> zeros(static_cast<size_t>(config_.rows) * config_.columns, zero);
    return Loop(0, ToValues(zeros, is_complex()), {operands_[0].places, operands_[1].places});
  }

  int NumLanes() const { return config_.workgroup_size / config_.parts; }
  V LaneTile(V lane) { return b_.MulAdd(b_.WorkgroupIndex(), NumLanes(), lane); }

  // A workgroup's invocations are parts of K times neighbouring tiles. Runs along K go round the parts; then every
  // invocation adds the parts of some results.
  void EmitTogether() {
    const V local = b_.LocalIndex();
    const V part = config_.along_k ? b_.URem(local, b_.I32(config_.parts)) : b_.UDiv(local, b_.I32(NumLanes()));
    const V lane = config_.along_k ? b_.UDiv(local, b_.I32(config_.parts)) : b_.URem(local, b_.I32(NumLanes()));
    const std::vector<V> sums = SumOfPart(TileAt(b_.UMin(LaneTile(lane), b_.I32(NumTiles() - 1))), part);
    const size_t at_once = sums.size() / config_.rounds;
    if (c_.computed >= 0) b_.Barrier();  // what was computed has been read
    const int array = c_.computed >= 0 ? c_.computed : b_.AddShared(sums[0].type, NumShared());
    const auto add = [&](V round, std::span<const V> own) {
      for (size_t i = 0; i < at_once; ++i) {
        const int64_t first = static_cast<int64_t>(i) * SharedStride();
        b_.StoreShared(array, b_.IAdd(SharedSlot(part, lane), b_.I32(first)), own[i]);
      }
      b_.Barrier();
      StoreSums(array, b_.IMul(round, b_.I32(config_.rows / config_.rounds)));
    };
    if (config_.rounds == 1) return add(b_.I32(0), sums);
    // The rows rotate, since they cannot be indexed.
    b_.For({b_.I32(0), b_.I32(config_.rounds), b_.I32(1), config_.rounds}, sums, [&](V round, std::span<const V> own) {
      add(round, own);
      b_.Barrier();
      std::vector<V> rotated(own.begin() + static_cast<std::ptrdiff_t>(at_once), own.end());
      rotated.insert(rotated.end(), own.begin(), own.begin() + static_cast<std::ptrdiff_t>(at_once));
      return rotated;
    });
  }

  void StoreSums(int array, V first_row) {
    const int64_t results = int64_t{config_.rows / config_.rounds} * config_.columns * NumLanes();
    const int size = config_.workgroup_size;
    b_.ForEach({b_.LocalIndex(), b_.I32(results), b_.I32(size), CeilDiv(results, size)}, [&](V result) {
      Elemental::Scope scope(c_.elemental);
      StoreSum(array, result, first_row);
    });
  }

  std::vector<V> SumOfPart(const At& at, V part) {
    PlaceOperands(at.rest, at.first_row, at.first_column);
    const int64_t extent = c_.form.extent(ProductAxis::kK), step = int64_t{config_.parts} * config_.unroll_k;
    const std::vector<Scalar> zeros(static_cast<size_t>(config_.rows) * config_.columns,
                                    ZeroScalar(b_, c_.product.accumulator));
    const V first = b_.IMul(part, b_.I32(config_.unroll_k));
    const auto add = [&](V k, std::span<const V> carried) {
      Elemental::Scope scope(c_.elemental);
      return MultiplyAddRun(carried, {operands_[0].places, operands_[1].places}, k);
    };
    // The driver sees how often a loop of few rounds comes round, and may load ahead.
    if (extent % step == 0 && extent / step <= 4) {
      return b_.For({b_.I32(0), b_.I32(extent / step), b_.I32(1), extent / step}, ToValues(zeros, false),
                    [&](V i, std::span<const V> carried) { return add(b_.MulAdd(i, step, first), carried); });
    }
    return b_.For({first, b_.I32(extent), b_.I32(step), CeilDiv(extent, step)}, ToValues(zeros, false), add);
  }

  // Sums lie in shared memory so that neither invocations that store nor those that add meet in a bank: a sum's parts
  // by lanes in the order of the invocations, then the next sum.
  int SharedStride() const { return config_.workgroup_size + NumLanes(); }
  V SharedSlot(V part, V lane) {
    return config_.along_k ? b_.MulAdd(lane, config_.parts + 1, part) : b_.MulAdd(part, NumLanes(), lane);
  }

  void StoreSum(int array, V result, V first_row) {
    const V column = b_.URem(result, b_.I32(config_.columns));
    result = b_.UDiv(result, b_.I32(config_.columns));
    const V lane = b_.URem(result, b_.I32(NumLanes()));
    const V row = b_.UDiv(result, b_.I32(NumLanes()));
    const V first = b_.MulAdd(b_.MulAdd(row, config_.columns, column), SharedStride(), SharedSlot(b_.I32(0), lane));
    const V id = LaneTile(lane);
    const Scalar sum = SumOfParts(array, first);
    b_.If(b_.ULt(id, b_.I32(NumTiles())), [&] {
      Elemental::Scope scope(c_.elemental);
      const At at = TileAt(id);
      ResultTile tile = MakeTile(at, {sum});
      tile.num_rows = tile.num_columns = tile.column_run = 1;
      tile.row_index = [row = b_.IAdd(at.first_row, b_.IAdd(first_row, row))](V) { return row; };
      tile.column_index = [column = b_.IAdd(at.first_column, column)](int) { return column; };
      Keep(StoreTile(c_, tile));
    });
  }

  Scalar SumOfParts(int array, V first) {
    const int together = std::min(config_.parts, 8), stride = config_.along_k ? 1 : NumLanes();
    const auto add = [&](V part, std::span<const V> carried) {
      std::vector<V> values;
      for (int i = 0; i < together; ++i)
        values.push_back(b_.LoadShared(array, b_.MulAdd(b_.IAdd(part, b_.I32(i)), stride, first)));
      Scalar sum = {carried[0], {}};
      for (const V value : values) sum = AddAccumulators(b_, c_.product.accumulator, sum, {value, {}});
      return std::vector<V>{sum.re};
    };
    const LoopRange range = {b_.I32(0), b_.I32(config_.parts), b_.I32(together), config_.parts / together};
    return {b_.For(range, {ZeroScalar(b_, c_.product.accumulator).re}, add)[0], {}};
  }

  ResultTile MakeTile(const At& at, std::vector<Scalar> accumulators) {
    ResultTile tile;
    tile.row_axis = config_.row_axis;
    tile.column_axis = config_.column_axis;
    tile.rest_axis = rest_axis_;
    tile.num_rows = config_.rows;
    tile.num_columns = config_.columns;
    tile.column_run = config_.columns;
    tile.rows_fit = c_.form.extent(config_.row_axis) % config_.rows == 0;
    tile.columns_fit = c_.form.extent(config_.column_axis) % TileColumns() == 0;
    tile.row_index = [this, first_row = at.first_row](V row) {
      return b_.IAdd(first_row, config_.exchanges_rows ? ExchangedRow(row) : row);
    };
    tile.column_index = [this, first = at.first_column](int column) { return b_.IAdd(first, b_.I32(column)); };
    tile.batch = at.rest;
    tile.split = at.split;
    tile.accumulators = std::move(accumulators);
    return tile;
  }

  // Which row of the subgroup's tile is row `row` of an invocation's. Where invocations load neighbouring rows, those
  // are of two eights of an invocation's tile.
  V ExchangedRow(V row) {
    const V mine = b_.Xor(row, lane_);
    if (!pairs_rows_) return mine;
    const V pair = b_.IMul(b_.And(mine, b_.I32(kExchange - 1)), b_.I32(2));
    const V second = b_.URem(b_.UDiv(row, b_.I32(kExchange)), b_.I32(2));
    return b_.IAdd(b_.And(row, b_.I32(-2 * kExchange)), b_.IAdd(pair, second));
  }

  bool PairsRows() const {
    const std::vector<int> digits = c_.form.DigitsOf(config_.row_axis);
    return b_.profile().loads_visit_lanes && config_.exchanges_rows && config_.rows % (2 * kExchange) == 0 &&
           operands_[0].own_axis == config_.row_axis && !digits.empty() &&
           operands_[0].reader.LanesAlong(digits.back()) > 1;
  }

  void PlaceOperands(V rest, V first_row, V first_column) {
    pairs_rows_ = PairsRows();
    const DigitLists rows = RowDigits(first_row);
    const DigitLists columns = TileDigits(config_.column_axis, first_column, config_.columns, TileColumns());
    const std::vector<V> rest_digits = DecodeAxis(b_, c_.form, rest_axis_, rest);
    for (Operand& operand : operands_) {
      const auto has = [&](ProductAxis axis) { return axis == ProductAxis::kBatch || axis == operand.own_axis; };
      operand.by_row = has(config_.row_axis);
      operand.by_column = has(config_.column_axis);
      operand.lanes = operand.by_column ? ColumnLanes(operand.reader) : 1;
      Partial base = operand.reader.Origin();
      if (has(rest_axis_)) base = operand.reader.StepAxis(base, rest_axis_, rest_digits);
      for (size_t u = 0; u < (operand.by_row ? rows.size() : 1); ++u) {
        const Partial row = operand.by_row ? operand.reader.StepAxis(base, config_.row_axis, rows[u]) : base;
        for (int v = 0; v < (operand.by_column ? config_.columns : 1); v += operand.lanes) {
          operand.places.push_back(operand.by_column ? operand.reader.StepAxis(row, config_.column_axis, columns[v])
                                                     : row);
        }
      }
    }
  }

  // The tile's elements follow each other in the innermost digit without carrying into the next.
  bool IsRun(ProductAxis axis, int count) const {
    const std::vector<int> digits = c_.form.DigitsOf(axis);
    return !digits.empty() && c_.form.digits[digits.back()].extent % count == 0;
  }

  int ColumnLanes(const OperandReader& reader) const {
    if (!IsRun(config_.column_axis, config_.columns)) return 1;
    const int width = reader.Width(c_.form.DigitsOf(config_.column_axis).back());
    return config_.columns % width == 0 ? width : config_.columns % 2 == 0 ? std::min(width, 2) : 1;
  }

  // The rows that the invocation loads: all of the tile's, every eighth, or the first of every eighth pair.
  DigitLists RowDigits(V first_row) {
    if (!config_.exchanges_rows) return TileDigits(config_.row_axis, first_row, config_.rows, config_.rows);
    DigitLists lists;
    const int64_t extent = c_.form.extent(config_.row_axis);
    const int at_once = pairs_rows_ ? 2 : 1;
    for (int u = 0; u < config_.rows; u += at_once * kExchange) {
      V flat = b_.MulAdd(lane_, at_once, b_.IAdd(first_row, b_.I32(u)));
      if (extent % config_.rows != 0) flat = b_.UMin(flat, b_.I32(extent - at_once));
      lists.push_back(DecodeAxis(b_, c_.form, config_.row_axis, flat));
    }
    return lists;
  }

  // Beyond the axis the last elements stand in; their sums are not stored. Tiles of `tile` elements follow each other.
  DigitLists TileDigits(ProductAxis axis, V first, int count, int tile) {
    DigitLists lists;
    const int64_t extent = c_.form.extent(axis);
    const bool is_run = IsRun(axis, count);
    if (is_run && extent % tile != 0) first = b_.UMin(first, b_.I32(extent - count));
    for (int i = 0; i < count; ++i) {
      V flat = b_.IAdd(first, b_.I32(i));
      if (is_run && i > 0) {
        lists.push_back(lists[0]);
        lists[i].back() = b_.IAdd(lists[0].back(), b_.I32(i));
        continue;
      }
      if (!is_run && extent % tile != 0) flat = b_.UMin(flat, b_.I32(extent - 1));
      lists.push_back(DecodeAxis(b_, c_.form, axis, flat));
    }
    return lists;
  }

  using Places = std::vector<std::vector<Partial>>;

  std::vector<V> Loop(size_t level, std::vector<V> sums, const Places& places) {
    if (level == k_digits_.size()) return MultiplyAddTile(sums, LoadTile(places));
    const size_t next_level = level == 0 && c_.num_splits > 1 ? config_.split_digits : level + 1;
    int64_t extent = 1;
    for (size_t i = level; i < next_level; ++i) extent *= c_.form.digits[k_digits_[i]].extent;
    V lo = b_.I32(0);
    V hi = b_.I32(extent);
    int64_t chunk = extent;
    if (level == 0 && c_.num_splits > 1) {
      chunk = CeilDiv(extent, c_.num_splits);
      lo = b_.IMul(split_, b_.I32(chunk));
      hi = b_.EndOfPart(lo, chunk, extent);
    }
    if (config_.slides && next_level == level + 1 && next_level == k_digits_.size() && chunk == extent)
      return Slide(std::move(sums), places, extent);
    if (next_level == level + 1 && next_level == k_digits_.size() && SuitsRuns(extent) && SuitsRuns(chunk)) {
      const LoopRange range = {lo, hi, b_.I32(config_.unroll_k), chunk / config_.unroll_k};
      return b_.For(range, std::move(sums), [&](V k, std::span<const V> carried) {
        Elemental::Scope scope(c_.elemental);
        return MultiplyAddRun(carried, places, k);
      });
    }
    return b_.For({lo, hi, b_.I32(1), chunk}, std::move(sums), [&](V k, std::span<const V> carried) {
      Elemental::Scope scope(c_.elemental);
      Places next = places;
      for (size_t i = next_level; i-- > level;) {
        const V of_digit = b_.I32(c_.form.digits[k_digits_[i]].extent);
        StepAll(next, k_digits_[i], i == level ? k : b_.URem(k, of_digit));
        if (i > level) k = b_.UDiv(k, of_digit);
      }
      for (size_t i = 0; i < operands_.size(); ++i) {
        if (PositionsDependOn(operands_[i].reader.linear(), std::span(k_digits_).subspan(next_level))) continue;
        for (const Partial& place : next[i]) operands_[i].reader.IsValid(place);
      }
      return Loop(next_level, std::vector<V>(carried.begin(), carried.end()), next);
    });
  }

  // All steps of K's last digit, loads first.
  std::vector<V> Slide(std::vector<V> sums, const Places& places, int64_t extent) {
    std::vector<std::vector<Lanes>> values(extent);  // by step, by operand
    for (size_t i = 0; i < operands_.size(); ++i) {
      std::map<std::vector<int64_t>, Lanes> loaded;
      for (int64_t k = 0; k < extent; ++k) {
        values[k].emplace_back();
        for (size_t place = 0; place < places[i].size(); ++place) {
          const auto [at, is_fresh] = loaded.try_emplace(WhereOf(operands_[i], static_cast<int64_t>(place), k));
          if (is_fresh) {
            const Partial stepped = operands_[i].reader.Step(places[i][place], k_digits_.back(), b_.I32(k));
            at->second = LoadConverted(operands_[i], stepped, operands_[i].lanes);
          }
          for (int lane = 0; lane < operands_[i].lanes; ++lane) values[k].back().push_back(Lane(at->second, lane));
        }
      }
    }
    for (const std::vector<Lanes>& step : values) sums = MultiplyAddTile(sums, step);
    return sums;
  }

  // Equal for what is the same element: how far step `k` of a place is from the first step of the first row.
  std::vector<int64_t> WhereOf(const Operand& operand, int64_t place, int64_t k) const {
    const int64_t runs = operand.by_column ? config_.columns / operand.lanes : 1;
    const int64_t row = place / runs;
    const int row_digit = c_.form.DigitsOf(config_.row_axis).back(), k_digit = k_digits_.back();
    const LinearMap& linear = operand.reader.linear();
    std::vector<int64_t> where = {place % runs, linear.factors[row_digit] * row + linear.factors[k_digit] * k};
    for (const PositionMap& position : linear.positions)
      where.push_back(position.factors[row_digit] * row + position.factors[k_digit] * k);
    return where;
  }

  void StepAll(Places& places, int digit, V value) {
    for (size_t i = 0; i < operands_.size(); ++i) {
      for (Partial& place : places[i]) place = operands_[i].reader.Step(place, digit, value);
    }
  }

  bool SuitsRuns(int64_t extent) const {
    // Elsewhere what is computed of a place once a step costs more than the loads that a run saves.
    const bool may_be_outside = b_.profile().loads_visit_lanes;
    const auto is_inside = [&](const Operand& operand) {
      const LinearMap& map = operand.reader.linear();
      return map.positions.empty() || (may_be_outside && !PositionsDependOn(map, std::span(k_digits_).last(1)));
    };
    return config_.unroll_k > 1 && extent % config_.unroll_k == 0 && std::ranges::all_of(operands_, is_inside);
  }

  // Steps of K from `k` on, in order. All is loaded before anything is used, so that one wait serves them all.
  std::vector<V> MultiplyAddRun(std::span<const V> carried, const Places& places, V k) {
    std::vector<std::vector<Lanes>> values(config_.unroll_k);  // by step, by operand
    std::vector<V> sums(carried.begin(), carried.end());
    for (size_t i = 0; i < operands_.size(); ++i) LoadRun(operands_[i], places[i], k, values);
    for (const std::vector<Lanes>& step : values) sums = MultiplyAddTile(sums, step);
    return sums;
  }

  void LoadRun(const Operand& operand, const std::vector<Partial>& places, V k,
               std::vector<std::vector<Lanes>>& values) {
    const int digit = k_digits_.back();
    const int width = std::min(operand.reader.LanesAlong(digit), config_.unroll_k);
    for (int first = 0; first < config_.unroll_k; first += width) {
      std::vector<Partial> at = places;
      for (Partial& place : at) place = operand.reader.Step(place, digit, b_.IAdd(k, b_.I32(first)));
      if (width == 1) {
        values[first].push_back(LoadAll(operand, at));
        continue;
      }
      for (int step = first; step < first + width; ++step) values[step].emplace_back();
      for (const Partial& place : at) {
        const Lanes loaded = LoadConverted(operand, place, width);
        for (int lane = 0; lane < width; ++lane) values[first + lane].back().push_back(Lane(loaded, lane));
      }
      if (!config_.exchanges_rows || !operand.by_row) continue;
      for (int step = first; step < first + width; ++step) values[step].back() = Exchange(values[step].back());
    }
  }

  std::vector<Lanes> LoadTile(const Places& places) {
    std::vector<Lanes> values;
    for (size_t i = 0; i < operands_.size(); ++i) values.push_back(LoadAll(operands_[i], places[i]));
    return values;
  }

  std::vector<V> MultiplyAddTile(std::span<const V> sums, const std::vector<Lanes>& values) {
    std::vector<Scalar> accumulators = ToScalars(sums, is_complex());
    const auto value_of = [&](int i, int u, int v) {
      const Operand& operand = operands_[i];
      const int row = operand.by_row ? u : 0;
      return values[i][operand.by_column ? row * config_.columns + v : row];
    };
    for (int u = 0; u < config_.rows; ++u) {
      for (int v = 0; v < config_.columns; ++v) {
        Scalar& sum = accumulators[u * config_.columns + v];
        sum = MultiplyAdd(b_, c_.product.accumulator, value_of(0, u, v), value_of(1, u, v), sum);
      }
    }
    return ToValues(accumulators, is_complex());
  }

  Lanes LoadConverted(const Operand& operand, const Partial& partial, int lanes) {
    const Place place = operand.reader.Locate(partial);
    const StatusOr<Lanes> converted = operand.reader.Convert(operand.reader.Load(place, lanes), place.is_valid);
    Keep(converted.status());
    return converted.ok() ? *converted : Lanes(lanes, ZeroScalar(b_, c_.product.accumulator));
  }

  Lanes LoadAll(const Operand& operand, const std::vector<Partial>& places) {
    Lanes all;
    const int lanes = pairs_rows_ && operand.by_row ? 2 : operand.lanes;
    for (const Partial& partial : places) {
      const Lanes loaded = LoadConverted(operand, partial, lanes);
      for (int lane = 0; lane < lanes; ++lane) all.push_back(Lane(loaded, lane));
    }
    return config_.exchanges_rows && operand.by_row ? Exchange(all) : all;
  }

  // Row u of an invocation's tile is row u ^ lane of the subgroup's.
  Lanes Exchange(const Lanes& own) {
    Lanes all;
    for (const Scalar& value : own) {
      all.push_back(value);
      for (int distance = 1; distance < kExchange; ++distance) {
        all.push_back({b_.Binary(KOp::kSubgroupShuffleXor, value.re, b_.I32(distance)), {}});
      }
    }
    return all;
  }

  void Keep(const Status& status) {
    if (c_.status.ok()) c_.status = status;
  }
  bool is_complex() const { return IsComplex(c_.product.accumulator); }
  ProductContext& c_;
  Builder& b_;
  const ProductConfig& config_;
  std::vector<int> k_digits_;
  std::vector<Operand> operands_;
  ProductAxis rest_axis_ = ProductAxis::kBatch;
  V lane_;
  V split_;
  bool pairs_rows_ = false;  // an invocation loads two neighbouring rows at once and exchanges them
};

}  // namespace

StatusOr<int64_t> EmitDirectProduct(ProductContext& context, const ProductConfig& config) {
  DirectEmitter emitter(context, config);
  if (context.product.lhs.is_computed || context.product.rhs.is_computed) {
    RETURN_IF_ERROR(ComputeOperand(context, config.workgroup_size, emitter.NumShared()));
  }
  emitter.Emit();
  RETURN_IF_ERROR(context.status);
  return CeilDiv(emitter.NumInvocations(), config.workgroup_size);
}

}  // namespace dragoman::kernel
