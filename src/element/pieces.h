// SPDX-License-Identifier: Apache-2.0
// How the work of a dispatch is divided, and which elements of its tensors each share of it touches. Shares that touch
// different elements need not wait for each other's dispatches: compiler/join_shares joins such dispatches.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace dragoman::kernel {

// The element at linear index i is in the piece whose digits, outermost first, are i / stride % count.
struct PieceDigit {
  int64_t stride = 1;
  int64_t count = 1;
  bool operator==(const PieceDigit&) const = default;
};

struct Pieces {
  std::vector<PieceDigit> digits;  // none: the tensor as a whole, or elements that nothing is known of
  int64_t count() const;
  bool operator==(const Pieces&) const = default;
};

// Runs of elements, one after the other.
Pieces RunsOf(int64_t length, int64_t count);
// The same pieces with as few digits as possible.
Pieces Simplified(Pieces pieces);
// Each a union of as many neighbours as leave `count`; nothing where that is none of theirs.
std::optional<Pieces> Coarsened(Pieces pieces, int64_t count);

// Shares are numbered: share i of n touches only piece i * pieces.count() / n of an argument that has pieces.
struct Division {
  int64_t shares = 0;           // 0: nothing is known
  bool by_invocations = false;  // a share is an invocation, of all workgroups, that needs no other; else a workgroup
  std::vector<Pieces> pieces;   // one an argument
};

}  // namespace dragoman::kernel
