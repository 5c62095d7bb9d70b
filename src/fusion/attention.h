// SPDX-License-Identifier: Apache-2.0
// Attention: products whose results, the scores, are read row by row and multiplied again. The scores of one group are
// computed tile by tile where they are used, and never written. docs/adr/0036 says how, and why.
#pragma once

#include <optional>
#include <vector>

#include "fusion/plan.h"
#include "ir/ir.h"
#include "target/compile_context.h"

namespace dragoman::fusion {

// Tensors of batch x rows x columns elements, in that order.
struct ScoreSpace {
  int64_t batch = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  bool operator==(const ScoreSpace&) const = default;
  int64_t num_rows() const { return batch * rows; }
  int64_t num_elements() const { return batch * rows * columns; }
};

// A dot_general whose result is scores, lhs having the rows and rhs the columns, or one of whose operands is.
struct ScoreProduct {
  const ir::Op* dot = nullptr;
  int score_operand = -1;      // -1: the result is scores
  bool sums_rows = false;      // of an operand: summed over rows, else over columns
  int64_t depth = 0;           // what is summed over for scores; else the elements of one row (column) of the result
  DType input = DType::kBF16;  // what matrix units take
  int planes[2] = {1, 1};      // how many of these an element of each operand is the sum of
};

// What one kernel computes.
struct Attention {
  ScoreSpace space;
  std::vector<ScoreProduct> into;
  std::vector<ScoreProduct> out_of;
  bool by_columns = false;  // a workgroup has some columns and walks over the rows
  int64_t own() const { return by_columns ? space.columns : space.rows; }
  int64_t swept() const { return by_columns ? space.rows : space.columns; }
};

// Of a group of kind kAttention.
StatusOr<Attention> FindAttention(const Group& group);

// How a workgroup shares the work: each subgroup has `rows` of its own rows (or columns).
struct AttentionTile {
  target::MatrixShape matrix;
  int subgroup_size = 32;
  int subgroups = 4;
  int rows = 16;
  int swept = 64;  // taken at once of what is walked over
  int own() const { return subgroups * rows; }
  int workgroup_size() const { return subgroups * subgroup_size; }
};

// 32-bit words of shared memory that the parts of a tile take; some lie over others.
inline constexpr int kAttentionPadding = 4;  // words after each line
inline constexpr int kScorePadding = 8;      // of scores, which invocations read in pairs
int PaddedDepth(const ScoreProduct& product);
int OperandWords(const ScoreProduct& product, int operand, int tile);
int ScoreWords(const AttentionTile& tile);
int FactorWords(const AttentionTile& tile, const ScoreProduct& product);
int SharedWords(const Attention& attention, const AttentionTile& tile);
// The product into scores whose tiles of what is walked over `product` takes too; -1 where it needs its own.
int ProductWithSameTiles(const Attention& attention, const AttentionTile& tile, const ScoreProduct& product);

// The tile for a device; nothing where none fits, or it has no such units.
std::optional<AttentionTile> ChooseAttentionTile(const Attention& attention, const target::DeviceProfile& profile);

// Makes groups of kind kAttention of products and the rows between them, where that pays.
void JoinAttention(Plan& plan, const ir::Block& block, const target::CompileContext& context);

}  // namespace dragoman::fusion
