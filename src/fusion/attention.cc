// SPDX-License-Identifier: Apache-2.0
#include "fusion/attention.h"

#include <algorithm>
#include <bit>
#include <unordered_set>

#include "fusion/score_product.h"
#include "target/matrix_units.h"
#include "types/scalar_ops.h"

namespace dragoman::fusion {
namespace {

constexpr int kInvocationsOfRow = 4;        // of a subgroup share a row of scores, in pairs of columns
constexpr double kShareOfRegisters = 0.63;  // that the operands of its own rows and the results may take
constexpr int kMaxAttentionDepth = 128;

// The more rows a subgroup has, the less often operands are read from shared memory; the first that fits is taken.
struct TileSize {
  int rows;
  int swept;
};
constexpr TileSize kTileSizes[] = {{32, 64}, {32, 32}, {16, 64}, {16, 32}, {16, 16}};
constexpr int kSmallRows = 16;
constexpr int kWorkgroupsOfUnit = 2;  // that large tiles must leave

// An operand's matrix in shared memory, whichever way its lines run.
int TileWords(int planes, int depth, int tile) {
  return planes * std::max(tile * (depth / 2 + kAttentionPadding), depth * (tile / 2 + kAttentionPadding));
}

std::optional<target::MatrixShape> ShapeFor(DType input, const target::DeviceProfile& profile) {
  if (!target::HasMatrixUnits(profile, input, DType::kF32)) return std::nullopt;
  std::optional<target::MatrixShape> best;
  for (const target::MatrixShape& shape : profile.matrix_shapes) {
    if (shape.input != input || shape.accumulator != DType::kF32) continue;
    if (!best.has_value() || shape.m * shape.n * shape.k > best->m * best->n * best->k) best = shape;
  }
  return best;
}

bool RegistersSuffice(const Attention& attention, const AttentionTile& tile, const target::DeviceProfile& profile) {
  int registers = 0;
  for (const ScoreProduct& product : attention.into) {
    registers +=
        product.planes[attention.by_columns ? 1 : 0] * tile.rows * PaddedDepth(product) / 2 / tile.subgroup_size;
  }
  for (const ScoreProduct& product : attention.out_of) {
    registers += tile.rows * PaddedDepth(product) / tile.subgroup_size;
  }
  return registers <= kShareOfRegisters * profile.matrix_registers;
}

bool TileFits(const Attention& attention, const AttentionTile& tile, const target::DeviceProfile& profile) {
  const target::MatrixShape& shape = tile.matrix;
  const int rows_at_once = tile.subgroup_size / kInvocationsOfRow;
  const bool divides = tile.rows % shape.m == 0 && tile.swept % shape.n == 0 && tile.swept % shape.k == 0 &&
                       rows_at_once > 0 && tile.rows % rows_at_once == 0;
  return divides && tile.workgroup_size() <= profile.widest_workgroup() && RegistersSuffice(attention, tile, profile) &&
         int64_t{4} * SharedWords(attention, tile) <= profile.shared_memory_bytes;
}

bool AllOf(const Attention& attention, const auto& holds) {
  return std::all_of(attention.into.begin(), attention.into.end(), holds) &&
         std::all_of(attention.out_of.begin(), attention.out_of.end(), holds);
}

// A kernel's matrices have one type.
void ShareInput(Attention& attention) {
  if (AllOf(attention, [](const ScoreProduct& product) { return product.input == DType::kF16; })) return;
  for (std::vector<ScoreProduct>* products : {&attention.into, &attention.out_of}) {
    for (ScoreProduct& product : *products) TakeAsBF16(product);
  }
}

}  // namespace

int PaddedDepth(const ScoreProduct& product) {
  return static_cast<int>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(product.depth, 16))));
}

int OperandWords(const ScoreProduct& product, int operand, int tile) {
  return TileWords(product.planes[operand], PaddedDepth(product), tile);
}

int ScoreWords(const AttentionTile& tile) { return tile.own() * (tile.swept + kScorePadding); }

int FactorWords(const AttentionTile& tile, const ScoreProduct& product) {
  return product.planes[product.score_operand] * tile.own() * (tile.swept / 2 + kAttentionPadding);
}

