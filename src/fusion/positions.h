// SPDX-License-Identifier: Apache-2.0
// Where a kernel evaluates the values of its expressions. A kernel's code holds a value once for every position that it
// is read at (element/elemental.h remembers them), so a value read at two positions has its producers twice, those read
// at two positions theirs four times, and so on. A position is named by the way that leads to it from the element that
// an invocation computes, through slices, pads, concatenations and the like; equal ways are one position.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "ir/ir.h"

namespace dragoman::fusion {

class Positions {
 public:
  using Id = int;
  static constexpr Id kOwn = 0;  // the element that an invocation computes

  Positions();

  // Appends the positions at which evaluating `op` at `at` reads its operand number `operand`: one, but for the indices
  // of a gather, and none for parts of a concatenation of those that hold other components.
  void Follow(const ir::Op& op, int operand, Id at, std::vector<Id>& to);
  // The fraction of the invocations that come by: parts of a concatenation have theirs.
  double Share(Id position) const { return places_[position].share; }
  // How many branches lie around it.
  int Depth(Id position) const { return places_[position].depth; }
  // How many more around what `op` reads.
  static int DepthWithin(const ir::Op& op);

 private:
  struct Place {
    double share = 1;
    Id branch = kOwn;  // of the part of a concatenation that it lies in: code there is not shared with other parts
    int depth = 0;
    int64_t known_dim = -1;  // in which the index is the constant known_index: a component of a gather's start
    int64_t known_index = 0;
  };

  Id Intern(int way, int part, Id at, const Place& place);
  Id Single(Id at);
  void FollowConcatenate(const ir::Op& op, int operand, Id at, std::vector<Id>& to);
  int WayOf(const ir::Op& op);

  std::vector<Place> places_;
  std::map<std::array<int, 3>, Id> ids_;
  std::unordered_map<const ir::Op*, int> way_of_;
  std::map<std::vector<int64_t>, int> ways_;
};

}  // namespace dragoman::fusion
