// SPDX-License-Identifier: Apache-2.0
// Ops whose elements come from one of several places: pad and concatenate.
#include <algorithm>

#include "element/elemental_ops.h"

namespace dragoman::kernel {
namespace {

using ir::AttrKey;

Lanes SelectLanes(Builder& builder, V condition, const Lanes& a, const Lanes& b) {
  Lanes result;
  for (size_t lane = 0; lane < std::max(a.size(), b.size()); ++lane) {
    const Scalar& x = Lane(a, static_cast<int>(lane));
    const Scalar& y = Lane(b, static_cast<int>(lane));
    Scalar scalar{builder.Select(condition, x.re, y.re), {}};
    if (x.im.id != kNoValue) scalar.im = builder.Select(condition, x.im, y.im);
    result.push_back(scalar);
  }
  return result;
}

// Where one dimension of a padded result lies in the operand: `width` elements within [0, extent) always, real only if
// `inside`.
struct PaddedDim {
  V source;
  V inside;
};

struct PaddedExtent {
  int64_t low;
  int64_t interior;
  int64_t extent;
};

PaddedDim LocatePaddedDim(Builder& builder, V index, const PaddedExtent& pad, int width) {
  const auto [low, interior, extent] = pad;
  const V shifted = builder.ISub(index, builder.Int(index.type, low));
  const int64_t step = interior + 1;
  const V step_value = builder.Int(index.type, step);
  // Unsigned: positions before the operand are huge.
  V inside = builder.ULt(shifted, builder.Int(index.type, (extent - 1) * step + 1));
  V source = shifted;
  if (step > 1) {
    source = builder.UDiv(shifted, step_value);
    inside = builder.And(inside, builder.IEq(builder.IMul(source, step_value), shifted));
  }
  return {builder.UMin(source, builder.Int(index.type, extent - width)), inside};
}

}  // namespace

StatusOr<Lanes> EmitPad(Elemental& elemental, const ir::Op& op, const Index& index, int lanes) {
  Builder& builder = elemental.builder();
  const TensorType& type = op.operands[0]->type;
  ASSIGN_OR_RETURN(const Lanes padding, elemental.AtLanes(op.operands[1], Index{}, 1));
  if (type.num_elements() == 0) return padding;
  const std::vector<int64_t>& low = op.attributes.Ints(AttrKey::kEdgePaddingLow);
  const std::vector<int64_t>& high = op.attributes.Ints(AttrKey::kEdgePaddingHigh);
  const std::vector<int64_t>& interior = op.attributes.Ints(AttrKey::kInteriorPadding);
  Index source{elemental.Delinearize(index, op.type().dims), {}};
  V inside = builder.Bool(true);
  for (size_t i = 0; i < type.dims.size(); ++i) {
    const int64_t inner = type.dims[i] > 1 ? interior[i] : 0;
    if (inner == 0 && low[i] <= 0 && high[i] <= 0) {  // only cropped
      source.dims[i] = builder.ISub(source.dims[i], builder.Int(source.dims[i].type, low[i]));
      continue;
    }
    const int width = static_cast<int>(i) == InnermostDim(type.dims) ? lanes : 1;
    const PaddedDim dim = LocatePaddedDim(builder, source.dims[i], {low[i], inner, type.dims[i]}, width);
    source.dims[i] = dim.source;
    inside = builder.And(inside, dim.inside);
  }
  ASSIGN_OR_RETURN(const Lanes operand, elemental.AtLanes(op.operands[0], source, lanes));
  return SelectLanes(builder, inside, operand, padding);
}

LaneRule PadLanes(const ir::Op& op, int lanes) {
  const Dims& dims = op.operands[0]->type.dims;
  const int dim = InnermostDim(op.type().dims);
  if (dim < 0 || dim != InnermostDim(dims) || op.type().dims[dim] % lanes != 0 || dims[dim] % lanes != 0) {
    return LaneRule::kSeparate;
  }
  const bool is_whole = op.attributes.Ints(AttrKey::kEdgePaddingLow)[dim] % lanes == 0 &&
                        op.attributes.Ints(AttrKey::kInteriorPadding)[dim] == 0;
  return is_whole ? LaneRule::kContiguous : LaneRule::kSeparate;
}

namespace {

struct Part {
  const ir::Value* value;
  int64_t start;  // along the dimension
};

// Finds the element among the parts by halving, so that many operands cost few comparisons and shallow nesting.
StatusOr<Lanes> EmitParts(Elemental& elemental, std::span<const Part> parts, const Index& index, int64_t dim,
                          int lanes) {
  Builder& builder = elemental.builder();
  if (parts.size() == 1) {
    Index at = index;
    at.dims[dim] = builder.ISub(at.dims[dim], builder.Int(at.dims[dim].type, parts[0].start));
    return elemental.AtLanes(parts[0].value, at, lanes);
  }
  const size_t half = parts.size() / 2;
  Status status;
  const auto emit_half = [&](std::span<const Part> half_parts) {
    Elemental::Scope scope(elemental);
    std::vector<V> values;
    StatusOr<Lanes> result = EmitParts(elemental, half_parts, index, dim, lanes);
    if (!result.ok()) {
      status = result.status();
      result = Lanes{ZeroScalar(builder, parts[0].value->type.dtype)};
    }
    for (int lane = 0; lane < lanes; ++lane) {
      values.push_back(Lane(*result, lane).re);
      if (Lane(*result, lane).im.id != kNoValue) values.push_back(Lane(*result, lane).im);
    }
    return values;
  };
  const V position = index.dims[dim];
  const std::vector<V> values = builder.IfValue(
      builder.ULt(position, builder.Int(position.type, parts[half].start)),
      [&] { return emit_half(parts.first(half)); }, [&] { return emit_half(parts.subspan(half)); });
  if (!status.ok()) return status;
  Lanes result;
  const bool is_complex = IsComplex(parts[0].value->type.dtype);
  for (int lane = 0; lane < lanes; ++lane) {
    result.push_back(is_complex ? Scalar{values[2 * lane], values[2 * lane + 1]} : Scalar{values[lane], {}});
  }
  return result;
}

}  // namespace

StatusOr<Lanes> EmitConcatenate(Elemental& elemental, const ir::Op& op, const Index& index, int lanes) {
  const int64_t dim = op.attributes.Int(AttrKey::kDimension);
  std::vector<Part> parts;
  int64_t start = 0;
  for (const ir::Value* operand : op.operands) {
    if (operand->type.dims[dim] > 0) parts.push_back({operand, start});
    start += operand->type.dims[dim];
  }
  // With a single part left the position is also its own; the linear index stays valid only there.
  const Index at{elemental.Delinearize(index, op.type().dims), parts.size() == 1 ? index.linear : V{}};
  return EmitParts(elemental, parts, at, dim, lanes);
}

LaneRule ConcatenateLanes(const ir::Op& op, int lanes) {
  const int64_t dim = op.attributes.Int(AttrKey::kDimension);
  const int lane_dim = InnermostDim(op.type().dims);
  if (lane_dim < 0 || op.type().dims[lane_dim] % lanes != 0) return LaneRule::kSeparate;
  for (const ir::Value* operand : op.operands) {
    if (operand->type.num_elements() == 0) continue;
    if (InnermostDim(operand->type.dims) != lane_dim) return LaneRule::kSeparate;
    if (lane_dim == dim && operand->type.dims[dim] % lanes != 0) return LaneRule::kSeparate;
  }
  return LaneRule::kContiguous;
}

}  // namespace dragoman::kernel
