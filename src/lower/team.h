// SPDX-License-Identifier: Apache-2.0
// The invocations of one workgroup as a team that shares loops and combines what each has found.
#pragma once

#include <functional>

#include "base/arithmetic.h"
#include "element/elemental.h"
#include "kernel/builder.h"

namespace dragoman::kernel {

class Team {
 public:
  // `size` invocations, a power of two.
  Team(Elemental& elemental, int size) : b_(elemental.builder()), e_(elemental), size_(size) {}

  int size() const { return size_; }

  // Each i in [first, count) once; first >= 0.
  void Share(V first, int64_t count, const std::function<void(V)>& body) {
    ShareBy(b_.LocalIndex(), size_, {first, b_.I32(count), {}, count}, body);
  }
  void Share(int64_t count, const std::function<void(V)>& body) { Share(b_.I32(0), count, body); }
  // The part of `number` of `parts` invocations.
  void ShareBy(V number, int parts, const LoopRange& range, const std::function<void(V)>& body) {
    b_.ForEach({b_.IAdd(range.lo, number), range.hi, b_.I32(parts), CeilDiv(range.most, parts)}, [&](V i) {
      Elemental::Scope scope(e_);
      body(i);
    });
  }

  // Halves groups of `count` (a power of two) neighbours until the first of each has combined all: `combine(here,
  // other)` runs for the slots of shared memory that are left. All invocations call this; there is a barrier at its
  // beginning and one at its end.
  void Halve(int count, const std::function<void(V here, V other)>& combine) {
    b_.Barrier();
    const V place = b_.And(b_.LocalIndex(), b_.I32(count - 1));
    for (int distance = count / 2; distance > 0; distance /= 2) {
      b_.If(b_.ULt(place, b_.I32(distance)), [&] {
        Elemental::Scope scope(e_);
        combine(b_.LocalIndex(), b_.IAdd(b_.LocalIndex(), b_.I32(distance)));
      });
      b_.Barrier();
    }
  }

 private:
  Builder& b_;
  Elemental& e_;
  const int size_;
};

}  // namespace dragoman::kernel
