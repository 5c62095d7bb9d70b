// SPDX-License-Identifier: Apache-2.0
// How the elements of a reduction are combined: the region of a reduce (or of scan and reduce_window, whose regions
// look the same), with float sums and products carried in f32. Accumulators are in index order: the left one holds the
// elements of lower index.
#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "element/elemental.h"
#include "ir/ir.h"

namespace dragoman::kernel {

class Combiner {
 public:
  // `block` combines n accumulators (its first arguments) with n elements; `inits` are the n initial values, of rank 0.
  Combiner(const ir::Block& block, std::span<ir::Value* const> inits);
  // Several reductions of the same positions side by side: their accumulators one after the other.
  explicit Combiner(std::span<const ir::Op* const> reduces);

  int num_values() const { return static_cast<int>(inits_.size()); }
  // Element types of the accumulators: f32 for sums and products of narrower floats, else those of the operands.
  DType accumulator(int i) const { return accumulators_[i]; }
  // The machine types that hold one set of accumulators: two for each complex one.
  std::vector<KType> MachineTypes(const target::DeviceProfile& profile) const;
  // Of one set of accumulators in shared memory.
  int SharedBytes(const target::DeviceProfile& profile) const;
  std::vector<Scalar> Unflatten(std::span<const V> values) const;

  // What an accumulator without elements holds: the identity of a known operation, else the initial values (which
  // StableHLO requires to be an identity).
  StatusOr<std::vector<Scalar>> Start(Elemental& elemental) const;
  // Elements as accumulators.
  StatusOr<std::vector<Scalar>> Lift(Elemental& elemental, std::span<const Scalar> elements) const;
  // kKept: all elements of `lhs` come before those of `rhs`, which saves asking where that matters.
  enum class Order : uint8_t { kAny, kKept };
  StatusOr<std::vector<Scalar>> Combine(Elemental& elemental, std::span<const Scalar> lhs, std::span<const Scalar> rhs,
                                        Order order = Order::kAny) const;
  // The results: combined with the initial values where Start was another identity, rounded to the operands' types.
  StatusOr<std::vector<Scalar>> Finish(Elemental& elemental, std::span<const Scalar> accumulators) const;

  // Whether accumulators must be combined in the order of their elements. Known operations do not care, and what
  // chooses by position has the order in its accumulators.
  bool is_ordered() const;
  // Whether the bits of a combination do not depend on which accumulator is the left one, but for those of NaNs.
  bool is_symmetric() const;

 private:
  // One region and its accumulators.
  struct Part {
    const ir::Block* block;
    std::optional<ScalarOp> operation;  // when the region is one known operation on a single value
    int first;
    int count;
    bool chooses_by_position;  // element/reduce_choice.h
  };
  void Add(const ir::Block& block, std::span<ir::Value* const> inits, bool chooses_by_position);

  std::vector<Part> parts_;
  std::vector<const ir::Value*> inits_;
  std::vector<DType> accumulators_;
};

// The values that a reduce combines: the first half of its operands, and the initial values after them.
std::span<ir::Value* const> ReducedOperands(const ir::Op& reduce);
std::span<ir::Value* const> InitialValues(const ir::Op& reduce);

}  // namespace dragoman::kernel
