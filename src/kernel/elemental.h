// SPDX-License-Identifier: Apache-2.0
// The value of a tensor at an index, as kernel IR: members of the group are computed in place, everything else is
// loaded. This is how elementwise ops, broadcasts, reshapes, transposes, slices, pads, reverses, concatenations, iota,
// dynamic slices and point gathers fold into whatever kernel reads them.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "fusion/plan.h"
#include "kernel/builder.h"
#include "kernel/lowering.h"

namespace dragoman::kernel {

// One element. `im` is used for complex types only. Machine type by LoadedType of the real part: s8 is kI32 holding
// the sign-extended value, u8 zero-extended, bf16 and f8 are kF32 holding a value of that type exactly.
struct Scalar {
  V re;
  V im;
};

// A position in a tensor: one kI32 (kI64 for tensors of 2^31 elements and more) index a dimension, or, when the tensor
// is read in row-major order anyway, only the linear index (dims are then derived on demand by division).
struct Index {
  std::vector<V> dims;
  V linear;  // id kNoValue when unknown
  static Index FromLinear(V linear_index) { return {{}, linear_index}; }
  static Index FromDims(std::vector<V> indices) { return {std::move(indices), {}}; }
};

class Elemental {
 public:
  // `group` must outlive this. Buffers are added to `builder` as values are first read or written; arguments() then
  // tells what is bound to each, in order.
  Elemental(Builder& builder, const fusion::Group& group);

  // Value `v` (of type v->type) at `index`. Computes members, loads others; memoised within the current builder region.
  StatusOr<Scalar> At(const ir::Value* v, const Index& index);
  // Pins a value: At(v, any index) returns `scalar` from now on (an accumulator's final value, a uniform row result, ...).
  void Pin(const ir::Value* v, Scalar scalar);
  void Unpin(const ir::Value* v);
  // Must be called when the builder leaves a region in which At was called, since memoised values live in it.
  // Use Scope: { Elemental::Scope scope(elemental); ... } inside each region's callback.
  class Scope;

  // Loads or stores an element of the buffer of value `v` itself, at an index, ignoring membership.
  Scalar Load(const ir::Value* v, const Index& index);
  void Store(const ir::Value* v, const Index& index, const Scalar& value);
  // The buffer number bound to `v` (bound now if it was not), for vector access. Complex values have twice the elements.
  int BufferOf(const ir::Value* v, bool is_written);
  int BindTemporary(int temporary, DType memory, bool is_read, bool is_written);
  const std::vector<Argument>& arguments() const { return arguments_; }

  // Emits a region of scalar ops (a reducer, a comparator): its block arguments bound to `inputs`, each a rank-0 tensor;
  // captured values are read through At. Returns the terminator's operands.
  StatusOr<std::vector<Scalar>> Region(const ir::Block& block, std::span<const Scalar> inputs);

  // Index helpers for tensors of `dims`.
  V Linear(const Index& index, const Dims& dims);
  std::vector<V> Delinearize(const Index& index, const Dims& dims);
  Builder& builder() { return builder_; }

 private:
  struct Memo;
  Builder& builder_;
  const fusion::Group& group_;
  std::unordered_set<const ir::Op*> members_;
  std::unordered_map<const ir::Value*, int> buffers_;
  std::unordered_map<const ir::Value*, Scalar> pinned_;
  std::vector<Argument> arguments_;
  std::vector<std::shared_ptr<Memo>> memos_;
};

// One scalar op of the table on values of element type `dtype` (operand 0's; compare, select and clamp included), with
// `result` the result's element type. Applies StableHLO's meaning: NaN rules of maximum, wrap-around of narrow integers, rounding of bf16 and f8,
// division by zero of integers (-1; remainder: the dividend), shifts beyond the width, complex arithmetic.
struct ScalarOpContext {
  DType dtype;   // operand 0's element type (operand 1's for select)
  DType result;
  const ir::Attributes* attributes = nullptr;
};
StatusOr<Scalar> EmitScalarOp(Builder& builder, ScalarOp op, const ScalarOpContext& context,
                              std::span<const Scalar> operands);
Scalar ZeroScalar(Builder& builder, DType dtype);
// A literal's element as a constant.
Scalar ConstantScalar(Builder& builder, const ir::Literal& literal, int64_t linear_index);

}  // namespace dragoman::kernel
