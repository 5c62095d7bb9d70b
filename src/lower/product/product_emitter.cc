// SPDX-License-Identifier: Apache-2.0
#include "lower/product/product_emitter.h"

#include <algorithm>
#include <unordered_set>

#include "base/format.h"
#include "ir/access.h"

namespace dragoman::kernel {
namespace {

V Scaled(Builder& b, V value, int64_t factor, KType type) {
  if (type == KType::kI64 && value.type == KType::kI32) value = b.Convert(KOp::kZExt, value, KType::kI64);
  return b.IMul(value, b.Int(type, factor));
}

bool HasEpilogue(const ProductContext& context) {
  const auto& outputs = context.group.outputs;
  return outputs.size() != 1 || outputs[0] != context.group.hero->result();
}

// The digits of an axis before merging, from its flat index.
void DecodeOriginal(Builder& b, const std::vector<ProductDigit>& digits, ProductAxis axis, V flat,
                    std::vector<V>& values) {
  for (size_t d = digits.size(); d-- > 0;) {
    if (digits[d].axis != axis) continue;
    const bool is_outermost = d == 0 || digits[d - 1].axis != axis;
    values[d] = is_outermost ? flat : b.URem(flat, b.I32(digits[d].extent));
    if (!is_outermost) flat = b.UDiv(flat, b.I32(digits[d].extent));
  }
}

struct AxisIndices {
  V batch;
  V row;
  V column;
};

class TileStorer {
 public:
  TileStorer(ProductContext& context, const ResultTile& tile)
      : c_(context), b_(context.builder), tile_(tile), out_(context, context.product.out, context.form.out) {}

  void StoreRow(V row, std::span<const Scalar> accumulators) {
    const V index = tile_.row_index(row);
    const int lanes = ColumnLanes();
    Guard(tile_.rows_fit ? b_.Bool(true) : b_.ULt(index, b_.I32(c_.form.extent(tile_.row_axis))), [&] {
      for (int j = 0; j < tile_.num_columns; j += lanes) StoreRun(index, j, lanes, accumulators);
    });
  }

 private:
  template <typename Body>
  void Guard(V condition, const Body& body) {
    if (b_.ConstantInt(condition) == 1) {
      body();
      return;
    }
    b_.If(condition, [&] {
      Elemental::Scope scope(c_.elemental);
      body();
    });
  }

  int ColumnLanes() const {
    const std::vector<int> digits = c_.form.DigitsOf(tile_.column_axis);
    if (digits.empty() || IsComplex(c_.product.accumulator)) return 1;
    const int width = VectorWidth(c_.form, c_.form.out, digits.back());
    return tile_.column_run % width == 0 ? width : 1;
  }

  void StoreRun(V row_index, int column, int lanes, std::span<const Scalar> accumulators) {
    const V column_index = tile_.column_index(column);
    const V extent = b_.I32(c_.form.extent(tile_.column_axis));
    Guard(tile_.columns_fit ? b_.Bool(true) : b_.ULt(column_index, extent), [&] {
      const Lanes values(accumulators.begin() + column, accumulators.begin() + column + lanes);
      const Status status = StoreAt({tile_.batch, row_index, column_index}, values, lanes);
      if (c_.status.ok()) c_.status = status;
    });
  }

  Status StoreAt(const AxisIndices& at, const Lanes& values, int lanes) {
    const auto decode = [&](ProductAxis axis, V flat) { return DecodeAxis(b_, c_.form, axis, flat); };
    Partial partial = out_.StepAxis(out_.Origin(), tile_.rest_axis, decode(tile_.rest_axis, at.batch));
    partial = out_.StepAxis(partial, tile_.row_axis, decode(tile_.row_axis, at.row));
    partial = out_.StepAxis(partial, tile_.column_axis, decode(tile_.column_axis, at.column));
    Status status;
    Guard(out_.IsValid(partial), [&] { status = StoreInside(at, partial.linear, values, lanes); });
    return status;
  }

  Status StoreInside(const AxisIndices& at, V linear, const Lanes& values, int lanes) {
    if (c_.num_splits > 1) return StorePartials(linear, values, lanes);
    Index index = Index::FromLinear(linear);
    if (HasEpilogue(c_)) index.dims = OutDims(at);
    return StoreResults(c_, index, values, lanes);
  }