// Beyond the scores a tile of a product into them repeats its last row.
int ProductWithSameTiles(const Attention& attention, const AttentionTile& tile, const ScoreProduct& product) {
  if (attention.swept() % tile.swept != 0) return -1;
  const int swept = attention.by_columns ? 0 : 1;
  const int other = 1 - product.score_operand;
  for (size_t i = 0; i < attention.into.size(); ++i) {
    const ScoreProduct& into = attention.into[i];
    const bool is_same = into.dot->operands[swept] == product.dot->operands[other] && into.depth == product.depth &&
                         into.planes[swept] == product.planes[other];
    if (is_same) return static_cast<int>(i);
  }
  return -1;
}

int SharedWords(const Attention& attention, const AttentionTile& tile) {
  int operands = 0;
  int scores = 0;
  int factors = 0;  // lie over the scores that they are made of
  int ends = 0;     // own operands before the walk and results after it lie over all that
  for (const ScoreProduct& product : attention.into) {
    operands += OperandWords(product, attention.by_columns ? 0 : 1, tile.swept);
    scores += ScoreWords(tile);
    ends = std::max(ends, OperandWords(product, attention.by_columns ? 1 : 0, tile.own()));
  }
  for (const ScoreProduct& product : attention.out_of) {
    const bool has_tiles = ProductWithSameTiles(attention, tile, product) < 0;
    if (has_tiles) operands += OperandWords(product, 1 - product.score_operand, tile.swept);
    factors += FactorWords(tile, product);
    ends = std::max(ends, tile.own() * (PaddedDepth(product) + kAttentionPadding + 1));
  }
  return std::max(operands + std::max(scores, factors), ends);
}

std::optional<AttentionTile> ChooseAttentionTile(const Attention& attention, const target::DeviceProfile& profile) {
  const DType input = attention.into[0].input;
  const bool is_uniform = AllOf(attention, [&](const ScoreProduct& product) {
    return product.input == input && product.depth >= 8 && product.depth <= kMaxAttentionDepth;
  });
  const bool splits =
      !AllOf(attention, [](const ScoreProduct& product) { return product.planes[0] == 1 && product.planes[1] == 1; });
  const std::optional<target::MatrixShape> shape = ShapeFor(input, profile);
  const bool is_bounded = profile.max_loop_iterations > 0;
  if (!is_uniform || !shape.has_value() || (splits && !target::SplitsFloat32(profile)) || is_bounded) {
    return std::nullopt;
  }
  for (const TileSize size : kTileSizes) {
    AttentionTile tile;
    tile.matrix = *shape;
    tile.subgroup_size = profile.subgroup_size;
    tile.rows = size.rows;
    tile.swept = size.swept;
    const int64_t workgroups = attention.space.batch * (attention.own() / tile.own());
    const bool is_large = size.rows > kSmallRows;
    if (is_large && workgroups < int64_t{kWorkgroupsOfUnit} * profile.compute_units) continue;
    if (TileFits(attention, tile, profile)) return tile;
  }
  return std::nullopt;
}

StatusOr<Attention> FindAttention(const Group& group) {
  Attention attention;
  std::unordered_set<const ir::Value*> scores;
  std::unordered_set<const ir::Value*> results;
  for (const ir::Op* op : group.members) {
    const auto read = std::find_if(op->operands.begin(), op->operands.end(),
                                   [&](const ir::Value* operand) { return scores.contains(operand); });
    const bool is_scored = read != op->operands.end();
    if (op->code != ir::OpCode::kDotGeneral) {
      for (const auto& result : op->results) {
        if (is_scored) scores.insert(result.get());
      }
      continue;
    }
    std::optional<ScoreProduct> product =
        is_scored ? ProductOutOfScores(*op, static_cast<int>(read - op->operands.begin()), attention.space)
                  : ProductIntoScores(*op);
    if (!product.has_value()) return Internal("A product of an attention is not one of scores.");
    if (is_scored) {
      attention.by_columns = product->sums_rows;
      attention.out_of.push_back(*product);
      continue;
    }
    attention.space = SpaceOf(*op);
    attention.into.push_back(*product);
    scores.insert(op->result());
  }
  if (attention.into.empty()) return Internal("An attention has no scores.");
  ShareInput(attention);
  return attention;
}

}  // namespace dragoman::fusion
