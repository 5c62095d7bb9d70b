// SPDX-License-Identifier: Apache-2.0
// Rows whose elements are ordered by numbers of at most 32 bits: what sorting by keys is told of them. Elements with
// equal keys keep their order.
#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include "element/dispatch.h"
#include "element/elemental.h"
#include "fusion/plan.h"

namespace dragoman::kernel {

struct KeyedRows {
  int64_t rows = 1;
  int64_t extent = 0;  // elements a row; rows * extent below 2^31
  int64_t kept = 0;    // how many of the sorted row are wanted
  int key_bits = 32;
  std::string label;
  // The key of an element of a row: a kI32 below 2^key_bits that orders as unsigned. Emitted inside a fresh
  // Elemental::Scope.
  std::function<StatusOr<V>(Elemental&, V row, V element)> key;
  // Called once a wanted position, inside a fresh Elemental::Scope: `element` comes `position`-th in its row.
  std::function<Status(Elemental&, V row, V position, V element)> finish;
};

// An element with its key, as kI32 taken as unsigned. No two elements of a row are equal.
struct KeyedElement {
  V key;
  V element;
};

inline V IsBefore(Builder& b, const KeyedElement& x, const KeyedElement& y) {
  return b.Or(b.ULt(x.key, y.key), b.And(b.IEq(x.key, y.key), b.ULt(x.element, y.element)));
}

}  // namespace dragoman::kernel