  Status StorePartials(V linear, const Lanes& values, int lanes) {
    const int64_t elements = c_.group.hero->type().num_elements();
    const V at = b_.IAdd(Scaled(b_, tile_.split, elements, linear.type), linear);
    if (IsComplex(c_.product.accumulator)) {
      const V first = b_.IMul(at, b_.Int(at.type, 2));
      b_.Store(c_.partials, first, values[0].re);
      b_.Store(c_.partials, b_.IAdd(first, b_.Int(at.type, 1)), values[0].im);
      return OkStatus();
    }
    b_.StoreVector(c_.partials, at, ToValues(std::span(values).first(lanes), false));
    return OkStatus();
  }

  std::vector<V> OutDims(const AxisIndices& at) {
    const auto& digits = c_.product.digits;
    std::vector<V> values(digits.size(), b_.I32(0));
    DecodeOriginal(b_, digits, tile_.rest_axis, at.batch, values);
    DecodeOriginal(b_, digits, tile_.row_axis, at.row, values);
    DecodeOriginal(b_, digits, tile_.column_axis, at.column, values);
    std::vector<V> dims;
    for (const DimMap& dim : c_.product.out.dims) {
      V index = b_.I32(dim.offset);
      for (size_t d = 0; d < digits.size(); ++d) {
        if (dim.factors[d] != 0) index = b_.MulAdd(values[d], dim.factors[d], index);
      }
      dims.push_back(index);
    }
    return dims;
  }

