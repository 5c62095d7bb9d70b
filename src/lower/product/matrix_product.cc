// SPDX-License-Identifier: Apache-2.0
#include "lower/product/matrix_product.h"

#include <algorithm>

#include "lower/product/tile_walk.h"
#include "lower/product/word_tile.h"

namespace dragoman::kernel {
namespace {

DType ElementType(const OperandMap& map) { return map.converts.empty() ? map.value->type.dtype : map.converts.back(); }

// So many neighbours of both operands can be loaded at once.
bool HasRuns(const ProductForm& form, int width) {
  return TileLoadWidth(form, form.lhs, ProductAxis::kM, width) == width &&
         TileLoadWidth(form, form.rhs, ProductAxis::kN, width) == width;
}

// Integers that the unit takes as they lie in memory.
bool IsOfBytes(const OperandMap& map) { return map.converts.empty() && map.value->type.dtype == DType::kS8; }

// The 16-bit type that an operand's elements have. One that a float32 product widens stays on the scalar units: the
// sums of matrix units are rounded otherwise, and what is fused must not change results.
std::optional<DType> NarrowType(const OperandMap& map) {
  const DType type = ElementType(map);
  return type == DType::kF16 || type == DType::kBF16 ? std::optional(type) : std::nullopt;
}

// What is the sum of two bf16, or one.
bool IsHalved(DType type) { return type == DType::kF32 || type == DType::kBF16; }

int ElementsOfWord(const ProductConfig& config) { return 4 / SizeBytes(config.matrix.input); }

// Halves of an element in shared memory: a bf16 beside float32 is its own first half.
int Planes(const ProductConfig& config, const OperandMap& map) {
  return config.unit == TileUnit::kSplitMatrix && ElementType(map) != DType::kBF16 ? 2 : 1;
}

// How a subgroup hands its results on: a strip of one matrix's rows at a time goes to shared memory, from where each
// invocation takes runs of `run` columns.
struct Strip {
  explicit Strip(const ProductConfig& config)
      : pitch(config.columns + kPaddingWords),
        words(config.matrix.m * pitch),
        across(config.columns / run),
        rows_at_once(std::max(1, config.subgroup_size / across)) {}
  static constexpr int run = 4;
  int pitch;         // words of a row
  int words;         // of the strip
  int across;        // invocations that take a row
  int rows_at_once;  // that the subgroup takes
};

int Subgroups(const ProductConfig& config) { return config.tile_m / config.rows * (config.tile_n / config.columns); }

class MatrixEmitter : public TileWalk {
 public:
  MatrixEmitter(ProductContext& context, const ProductConfig& config)
      : MatrixEmitter(context, config, Planes(config, context.product.lhs), Planes(config, context.product.rhs)) {}

  Status Emit() {
    b_.RequireSubgroupSize(config_.subgroup_size);
    b_.SetMatrixShape(shape_);
    array_ = b_.AddShared(KType::kI32, std::max(rhs_.end_word(), Subgroups(config_) * strip_.words));
    LocateWorkgroup();
    const V subgroup = b_.Emit(KOp::kSubgroupIndex, {}, KType::kI32);
    subgroup_row_ = b_.IMul(b_.UDiv(subgroup, b_.I32(SubgroupsN())), b_.I32(config_.rows));
    subgroup_column_ = b_.IMul(b_.URem(subgroup, b_.I32(SubgroupsN())), b_.I32(config_.columns));
    const std::vector<V> zeros(static_cast<size_t>(RowMatrices()) * ColumnMatrices(), b_.MatrixZero());
    const std::vector<V> sums = SumOverK(zeros);
    RETURN_IF_ERROR(c_.status);
    b_.ForEach(b_.I32(0), b_.I32(RowMatrices()), b_.I32(1), [&](V row_matrix) {
      Elemental::Scope scope(c_.elemental);
      StoreStrip(row_matrix, subgroup, sums);
    });
    return c_.status;
  }

