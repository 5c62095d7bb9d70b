// SPDX-License-Identifier: Apache-2.0
#include "lower/product/product.h"

#include <algorithm>
#include <iterator>

#include "base/format.h"
#include "fusion/operand_rows.h"

namespace dragoman::kernel {
namespace {

struct OffsetRange {
  int64_t min;
  int64_t max;
};

OffsetRange OffsetRangeOf(const DimMap& dim, const std::vector<ProductDigit>& digits) {
  OffsetRange range = {dim.offset, dim.offset};
  for (size_t d = 0; d < digits.size(); ++d) {
    const int64_t reach = dim.factors[d] * std::max<int64_t>(digits[d].extent - 1, 0);
    (reach < 0 ? range.min : range.max) += reach;
  }
  return range;
}

// Every position the digits reach is a multiple of the dilation.
bool DividesAlways(const DimMap& dim, const std::vector<ProductDigit>& digits) {
  if (dim.offset % dim.dilation != 0) return false;
  for (size_t d = 0; d < digits.size(); ++d) {
    if (digits[d].extent > 1 && dim.factors[d] % dim.dilation != 0) return false;
  }
  return true;
}

DimMap WithoutNeedlessDilation(DimMap dim, const std::vector<ProductDigit>& digits) {
  if (dim.dilation == 1 || !DividesAlways(dim, digits)) return dim;
  dim.offset /= dim.dilation;
  for (int64_t& factor : dim.factors) factor /= dim.dilation;
  dim.dilation = 1;
  return dim;
}

bool IsChecked(const DimMap& dim, const std::vector<ProductDigit>& digits) {
  const OffsetRange range = OffsetRangeOf(dim, digits);
  return dim.dilation > 1 || range.min < 0 || range.max > dim.extent - 1;
}

Dims ExtentsOf(const OperandMap& map) {
  Dims extents;
  for (const DimMap& dim : map.dims) extents.push_back(dim.extent);
  return extents;
}

OperandMap Transposed(const ir::Op& op, OperandMap map) {
  const auto& permutation = op.attributes.Ints(ir::AttrKey::kPermutation);
  std::vector<DimMap> dims(map.dims.size());
  for (size_t j = 0; j < permutation.size(); ++j) dims[permutation[j]] = std::move(map.dims[j]);
  map.dims = std::move(dims);
  return map;
}

OperandMap Reversed(const ir::Op& op, OperandMap map) {
  for (const int64_t d : op.attributes.Ints(ir::AttrKey::kDimensions)) {
    DimMap& dim = map.dims[d];
    dim.offset = dim.extent - 1 - dim.offset;
    for (int64_t& factor : dim.factors) factor = -factor;
  }
  return map;
}

OperandMap Broadcast(const ir::Op& op, OperandMap map) {
  const Dims& extents = op.operands[0]->type.dims;
  const auto& dimensions = op.attributes.Ints(ir::AttrKey::kBroadcastDimensions);
  std::vector<DimMap> dims;
  for (size_t j = 0; j < extents.size(); ++j) {
    DimMap& dim = dims.emplace_back(std::move(map.dims[dimensions[j]]));
    if (extents[j] != dim.extent) dim = {extents[j], 0, 1, std::vector<int64_t>(dim.factors.size(), 0)};
  }
  map.dims = std::move(dims);
  return map;
}

OperandMap Converted(const ir::Op& op, OperandMap map) {
  map.converts.insert(map.converts.begin(), op.type().dtype);
  return map;
}

struct AbsorbRow {
  ir::OpCode code;
  OperandMap (*apply)(const ir::Op& op, OperandMap map);
};
constexpr AbsorbRow kAbsorbed[] = {
    {ir::OpCode::kTranspose, Transposed},
    {ir::OpCode::kReverse, Reversed},
    {ir::OpCode::kBroadcastInDim, Broadcast},
    {ir::OpCode::kConvert, Converted},
};

PositionMap PositionOf(const DimMap& dim, int64_t stride) {
  return {dim.extent, dim.offset, dim.dilation, dim.dilation > 1 ? stride : 0, dim.factors};
}

LinearMap LinearOf(const OperandMap& map, const std::vector<ProductDigit>& digits) {
  LinearMap linear;
  linear.factors.assign(digits.size(), 0);
  const Dims extents = ExtentsOf(map);
  const Dims strides = RowMajorStrides(extents);
  linear.is_wide = map.value->type.size_bytes() >= (int64_t{1} << 32);
  for (size_t i = 0; i < map.dims.size(); ++i) {
    const DimMap dim = WithoutNeedlessDilation(map.dims[i], digits);
    if (IsChecked(dim, digits)) linear.positions.push_back(PositionOf(dim, strides[i]));
    if (dim.dilation > 1) continue;
    linear.offset += strides[i] * dim.offset;
    for (size_t d = 0; d < digits.size(); ++d) linear.factors[d] += strides[i] * dim.factors[d];
  }
  return linear;
}

using FactorLists = std::vector<std::vector<int64_t>*>;

void AddFactorLists(LinearMap& map, FactorLists& lists) {
  lists.push_back(&map.factors);
  for (PositionMap& position : map.positions) lists.push_back(&position.factors);
}

void EraseDigit(ProductForm& form, const FactorLists& lists, size_t digit) {
  form.digits.erase(form.digits.begin() + digit);
  for (auto* list : lists) list->erase(list->begin() + digit);
}

// Digits d and d+1 count like one number in every map.
bool CanMerge(const ProductForm& form, const FactorLists& lists, size_t d) {
  if (form.digits[d].axis != form.digits[d + 1].axis) return false;
  const int64_t extent = form.digits[d + 1].extent;
  return std::all_of(lists.begin(), lists.end(),
                     [&](const auto* list) { return (*list)[d] == (*list)[d + 1] * extent; });
}

bool HasInnermostOutDigit(const ProductForm& form, ProductAxis axis) {
  for (size_t d = 0; d < form.digits.size(); ++d) {
    if (form.digits[d].axis == axis && form.out.factors[d] == 1) return true;
  }
  return false;
}

}  // namespace

std::vector<int> ProductForm::DigitsOf(ProductAxis axis) const {
  std::vector<int> result;
  for (size_t d = 0; d < digits.size(); ++d) {
    if (digits[d].axis == axis) result.push_back(static_cast<int>(d));
  }
  return result;
}

Status AbsorbProducers(const fusion::Group& group, OperandMap& map) {
  const auto is_read = [&](const ir::Value* value) {
    return std::find(group.inputs.begin(), group.inputs.end(), value) != group.inputs.end();
  };
  map.is_computed = fusion::IsComputedByRows(group, map.value);
  while (!map.is_computed && !is_read(map.value)) {
    const ir::Op* op = map.value->op;
    const auto row = std::find_if(std::begin(kAbsorbed), std::end(kAbsorbed),
                                  [op](const AbsorbRow& each) { return op != nullptr && each.code == op->code; });
    if (row == std::end(kAbsorbed)) {
      return Internal(Format("A {} takes an operand {} that is neither in memory nor moved or converted from there.",
                             ir::Info(group.hero->code).name, map.value->type.ToString()));
    }
    map = row->apply(*op, std::move(map));
    map.value = op->operands[0];
  }
  return OkStatus();
}

void OrientProduct(Product& product) {
  const ProductForm form = SimplifyProduct(product);
  if (HasInnermostOutDigit(form, ProductAxis::kN) || !HasInnermostOutDigit(form, ProductAxis::kM)) return;
  std::swap(product.lhs, product.rhs);
  for (ProductDigit& digit : product.digits) {
    if (digit.axis == ProductAxis::kM) {
      digit.axis = ProductAxis::kN;
    } else if (digit.axis == ProductAxis::kN) {
      digit.axis = ProductAxis::kM;
    }
  }
}

ProductForm SimplifyProduct(const Product& product) {
  ProductForm form;
  form.digits = product.digits;
  form.lhs = LinearOf(product.lhs, product.digits);
  form.rhs = LinearOf(product.rhs, product.digits);
  form.out = LinearOf(product.out, product.digits);
  for (const ProductDigit& digit : form.digits) form.extents[static_cast<int>(digit.axis)] *= digit.extent;

  FactorLists lists;
  for (LinearMap* map : {&form.lhs, &form.rhs, &form.out}) AddFactorLists(*map, lists);
  for (size_t d = form.digits.size(); d-- > 0;) {
    if (form.digits[d].extent == 1) EraseDigit(form, lists, d);
  }
  for (size_t d = form.digits.size(); d-- > 1;) {
    if (!CanMerge(form, lists, d - 1)) continue;
    form.digits[d].extent *= form.digits[d - 1].extent;
    EraseDigit(form, lists, d - 1);
  }
  return form;
}

bool PositionsDependOn(const LinearMap& map, std::span<const int> digits) {
  return std::ranges::any_of(map.positions, [digits](const PositionMap& position) {
    return std::ranges::any_of(digits, [&](int digit) { return position.factors[digit] != 0; });
  });
}

int VectorWidth(const ProductForm& form, const LinearMap& map, int digit, int most) {
  if (map.factors[digit] != 1) return 1;
  for (const PositionMap& position : map.positions) {
    if (position.factors[digit] != 0) return 1;
  }
  const auto divides = [&](int width) {
    if (form.digits[digit].extent % width != 0 || map.offset % width != 0) return false;
    for (size_t d = 0; d < form.digits.size(); ++d) {
      if (static_cast<int>(d) != digit && map.factors[d] % width != 0) return false;
    }
    return std::all_of(map.positions.begin(), map.positions.end(),
                       [&](const PositionMap& position) { return position.stride % width == 0; });
  };
  while (most > 1 && !divides(most)) most /= 2;
  return most;
}

DType AccumulatorType(DType lhs, DType rhs, DType result) {
  const std::array<DType, 3> types = {lhs, rhs, result};
  const auto any = [&](auto&& holds) { return std::any_of(types.begin(), types.end(), holds); };
  const bool is_double = any([](DType type) { return RealPart(type) == DType::kF64; });
  if (any(IsComplex)) return is_double ? DType::kC128 : DType::kC64;
  if (any(IsFloat)) return is_double ? DType::kF64 : DType::kF32;
  return any([](DType type) { return SizeBytes(type) == 8; }) ? DType::kS64 : DType::kS32;
}

}  // namespace dragoman::kernel
