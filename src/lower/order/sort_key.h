// SPDX-License-Identifier: Apache-2.0
// Comparators that compare one number of each element, as nearly all do: then sorting needs the numbers only. Found by
// structure: compare(f(a), f(b)) for one operand's elements a and b, whatever f is.
#pragma once

#include <memory>
#include <optional>

#include "element/elemental.h"

namespace dragoman::kernel {

class SortKey {
 public:
  // nullopt when the comparator is of another form or the number takes more than 32 bits.
  static std::optional<SortKey> Find(const ir::Op& sort);

  int operand() const { return operand_; }
  int bits() const { return bits_; }
  // Whether the element follows from its key: f leaves it alone, or but for the signs of zeros and the bits of NaNs.
  bool is_reversible() const { return is_reversible_; }

  // A kI32 below 2^bits that orders, as unsigned, as the comparator does. With `reversibly`, zeros are ordered by sign.
  StatusOr<V> Emit(Elemental& elemental, const Scalar& element, bool reversibly) const;
  Scalar Reverse(Builder& builder, V key) const;

 private:
  int operand_ = 0;
  bool is_descending_ = false;
  bool is_total_order_ = false;
  bool is_reversible_ = false;
  bool has_equal_nans_ = false;  // f makes one of them all
  int bits_ = 32;
  DType dtype_ = DType::kF32;          // of the number
  std::shared_ptr<ir::Block> number_;  // f, with the comparator's arguments
};

}  // namespace dragoman::kernel
