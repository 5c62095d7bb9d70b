// SPDX-License-Identifier: Apache-2.0
// Constants, iota, bitcast_convert, and reductions of a few elements, as elements.
#include <algorithm>

#include "base/format.h"
#include "element/elemental_ops.h"
#include "element/reduce_combiner.h"

namespace dragoman::kernel {
namespace {

using ir::AttrKey;

constexpr int64_t kMaxInlineConstant = 16;

// The elements that an inline reduce combines for one of its results.
struct InlineReduction {
  const ir::Op& op;
  Combiner combiner;
  Index first;                     // of the elements: 0 in the dimensions that are reduced
  std::vector<size_t> dimensions;  // those
  Dims extents;                    // and theirs
};

InlineReduction ReductionAt(Elemental& elemental, const ir::Op& op, const Index& index) {
  InlineReduction result{op, Combiner(*op.regions[0], InitialValues(op)), {}, {}, {}};
  const std::vector<int64_t>& reduced = op.attributes.Ints(AttrKey::kDimensions);
  const std::vector<V> kept = elemental.Delinearize(index, op.type().dims);
  const Dims& extents = op.operands[0]->type.dims;
  for (size_t i = 0, next = 0; i < extents.size(); ++i) {
    const bool is_reduced = std::find(reduced.begin(), reduced.end(), static_cast<int64_t>(i)) != reduced.end();
    result.first.dims.push_back(is_reduced ? elemental.builder().I32(0) : kept[next++]);
    if (!is_reduced) continue;
    result.dimensions.push_back(i);
    result.extents.push_back(extents[i]);
  }
  return result;
}

// The accumulators `carried`, combined with element number `at` of those reduced.
StatusOr<std::vector<V>> CombineWithElement(Elemental& elemental, const InlineReduction& reduction, V at,
                                            std::span<const V> carried) {
  const std::vector<V> position = elemental.Delinearize(Index::FromLinear(at), reduction.extents);
  Index element = reduction.first;
  for (size_t i = 0; i < position.size(); ++i) element.dims[reduction.dimensions[i]] = position[i];
  std::vector<Scalar> values;
  for (const ir::Value* operand : ReducedOperands(reduction.op)) {
    ASSIGN_OR_RETURN(const Scalar value, elemental.At(operand, element));
    values.push_back(value);
  }
  const Combiner& combiner = reduction.combiner;
  ASSIGN_OR_RETURN(values, combiner.Lift(elemental, values));
  ASSIGN_OR_RETURN(const auto next,
                   combiner.Combine(elemental, combiner.Unflatten(carried), values, Combiner::Order::kKept));
  return FlattenScalars(next);
}

}  // namespace

bool IsInlineConstant(const ir::Op& op) {
  return op.attributes.GetLiteral(AttrKey::kValue).is_splat() || op.type().num_elements() <= kMaxInlineConstant;
}

StatusOr<Lanes> EmitConstant(Elemental& elemental, const ir::Op& op, const Index& index, int) {
  Builder& builder = elemental.builder();
  const ir::Literal& literal = op.attributes.GetLiteral(AttrKey::kValue);
  const int64_t count = op.type().num_elements();
  if (literal.is_splat() || count == 1) return Lanes{ConstantScalar(builder, literal, 0)};
  if (count > kMaxInlineConstant) {
    return Internal(Format("A constant of {} elements is a member of a group; at most {} are written into code.", count,
                           kMaxInlineConstant));
  }
  const V linear = elemental.Linear(index, op.type().dims);
  Scalar result = ConstantScalar(builder, literal, count - 1);
  for (int64_t i = count - 1; i-- > 0;) {
    const Scalar element = ConstantScalar(builder, literal, i);
    const V is_here = builder.IEq(linear, builder.Int(linear.type, i));
    result.re = builder.Select(is_here, element.re, result.re);
    if (result.im.id != kNoValue) result.im = builder.Select(is_here, element.im, result.im);
  }
  return Lanes{result};
}

LaneRule ConstantLanes(const ir::Op& op, int) {
  return op.attributes.GetLiteral(AttrKey::kValue).is_splat() ? LaneRule::kUniform : LaneRule::kSeparate;
}

StatusOr<Lanes> EmitIota(Elemental& elemental, const ir::Op& op, const Index& index, int lanes) {
  Builder& builder = elemental.builder();
  const Dims& dims = op.type().dims;
  const int64_t dim = op.attributes.Int(AttrKey::kIotaDimension);
  // Counting along the only dimension that there is asks for no division.
  const bool is_linear = index.has_linear() && dims[dim] == op.type().num_elements();
  const V first = is_linear ? index.linear : elemental.Delinearize(index, dims)[dim];
  Lanes result;
  for (int lane = 0; lane < lanes; ++lane) {
    const Scalar at{builder.IAdd(first, builder.Int(first.type, lane)), {}};
    const DType from = first.type == KType::kI64 ? DType::kS64 : DType::kS32;
    if (from == op.type().dtype) {
      result.push_back(at);
      continue;
    }
    ASSIGN_OR_RETURN(const Scalar value, EmitScalarOp(builder, ScalarOp::kConvert, {from, op.type().dtype}, {&at, 1}));
    result.push_back(value);
  }
  return result;
}

LaneRule IotaLanes(const ir::Op& op, int lanes) {
  const Dims& dims = op.type().dims;
  const int64_t dim = op.attributes.Int(AttrKey::kIotaDimension);
  const int innermost = InnermostDim(dims);
  if (dims[dim] == op.type().num_elements()) return LaneRule::kContiguous;
  if (dims[innermost] % lanes != 0) return LaneRule::kSeparate;
  return dim == innermost ? LaneRule::kContiguous : LaneRule::kUniform;
}

bool IsInlineReduce(const ir::Op& op) {
  int64_t count = 1;
  for (const int64_t dim : op.attributes.Ints(AttrKey::kDimensions)) count *= op.operands[0]->type.dims[dim];
  return count <= kMaxInlineReduce;
}

StatusOr<Lanes> EmitInlineReduce(Elemental& elemental, const ir::Op& op, const Index& index, int) {
  Builder& builder = elemental.builder();
  const InlineReduction reduction = ReductionAt(elemental, op, index);
  const Combiner& combiner = reduction.combiner;
  ASSIGN_OR_RETURN(const std::vector<Scalar> start, combiner.Start(elemental));
  Status status;
  const auto body = [&](V at, std::span<const V> carried) -> std::vector<V> {
    Elemental::Scope scope(elemental);
    const StatusOr<std::vector<V>> next = CombineWithElement(elemental, reduction, at, carried);
    if (!next.ok()) status = next.status();
    return next.ok() ? *next : std::vector<V>(carried.begin(), carried.end());
  };
  std::vector<V> carried = FlattenScalars(start);
  const int64_t count = NumElements(reduction.extents);
  if (count == 1) {
    carried = body(builder.I32(0), carried);
  } else {
    carried = builder.For(builder.I32(0), builder.I32(count), builder.I32(1), carried, body);
  }
  if (!status.ok()) return status;
  ASSIGN_OR_RETURN(const std::vector<Scalar> results, combiner.Finish(elemental, combiner.Unflatten(carried)));
  for (size_t i = 1; i < results.size(); ++i) {
    elemental.Remember(op.result(static_cast<int>(i)), index, {results[i]});
  }
  return Lanes{results[0]};
}

LaneRule InlineReduceLanes(const ir::Op&, int) { return LaneRule::kSeparate; }

}  // namespace dragoman::kernel
