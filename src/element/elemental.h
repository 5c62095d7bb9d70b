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
#include "element/dispatch.h"
#include "element/group_access.h"
#include "fusion/plan.h"
#include "kernel/builder.h"
#include "scalar/scalar.h"

namespace dragoman::kernel {

// Elements at consecutive positions: one a lane, or a single one when all lanes have the same.
using Lanes = std::vector<Scalar>;
inline const Scalar& Lane(const Lanes& lanes, int lane) { return lanes[lanes.size() == 1 ? 0 : lane]; }

// A position in a tensor: one kI32 index a dimension (kI64 for extents of 2^31 and more), or, when the tensor is read
// in row-major order anyway, only the linear index (kI64 for tensors of 2^31 elements and more; dims are then derived
// on demand by division). Both may be known.
struct Index {
  std::vector<V> dims;
  V linear;  // id kNoValue when unknown
  static Index FromLinear(V linear_index) { return {{}, linear_index}; }
  static Index FromDims(std::vector<V> indices) { return {std::move(indices), {}}; }
  bool has_linear() const { return linear.id != kNoValue; }
};

class Elemental {
 public:
  // `group` must outlive this. Buffers are added to `builder` as values are first read or written; arguments() then
  // tells what is bound to each, in order.
  Elemental(Builder& builder, const fusion::Group& group);
  ~Elemental();

  // Value `v` (of type v->type) at `index`. Computes members, loads others; memoised within the current builder region.
  StatusOr<Scalar> At(const ir::Value* v, const Index& index);
  // Values at `lanes` (1, 2, 4 or 8) consecutive positions of the innermost dimension whose extent is not 1, starting
  // at `index`; loads are of whole vectors where memory is contiguous. `index` must be a multiple of `lanes` in that
  // dimension, and the extent too, unless index holds a linear index that is a multiple of `lanes`.
  StatusOr<Lanes> AtLanes(const ir::Value* v, const Index& index, int lanes);
  // Pins a value: At(v, any index) returns `scalar` from now on (an accumulator's final value, a uniform row result,
  // ...).
  void Pin(const ir::Value* v, Scalar scalar);
  // As Pin, but for one position only, and only within the current scope.
  void Remember(const ir::Value* v, const Index& index, Lanes value, int lanes = 1);
  // Memoised values live in a builder region. Inside each region's callback make a Scope first:
  //   b.If(condition, [&] { Elemental::Scope scope(elemental); ... elemental.At(...) ... });
  class Scope {
   public:
    explicit Scope(Elemental& elemental);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Elemental& elemental_;
  };

  // Loads or stores elements of the buffer of value `v` itself, at an index, ignoring membership.
  Scalar Load(const ir::Value* v, const Index& index);
  void Store(const ir::Value* v, const Index& index, const Scalar& value);
  // `lanes` consecutive elements; the linear index is a multiple of `lanes`.
  Lanes LoadLanes(const ir::Value* v, const Index& index, int lanes);
  void StoreLanes(const ir::Value* v, const Index& index, const Lanes& values, int lanes);
  // The buffer number bound to `v` (bound now if it was not), for vector access. Complex values have twice the
  // elements.
  int BufferOf(const ir::Value* v, bool is_written);
  // The buffer of `v` once more, to be read as 32-bit words.
  int BindWords(const ir::Value* v);
  // Scratch memory of the group; bound once an element type, so this may be asked again and again.
  int BindTemporary(int temporary, DType memory, bool is_read, bool is_written);
  const std::vector<Argument>& arguments() const { return arguments_; }

  // Emits a region of scalar ops (a reducer, a comparator): its block arguments bound to `inputs`, each a rank-0
  // tensor; captured values are read through At. Returns the terminator's operands.
  StatusOr<std::vector<Scalar>> Region(const ir::Block& block, std::span<const Scalar> inputs);

  // Whether At computes `v` in place: a member that is not pinned, or a constant or iota that is in no memory.
  bool IsComputed(const ir::Value* v) const;

  // Index helpers for tensors of `dims`. Both remember what they derived from what, so that the two directions and
  // leading dimensions ([n, h] of [n, h, w]) are not computed twice.
  V Linear(const Index& index, const Dims& dims);
  std::vector<V> Delinearize(const Index& index, const Dims& dims);
  // The position in a tensor of other extents with equally many elements. Stays linear where that suffices for `v`'s
  // producers.
  Index Reshape(const Index& index, const Dims& from, const ir::Value* v);
  // Whether the producers of `v` look at single dimensions, so that an index of `v` should come with them.
  bool NeedsDims(const ir::Value* v) const { return needs_dims_.contains(v); }
  Builder& builder() { return builder_; }
  const fusion::Group& group() const { return group_; }

 private:
  struct Memo;
  Index Normalize(const ir::Value* v, const Index& index);
  const Lanes* Find(const ir::Value* v, const Index& index, int lanes) const;
  std::optional<V> FindLinear(const std::vector<V>& dims, const Dims& extents) const;
  StatusOr<Lanes> Evaluate(const ir::Value* v, const Index& index, int lanes);
  Status EvaluateElementwise(const ir::Value* v, const Index& index, int lanes);
  StatusOr<Lanes> EvaluateScalarOp(const ir::Op& op, const Index& index, int lanes);
  StatusOr<Lanes> EvaluateSeparately(const ir::Value* v, const Index& index, int lanes);

  Builder& builder_;
  const fusion::Group& group_;
  Membership membership_;
  std::unordered_set<const ir::Value*> needs_dims_;  // computed values whose producers look at single dimensions
  std::unordered_map<const ir::Value*, int> buffers_;
  std::unordered_map<const ir::Value*, int> words_;
  std::map<std::pair<int, DType>, int> temporaries_;
  std::unordered_map<const ir::Value*, Scalar> pinned_;
  std::vector<const ir::Block*> regions_;  // being emitted
  std::vector<Argument> arguments_;
  std::vector<std::shared_ptr<Memo>> memos_;
  int num_evaluations_ = 0;
};

// kI64 for counts of 2^31 and more.
KType IndexType(int64_t count);
// Between kI32 and kI64; zero-extends.
V ToIndexType(Builder& builder, V index, KType type);
// A start index of element type `dtype` clamped into [0, max], as kI32 (kI64 when max is 2^31 or more).
V ClampStart(Builder& builder, const Scalar& start, DType dtype, int64_t max);
// The innermost dimension whose extent is not 1; -1 when there is none.
int InnermostDim(const Dims& dims);

}  // namespace dragoman::kernel
