// SPDX-License-Identifier: Apache-2.0
#include "lower/product/matrix_product.h"

#include <algorithm>

#include "lower/product/tile_walk.h"

namespace dragoman::kernel {
namespace {

// Words added to each line of a shared tile: 16 bytes, so that lines stay aligned and spread over the banks.
constexpr int kPaddingWords = 4;

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

// Whether the operand's bits in memory are what the unit takes.
TileLoader::Form LoadForm(const OperandMap& map, TileUnit unit) {
  const bool is_taken = map.converts.empty() && unit == TileUnit::kMatrix;
  return is_taken ? TileLoader::Form::kWords : TileLoader::Form::kPairs;
}

int ElementsOfWord(const ProductConfig& config) { return 4 / SizeBytes(config.matrix.input); }

// Halves of an element in shared memory.
int Planes(const ProductConfig& config) { return config.unit == TileUnit::kSplitMatrix ? 2 : 1; }

// One operand in shared memory: in each plane lines of words, along K or along its own axis as it was loaded.
class WordTile {
 public:
  WordTile(ProductContext& context, const TileLoader& loader, TileLoader::Form form, const ProductConfig& config,
           int first_word, int tile)
      : b_(context.builder),
        loader_(loader),
        form_(form),
        input_(config.matrix.input),
        of_word_(ElementsOfWord(config)),
        planes_(Planes(config)),
        first_word_(first_word),
        pitch_((loader.is_along_k() ? config.tile_k : tile) / ElementsOfWord(config) + kPaddingWords),
        lines_(loader.is_along_k() ? tile : config.tile_k) {}

  int end_word() const { return first_word_ + planes_ * lines_ * pitch_; }

  Status Store(const StagedTile& staged, int array) {
    for (int slot = 0; slot < loader_.num_slots(); ++slot) {
      ASSIGN_OR_RETURN(const std::vector<V> words, WordsOf(staged, slot));
      const int across = static_cast<int>(words.size()) / planes_;
      const V at = At(loader_.row(slot), loader_.k(slot), 0);
      for (int i = 0; i < across * planes_; ++i) {
        b_.StoreShared(array, b_.IAdd(at, b_.I32(i / across * lines_ * pitch_ + i % across)), words[i]);
      }
    }
    return OkStatus();
  }

  // The matrix whose first element is (row, k) of the tile's plane.
  V Load(KType type, int array, int plane, V row, V k) const {
    const bool is_column_major = loader_.is_along_k() == (type == KType::kMatrixB);
    return b_.MatrixLoad(type, array, At(row, k, plane), {static_cast<uint32_t>(pitch_), is_column_major});
  }

 private:
  V At(V row, V k, int plane) const {
    const V line = loader_.is_along_k() ? row : k;
    const V within = loader_.is_along_k() ? k : row;
    return b_.IAdd(b_.MulAdd(line, pitch_, b_.I32(first_word_ + plane * lines_ * pitch_)),
                   b_.UDiv(within, b_.I32(of_word_)));
  }

  StatusOr<std::vector<V>> WordsOf(const StagedTile& staged, int slot) const {
    if (form_ == TileLoader::Form::kWords) return loader_.Words(staged, slot);
    ASSIGN_OR_RETURN(const Lanes values, loader_.Convert(staged, slot));
    std::vector<V> words;
    const auto value = [&](size_t i) { return planes_ == 1 ? values[i].re : Quiet(values[i].re); };
    for (size_t i = 0; i + 1 < values.size(); i += 2) words.push_back(Pack(value(i), value(i + 1)));
    if (planes_ == 1) return words;
    for (size_t i = 0; i + 1 < values.size(); i += 2) {
      words.push_back(Pack(Remainder(values[i].re), Remainder(values[i + 1].re)));
    }
    return words;
  }

  // What Pack leaves of an f32, rounded to bf16; 0 of infinity and NaN.
  V Remainder(V value) const {
    const V bits = b_.Bitcast(value, KType::kI32);
    const V taken = b_.Bitcast(b_.And(bits, b_.I32(0xffff0000)), KType::kF32);
    const V rest = b_.Bitcast(b_.FSub(value, taken), KType::kI32);
    const V is_special = b_.IEq(b_.And(bits, b_.I32(0x7f800000)), b_.I32(0x7f800000));
    return b_.Bitcast(b_.Select(is_special, b_.I32(0), b_.IAdd(rest, b_.I32(0x8000))), KType::kF32);
  }

  // Both are f32: with values of the narrow type, or cut off to it.
  V Pack(V low, V high) const {
    const auto shift = [&](KOp op, V value) { return b_.Binary(op, value, b_.I32(16)); };
    if (input_ == DType::kBF16) {
      const V high_bits = b_.And(b_.Bitcast(high, KType::kI32), b_.I32(0xffff0000));
      return b_.Or(shift(KOp::kShrU, b_.Bitcast(low, KType::kI32)), high_bits);
    }
    const auto bits = [&](V value) { return b_.Convert(KOp::kF16Bits, value, KType::kI32); };
    return b_.Or(bits(low), shift(KOp::kShl, bits(high)));
  }

  // A NaN of low bits alone stays one when they are cut off.
  V Quiet(V value) const {
    const V quiet = b_.Bitcast(b_.Or(b_.Bitcast(value, KType::kI32), b_.I32(0x00400000)), KType::kF32);
    return b_.Select(b_.Convert(KOp::kIsNan, value, KType::kBool), quiet, value);
  }

  Builder& b_;
  const TileLoader& loader_;
  const TileLoader::Form form_;
  const DType input_;
  const int of_word_;
  const int planes_;
  int first_word_;
  int pitch_;
  int lines_;
};

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
      : MatrixEmitter(context, config, LoadForm(context.product.lhs, config.unit),
                      LoadForm(context.product.rhs, config.unit)) {}

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
  MatrixEmitter(ProductContext& context, const ProductConfig& config, TileLoader::Form lhs_form,
                TileLoader::Form rhs_form)
      : TileWalk(context, config, lhs_form, rhs_form),
        shape_(config.matrix),
        strip_(config),
        lhs_(context, lhs_loader_, lhs_form, config, 0, config.tile_m),
        rhs_(context, rhs_loader_, rhs_form, config, lhs_.end_word(), config.tile_n) {}

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
    for (int plane = 0; plane < Planes(config_); ++plane) {
      planes.push_back(tile.Load(type, array_, plane, row, b_.I32(k)));
    }
    return planes;
  }

  // The small terms first.
  V MultiplyAddPlanes(const std::vector<V>& lhs, const std::vector<V>& rhs, V sum) {
    if (lhs.size() == 2) {
      sum = b_.MatrixMulAdd(lhs[1], rhs[0], sum);
      sum = b_.MatrixMulAdd(lhs[0], rhs[1], sum);
    }
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
  if (!may_round || ElementType(product.lhs) != DType::kF32 || ElementType(product.rhs) != DType::kF32 ||
      !HasRuns(form, 2))
    return std::nullopt;
  return DType::kBF16;
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
  const int words = Planes(config) * (tile_words(config.tile_m) + tile_words(config.tile_n));
  return 4 * std::max<int64_t>(words, Subgroups(config) * Strip(config).words);
}

}  // namespace dragoman::kernel