  ProductContext& c_;
  Builder& b_;
  const ResultTile& tile_;
  OperandReader out_;
};

}  // namespace

std::vector<V> DecodeAxis(Builder& b, const ProductForm& form, ProductAxis axis, V flat) {
  const std::vector<int> digits = form.DigitsOf(axis);
  std::vector<V> values(digits.size());
  for (size_t i = digits.size(); i-- > 0;) {
    const V extent = b.I32(form.digits[digits[i]].extent);
    values[i] = i == 0 ? flat : b.URem(flat, extent);
    if (i > 0) flat = b.UDiv(flat, extent);
  }
  return values;
}

OperandReader::OperandReader(ProductContext& context, const OperandMap& map, const LinearMap& linear)
    : context_(context), map_(map), linear_(linear) {}

Partial OperandReader::Origin() const {
  Builder& b = context_.builder;
  Partial partial{b.Int(linear_.is_wide ? KType::kI64 : KType::kI32, linear_.offset), {}};
  for (const PositionMap& position : linear_.positions) partial.positions.push_back(b.I32(position.offset));
  return partial;
}

Partial OperandReader::Step(const Partial& from, int digit, V value) const {
  Builder& b = context_.builder;
  Partial to = from;
  if (linear_.factors[digit] != 0) {
    to.linear = b.IAdd(from.linear, Scaled(b, value, linear_.factors[digit], from.linear.type));
  }
  for (size_t i = 0; i < linear_.positions.size(); ++i) {
    const int64_t factor = linear_.positions[i].factors[digit];
    if (factor != 0) to.positions[i] = b.MulAdd(value, factor, from.positions[i]);
  }
  return to;
}

Partial OperandReader::StepAxis(const Partial& from, ProductAxis axis, std::span<const V> digits) const {
  Partial to = from;
  const std::vector<int> ids = context_.form.DigitsOf(axis);
  for (size_t i = 0; i < ids.size(); ++i) to = Step(to, ids[i], digits[i]);
  return to;
}

V OperandReader::IsValid(const Partial& partial) const {
  Builder& b = context_.builder;
  V valid = b.Bool(true);
  for (size_t i = 0; i < linear_.positions.size(); ++i) {
    const PositionMap& position = linear_.positions[i];
    // A negative position is a large unsigned one.
    const V dilation = b.I32(position.dilation);
    valid = b.And(valid, b.ULt(b.UDiv(partial.positions[i], dilation), b.I32(position.extent)));
    if (position.dilation > 1) valid = b.And(valid, b.IEq(b.URem(partial.positions[i], dilation), b.I32(0)));
  }
  return valid;
}

Place OperandReader::Locate(const Partial& partial) const {
  Builder& b = context_.builder;
  Place place{{}, IsValid(partial)};
  V linear = partial.linear;
  for (size_t i = 0; i < linear_.positions.size(); ++i) {
    const PositionMap& position = linear_.positions[i];
    if (position.stride == 0) continue;
    const V dim = b.UDiv(partial.positions[i], b.I32(position.dilation));
    linear = b.IAdd(linear, Scaled(b, dim, position.stride, linear.type));
  }
  place.index.linear = b.Select(place.is_valid, linear, b.Zero(linear.type));
  return place;
}

Lanes OperandReader::Load(const Place& place, int lanes) const {
  if (!map_.is_computed) return context_.elemental.LoadLanes(map_.value, place.index, lanes);
  Builder& b = context_.builder;
  Lanes loaded;
  for (int lane = 0; lane < lanes; ++lane) {
    loaded.push_back({b.LoadShared(context_.computed, b.IAdd(place.index.linear, b.I32(lane))), {}});
  }
  return loaded;
}

Lanes OperandReader::LoadWords(const Place& place, int count) const {
  Builder& b = context_.builder;
  const V linear = place.index.linear;
  const int buffer = context_.elemental.BindWords(map_.value);
  return ToScalars(b.LoadVector(buffer, b.UDiv(linear, b.Int(linear.type, elements_of_word())), count), false);
}

StatusOr<Lanes> OperandReader::Convert(const Lanes& loaded, V is_valid) const {
  Builder& b = context_.builder;
  if (map_.is_computed) return loaded;
  const DType accumulator = context_.product.accumulator;
  const bool is_always_valid = b.ConstantInt(is_valid) == 1;
  const Scalar zero = ZeroScalar(b, accumulator);
  Lanes result;
  for (Scalar value : loaded) {
    DType type = map_.value->type.dtype;
    for (const DType next : map_.converts) {
      ASSIGN_OR_RETURN(value, ConvertScalar(b, value, type, next));
      type = next;
    }
    ASSIGN_OR_RETURN(value, ConvertScalar(b, value, type, accumulator));
    if (!is_always_valid) {
      value.re = b.Select(is_valid, value.re, zero.re);
      if (IsComplex(accumulator)) value.im = b.Select(is_valid, value.im, zero.im);
    }
    result.push_back(value);
  }
  return result;
}

int OperandReader::num_components() const { return IsComplex(map_.value->type.dtype) ? 2 : 1; }

Scalar AddAccumulators(Builder& b, DType accumulator, const Scalar& x, const Scalar& y) {
  const KOp add = IsInteger(accumulator) ? KOp::kIAdd : KOp::kFAdd;
  Scalar sum{b.Binary(add, x.re, y.re), {}};
  if (IsComplex(accumulator)) sum.im = b.Binary(add, x.im, y.im);
  return sum;
}

Scalar MultiplyAdd(Builder& b, DType accumulator, const Scalar& x, const Scalar& y, const Scalar& sum) {
  if (IsInteger(accumulator)) return {b.IAdd(sum.re, b.IMul(x.re, y.re)), {}};
  if (!IsComplex(accumulator)) return {b.Fma(x.re, y.re, sum.re), {}};
  const V minus_im = b.Unary(KOp::kFNeg, x.im);
  return {b.Fma(minus_im, y.im, b.Fma(x.re, y.re, sum.re)), b.Fma(x.im, y.re, b.Fma(x.re, y.im, sum.im))};
}

std::vector<V> ToValues(std::span<const Scalar> scalars, bool is_complex) {
  std::vector<V> values;
  for (const Scalar& scalar : scalars) {
    values.push_back(scalar.re);
    if (is_complex) values.push_back(scalar.im);
  }
  return values;
}

std::vector<Scalar> ToScalars(std::span<const V> values, bool is_complex) {
  std::vector<Scalar> scalars;
  const size_t components = is_complex ? 2 : 1;
  for (size_t i = 0; i + components <= values.size(); i += components) {
    scalars.push_back({values[i], is_complex ? values[i + 1] : V{}});
  }
  return scalars;
}

Status StoreTile(ProductContext& context, const ResultTile& tile) {
  Builder& b = context.builder;
  TileStorer storer(context, tile);
  if (tile.num_rows == 1) {
    storer.StoreRow(b.I32(0), tile.load_row ? tile.load_row(b.I32(0)) : tile.accumulators);
    return context.status;
  }
  if (tile.load_row) {
    b.ForEach(b.I32(0), b.I32(tile.num_rows), b.I32(1), [&](V row) {
      Elemental::Scope scope(context.elemental);
      storer.StoreRow(row, tile.load_row(row));
    });
    return context.status;
  }
  // The accumulators rotate by a row each time round, since they cannot be indexed.
  const bool is_complex = IsComplex(context.product.accumulator);
  const size_t row_size = static_cast<size_t>(tile.num_columns) * (is_complex ? 2 : 1);
  const auto body = [&](V row, std::span<const V> carried) {
    Elemental::Scope scope(context.elemental);
    storer.StoreRow(row, ToScalars(carried.first(row_size), is_complex));
    std::vector<V> rotated(carried.begin() + row_size, carried.end());
    rotated.insert(rotated.end(), carried.begin(), carried.begin() + row_size);
    return rotated;
  };
  b.For(b.I32(0), b.I32(tile.num_rows), b.I32(1), ToValues(tile.accumulators, is_complex), body);
  return context.status;
}

Status StoreResults(ProductContext& context, const Index& index, const Lanes& accumulated, int lanes) {
  Builder& b = context.builder;
  const ir::Value* hero = context.group.hero->result();
  Lanes values;
  for (const Scalar& value : accumulated) {
    ASSIGN_OR_RETURN(Scalar converted, ConvertScalar(b, value, context.product.accumulator, hero->type.dtype));
    values.push_back(converted);
  }
  Elemental& elemental = context.elemental;
  if (!HasEpilogue(context)) {
    elemental.StoreLanes(hero, index, values, lanes);
    return OkStatus();
  }
  elemental.Remember(hero, index, values, lanes);
  for (int lane = 0; lanes > 1 && lane < lanes; ++lane) {
    // For what the epilogue can only compute lane by lane.
    const V linear = b.IAdd(index.linear, b.Int(index.linear.type, lane));
    elemental.Remember(hero, Index::FromLinear(linear), {values[lane]});
  }
  // All are computed before any is stored: an output may take the memory of an input of the epilogue.
  std::vector<std::pair<Index, Lanes>> results;
  for (const ir::Value* output : context.group.outputs) {
    const bool same_dims = output->type.dims == hero->type.dims;
    const Index at = same_dims ? index : Index::FromLinear(index.linear);
    ASSIGN_OR_RETURN(Lanes lanes_of_output, elemental.AtLanes(output, at, lanes));
    results.emplace_back(at, std::move(lanes_of_output));
  }
  for (size_t i = 0; i < results.size(); ++i) {
    elemental.StoreLanes(context.group.outputs[i], results[i].first, results[i].second, lanes);
  }
  return OkStatus();
}

Status CheckEpilogue(const fusion::Group& group) {
  std::unordered_set<const ir::Value*> dependent = {group.hero->result()};
  for (const ir::Op* op : group.members) {
    for (const ir::Value* operand : op->operands) {
      if (!dependent.contains(operand)) continue;
      if (!ir::KeepsLinearIndex(*op, operand)) {
        return Internal(Format("A {} follows {} in one group; only what keeps the position of elements can.",
                               ir::Info(op->code).name, ir::Info(group.hero->code).name));
      }
      for (const auto& result : op->results) dependent.insert(result.get());
    }
  }
  for (const ir::Value* output : group.outputs) {
    if (output->type.num_elements() == group.hero->type().num_elements()) continue;
    return Internal(Format("An output {} of a group does not have as many elements as its {} {}.",
                           output->type.ToString(), ir::Info(group.hero->code).name, group.hero->type().ToString()));
  }
  return OkStatus();
}

}  // namespace dragoman::kernel
