// SPDX-License-Identifier: Apache-2.0
// Shape rules of the ops whose region combines elements.
#include <algorithm>

#include "ir/shape_rules.h"
#include "ir/windows.h"

namespace dragoman::ir {
namespace {

// n inputs of one shape, then n scalar initial values, and a region combining 2 n scalars into n.
Status ExpectReduction(const Op& op) {
  RULE_EXPECT(op.operands.size() % 2 == 0, "{} has {} operands, expected an even number.", Info(op.code).name,
              op.operands.size());
  const size_t n = op.operands.size() / 2;
  std::vector<DType> dtypes;
  for (size_t i = 0; i < n; ++i) {
    const TensorType& input = op.operands[i]->type;
    const TensorType& initial = op.operands[n + i]->type;
    RULE_EXPECT(input.dims == op.operands[0]->type.dims, "Operand {} is {}, which differs in shape from {}.", i,
                input.ToString(), op.operands[0]->type.ToString());
    RULE_EXPECT(initial.rank() == 0 && initial.dtype == input.dtype, "Initial value {} is {} for {}.", i,
                initial.ToString(), input.ToString());
    dtypes.push_back(input.dtype);
  }
  std::vector<DType> arguments = dtypes;
  arguments.insert(arguments.end(), dtypes.begin(), dtypes.end());
  return ExpectScalarRegion(*op.regions[0], arguments, dtypes);
}

std::vector<TensorType> InputsWithDims(const Op& op, const Dims& dims) {
  std::vector<TensorType> types;
  for (size_t i = 0; i < op.operands.size() / 2; ++i) types.push_back({op.operands[i]->type.dtype, dims});
  return types;
}

StatusOr<Window> CheckedWindow(const Op& op, int rank) {
  const struct {
    AttrKey key;
    int64_t min;
  } lists[] = {{AttrKey::kWindowDimensions, 0},
               {AttrKey::kWindowStrides, 1},
               {AttrKey::kBaseDilations, 1},
               {AttrKey::kWindowDilations, 1}};
  for (const auto& [key, min] : lists) {
    if (!op.attributes.Has(key)) continue;
    const auto& values = op.attributes.Ints(key);
    RULE_EXPECT(static_cast<int>(values.size()) == rank, "{} has {} entries for rank {}.", Info(key).name,
                values.size(), rank);
    for (const int64_t value : values) {
      RULE_EXPECT(value >= min, "{} holds {}, expected at least {}.", Info(key).name, value, min);
    }
  }
  const auto& padding = op.attributes.Ints(AttrKey::kPadding);
  RULE_EXPECT(static_cast<int>(padding.size()) == 2 * rank, "padding has {} entries for rank {}.", padding.size(),
              rank);
  return WindowOf(op.attributes);
}

StatusOr<Dims> WindowedDims(const Op& op) {
  const TensorType& input = op.operands[0]->type;
  ASSIGN_OR_RETURN(const Window window, CheckedWindow(op, input.rank()));
  Dims dims;
  for (size_t i = 0; i < window.size(); ++i) dims.push_back(WindowPositions(input.dims[i], window[i]));
  return dims;
}

}  // namespace

Types ReduceTypes(const Op& op) {
  RETURN_IF_ERROR(ExpectReduction(op));
  const TensorType& input = op.operands[0]->type;
  const auto& dimensions = op.attributes.Ints(AttrKey::kDimensions);
  RETURN_IF_ERROR(ExpectDimensions(dimensions, input.rank(), "dimensions"));
  Dims dims;
  for (int64_t d = 0; d < input.rank(); ++d) {
    if (std::find(dimensions.begin(), dimensions.end(), d) == dimensions.end()) dims.push_back(input.dims[d]);
  }
  return InputsWithDims(op, dims);
}

Types ReduceWindowTypes(const Op& op) {
  RETURN_IF_ERROR(ExpectReduction(op));
  ASSIGN_OR_RETURN(const Dims dims, WindowedDims(op));
  return InputsWithDims(op, dims);
}

Types ScanTypes(const Op& op) {
  RETURN_IF_ERROR(ExpectReduction(op));
  const TensorType& input = op.operands[0]->type;
  const int64_t dimension = op.attributes.Int(AttrKey::kDimension);
  RULE_EXPECT(dimension >= 0 && dimension < input.rank(), "dimension {} is not in {}.", dimension, input.ToString());
  return InputsWithDims(op, input.dims);
}

Types SelectAndScatterTypes(const Op& op) {
  const TensorType& input = op.operands[0]->type;
  const TensorType& source = op.operands[1]->type;
  const TensorType& initial = op.operands[2]->type;
  ASSIGN_OR_RETURN(const Dims dims, WindowedDims(op));
  RULE_EXPECT(source.dims == dims && source.dtype == input.dtype, "The source is {}, expected extents {}.",
              source.ToString(), ToString(dims));
  RULE_EXPECT(initial.rank() == 0 && initial.dtype == input.dtype, "The initial value is {} for {}.",
              initial.ToString(), input.ToString());
  RETURN_IF_ERROR(ExpectScalarRegion(*op.regions[0], {input.dtype, input.dtype}, {DType::kPred}));
  RETURN_IF_ERROR(ExpectScalarRegion(*op.regions[1], {input.dtype, input.dtype}, {input.dtype}));
  return std::vector<TensorType>{input};
}

Types SortTypes(const Op& op) {
  const TensorType& first = op.operands[0]->type;
  const int64_t dimension = op.attributes.Int(AttrKey::kDimension);
  RULE_EXPECT(dimension >= 0 && dimension < std::max(first.rank(), 1), "dimension {} is not in {}.", dimension,
              first.ToString());
  std::vector<DType> arguments;
  for (const Value* operand : op.operands) {
    RULE_EXPECT(operand->type.dims == first.dims, "The operands {} and {} differ in shape.", first.ToString(),
                operand->type.ToString());
    arguments.insert(arguments.end(), 2, operand->type.dtype);
  }
  RETURN_IF_ERROR(ExpectScalarRegion(*op.regions[0], arguments, {DType::kPred}));
  ASSIGN_OR_RETURN(std::vector<TensorType> types, OperandTypes(op));
  if (!op.attributes.Has(AttrKey::kLimitIndices)) return types;
  const std::vector<int64_t>& limits = op.attributes.Ints(AttrKey::kLimitIndices);
  RULE_EXPECT(limits.size() == 1 && first.rank() > 0 && limits[0] >= 0 && limits[0] <= first.dims[dimension],
              "limit_indices is not one number of positions along dimension {} of {}.", dimension, first.ToString());
  for (TensorType& type : types) type.dims[dimension] = limits[0];
  return types;
}

}  // namespace dragoman::ir
