// SPDX-License-Identifier: Apache-2.0
// One operand's way from memory to a workgroup's shared tile: which invocation loads what, and the loads themselves.
// What a tile looks like in shared memory is its user's matter.
#pragma once

#include <span>
#include <vector>

#include "lower/product/product_emitter.h"

namespace dragoman::kernel {

// What one invocation holds of a tile on its way from memory: loaded elements (or words) and, where it can be false,
// whether they count.
struct StagedTile {
  std::vector<Lanes> loaded;  // one a slot
  std::vector<V> is_valid;    // empty: all are
};

class TileLoader {
 public:
  struct Shape {
    int tile = 0;    // elements along M or N
    int tile_k = 0;  // along K
    int workgroup_size = 0;
  };
  enum class Form : uint8_t {
    kElements,  // any operand
    kPairs,     // an even number of elements at once
    kWords      // whole 32-bit words of elements of 8 or 16 bits that need no conversion
  };
  // `axis` is M for lhs and N for rhs.
  TileLoader(ProductContext& context, const Shape& shape, Form form, const OperandMap& map, const LinearMap& linear,
             ProductAxis axis);

  // Once, before the loop: which rows this invocation loads.
  void Begin(V local, V batch, V first_row);
  StagedTile Load(V k_tile);
  // The accumulators of a slot, zero where they do not count. Not for kWords.
  StatusOr<Lanes> Convert(const StagedTile& staged, int slot) const;
  // The words of a slot, zero where they do not count. Only for kWords.
  std::vector<V> Words(const StagedTile& staged, int slot) const;

  // A slot holds `lanes` consecutive elements: from (row, k) on along K, or along the rows.
  int num_slots() const { return num_slots_; }
  int lanes() const { return lanes_; }
  bool is_along_k() const { return along_k_; }
  V row(int slot) const { return rows_[slot]; }
  V k(int slot) const { return ks_[slot]; }

  // To and from loop-carried values.
  std::vector<V> Flatten(const StagedTile& staged) const;
  StagedTile Unflatten(std::span<const V> values) const;

 private:
  void ChooseOrder();
  void PlaceSlot(V local, int slot);
  Lanes LoadSlot(const Place& place) const;
  bool IsComplexOperand() const { return reader_.num_components() == 2; }
  int values_of_slot() const { return form_ == Form::kWords ? num_words() : lanes_ * reader_.num_components(); }
  int num_words() const { return lanes_ / reader_.elements_of_word(); }

  ProductContext& c_;
  Builder& b_;
  const Shape shape_;
  const Form form_;
  OperandReader reader_;
  ProductAxis axis_;
  bool along_k_ = false;
  int lanes_ = 1;
  int num_slots_ = 1;
  bool has_validity_ = false;
  std::vector<V> rows_;  // within the tile, one a slot
  std::vector<V> ks_;
  std::vector<Partial> bases_;
};

// How many elements of an operand can be loaded at once, along K or along `axis`, whichever is contiguous: at most
// `most`.
int TileLoadWidth(const ProductForm& form, const LinearMap& linear, ProductAxis axis, int most);

}  // namespace dragoman::kernel