 private:
  MatrixEmitter(ProductContext& context, const ProductConfig& config, int lhs_planes, int rhs_planes)
      : TileWalk(context, config, LoadFormOf(context.product.lhs, lhs_planes),
                 LoadFormOf(context.product.rhs, rhs_planes)),
        shape_(config.matrix),
        strip_(config),
        lhs_(context, lhs_loader_, WordsOf(config, context.product.lhs, config.tile_m), 0),
        rhs_(context, rhs_loader_, WordsOf(config, context.product.rhs, config.tile_n), lhs_.end_word()) {}

  static WordForm WordsOf(const ProductConfig& config, const OperandMap& map, int tile) {
    const int planes = Planes(config, map);
    return {LoadFormOf(map, planes), config.matrix.input, planes, config.tile_k, tile};
  }

  int RowMatrices() const { return config_.rows / shape_.m; }
  int ColumnMatrices() const { return config_.columns / shape_.n; }
  int SubgroupsN() const { return config_.tile_n / config_.columns; }

  Status StoreShared(const StagedTile& lhs, const StagedTile& rhs) override {
    RETURN_IF_ERROR(lhs_.Store(lhs, array_));
    return rhs_.Store(rhs, array_);
  }

  std::vector<V> MultiplyTiles(std::vector<V> sums) override {
    for (int k = 0; k < config_.tile_k; k += shape_.k) {
      std::vector<std::vector<V>> lhs;
      for (int i = 0; i < RowMatrices(); ++i) {
        lhs.push_back(LoadPlanes(lhs_, KType::kMatrixA, b_.IAdd(subgroup_row_, b_.I32(i * shape_.m)), k));
      }
      for (int j = 0; j < ColumnMatrices(); ++j) {
        const V column = b_.IAdd(subgroup_column_, b_.I32(j * shape_.n));
        const std::vector<V> rhs = LoadPlanes(rhs_, KType::kMatrixB, column, k);
        for (int i = 0; i < RowMatrices(); ++i) {
          V& sum = sums[i * ColumnMatrices() + j];
          sum = MultiplyAddPlanes(lhs[i], rhs, sum);
        }
      }
    }
    return sums;
  }

  std::vector<V> LoadPlanes(const WordTile& tile, KType type, V row, int k) {
    std::vector<V> planes;
    for (int plane = 0; plane < tile.planes(); ++plane) {
      planes.push_back(tile.Load(type, array_, plane, row, b_.I32(k)));
    }
    return planes;
  }

  // The small terms first.
  V MultiplyAddPlanes(const std::vector<V>& lhs, const std::vector<V>& rhs, V sum) {
    if (lhs.size() == 2) sum = b_.MatrixMulAdd(lhs[1], rhs[0], sum);
    if (rhs.size() == 2) sum = b_.MatrixMulAdd(lhs[0], rhs[1], sum);
    return b_.MatrixMulAdd(lhs[0], rhs[0], sum);
  }

  void StoreStrip(V row_matrix, V subgroup, std::span<const V> sums) {
    b_.Barrier();  // the tiles, or the strip before, were read
    const V first = b_.IMul(subgroup, b_.I32(strip_.words));
    for (int i = 0; i < RowMatrices(); ++i) {
      b_.If(b_.IEq(row_matrix, b_.I32(i)), [&] {
        for (int j = 0; j < ColumnMatrices(); ++j) {
          b_.MatrixStore(array_, b_.IAdd(first, b_.I32(j * shape_.n)), sums[i * ColumnMatrices() + j],
                         {static_cast<uint32_t>(strip_.pitch), false});
        }
      });
    }
    b_.Barrier();
    const Status status = StoreTile(c_, StripTile(row_matrix));
    Keep(status);
  }

