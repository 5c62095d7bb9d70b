// SPDX-License-Identifier: Apache-2.0
// An operand's tile in shared memory as matrix units load it: words of two 16-bit elements or four of 8 bits.
#pragma once

#include <vector>

#include "lower/product/tile_loader.h"

namespace dragoman::kernel {

// Words added to each line of a shared tile: 16 bytes, so that lines stay aligned and spread over the banks.
inline constexpr int kPaddingWords = 4;

struct WordForm {
  TileLoader::Form form = TileLoader::Form::kWords;
  DType input = DType::kF16;
  int planes = 1;  // 2: each f32 is the sum of two bf16
  int tile_k = 0;
  int tile = 0;  // along the operand's own axis
};

// Packs values of f32 into words of `input`, which they are values of or are cut off to.
class WordPacker {
 public:
  WordPacker(Builder& builder, DType input) : b_(builder), input_(input) {}
  V Pack(V low, V high) const;
  // What Pack leaves of an f32, rounded to bf16; 0 of infinity and NaN.
  V Remainder(V value) const;
  // A NaN of low bits alone stays one when they are cut off.
  V Quiet(V value) const;
  // The words of two neighbours, one a plane.
  std::vector<V> Planes(V low, V high, int planes) const;

 private:
  Builder& b_;
  DType input_;
};

// In each plane lines of words, along K or along the operand's own axis as it was loaded.
class WordTile {
 public:
  WordTile(ProductContext& context, const TileLoader& loader, const WordForm& form, int first_word);

  int planes() const { return form_.planes; }
  int end_word() const { return first_word_ + form_.planes * lines_ * pitch_; }
  Status Store(const StagedTile& staged, int array);
  // The matrix whose first element is (row, k) of the tile's plane.
  V Load(KType type, int array, int plane, V row, V k) const;
  // Likewise of the tile with its rows as K and K as its rows.
  V LoadTransposed(KType type, int array, int plane, V row, V k) const;

 private:
  V At(V row, V k, int plane) const;
  StatusOr<std::vector<V>> WordsOf(const StagedTile& staged, int slot) const;

  Builder& b_;
  const TileLoader& loader_;
  const WordForm form_;
  const WordPacker packer_;
  int of_word_;
  int first_word_;
  int pitch_;
  int lines_;
};

// How an operand whose elements the unit takes as they are in memory, or else converted, is loaded.
TileLoader::Form LoadFormOf(const OperandMap& map, int planes);

}  // namespace dragoman::kernel