  // What one invocation takes of the strips; which of them it takes is a matter of its index alone.
  ResultTile StripTile(V row_matrix) {
    const V local = b_.LocalIndex();
    const V part = b_.UDiv(local, b_.I32(config_.subgroup_size));
    const V lane = b_.URem(local, b_.I32(config_.subgroup_size));
    const V column = b_.IMul(b_.URem(lane, b_.I32(strip_.across)), b_.I32(Strip::run));
    const V first_row = b_.UDiv(lane, b_.I32(strip_.across));
    const auto strip_row = [this, first_row](V row) { return b_.MulAdd(row, strip_.rows_at_once, first_row); };
    const V part_row = b_.IMul(b_.UDiv(part, b_.I32(SubgroupsN())), b_.I32(config_.rows));
    const V part_column = b_.IMul(b_.URem(part, b_.I32(SubgroupsN())), b_.I32(config_.columns));
    const V base_row = b_.IAdd(first_m_, b_.MulAdd(row_matrix, shape_.m, part_row));
    const V base_column = b_.IAdd(first_n_, b_.IAdd(part_column, column));

    ResultTile tile = StartResultTile();
    tile.num_rows = shape_.m / strip_.rows_at_once;
    tile.num_columns = Strip::run;
    tile.column_run = Strip::run;
    tile.row_index = [=, this](V row) { return b_.IAdd(base_row, strip_row(row)); };
    tile.column_index = [=, this](int i) { return b_.IAdd(base_column, b_.I32(i)); };
    tile.load_row = [=, this](V row) {
      const V first = b_.IAdd(b_.IMul(part, b_.I32(strip_.words)), b_.MulAdd(strip_row(row), strip_.pitch, column));
      std::vector<Scalar> values;
      for (int i = 0; i < Strip::run; ++i) {
        const V bits = b_.LoadShared(array_, b_.IAdd(first, b_.I32(i)));
        values.push_back({IsInteger(shape_.accumulator) ? bits : b_.Bitcast(bits, KType::kF32), {}});
      }
      return values;
    };
    return tile;
  }

  const target::MatrixShape& shape_;
  const Strip strip_;
  WordTile lhs_;
  WordTile rhs_;
  int array_ = -1;
  V subgroup_row_;  // within the tile
  V subgroup_column_;
};

}  // namespace

std::optional<DType> MatrixInput(const Product& product, const ProductForm& form) {
  if (product.accumulator == DType::kS32) {
    const bool is_taken = IsOfBytes(product.lhs) && IsOfBytes(product.rhs) && HasRuns(form, 4);
    return is_taken ? std::optional(DType::kS8) : std::nullopt;
  }
  if (product.accumulator != DType::kF32) return std::nullopt;
  const std::optional<DType> lhs = NarrowType(product.lhs);
  if (!lhs.has_value() || lhs != NarrowType(product.rhs) || !HasRuns(form, 2)) return std::nullopt;
  return lhs;
}

std::optional<DType> SplitInput(const Product& product, const ProductForm& form) {
  const bool may_round = product.accumulator == DType::kF32 && product.precision != Precision::kHighest;
  const DType lhs = ElementType(product.lhs), rhs = ElementType(product.rhs);
  const bool is_taken = IsHalved(lhs) && IsHalved(rhs) && (lhs == DType::kF32 || rhs == DType::kF32);
  return may_round && is_taken && HasRuns(form, 2) ? std::optional(DType::kBF16) : std::nullopt;
}

StatusOr<int64_t> EmitMatrixProduct(ProductContext& context, const ProductConfig& config) {
  MatrixEmitter emitter(context, config);
  RETURN_IF_ERROR(emitter.Emit());
  return emitter.NumWorkgroups();
}

bool StripFits(const ProductConfig& config) {
  const Strip strip(config);
  return strip.across <= config.subgroup_size && config.matrix.m % strip.rows_at_once == 0;
}

bool FillsWorkgroup(const ProductConfig& config) {
  const int least = std::min(config.tile_m, config.tile_n) * config.tile_k / ElementsOfWord(config);
  return least >= config.workgroup_size;
}

int64_t MatrixSharedBytes(const ProductConfig& config) {
  const auto tile_words = [&](int tile) {
    const int of_word = ElementsOfWord(config);
    return std::max(tile * (config.tile_k / of_word + kPaddingWords), config.tile_k * (tile / of_word + kPaddingWords));
  };
  const int planes = config.unit == TileUnit::kSplitMatrix ? 2 : 1;
  const int words = planes * (tile_words(config.tile_m) + tile_words(config.tile_n));
  return 4 * std::max<int64_t>(words, Subgroups(config) * Strip(config).words);
}

}  // namespace dragoman::kernel
