// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "lower/product/kinds.h"
#include "lower/product/lower_product.h"

namespace dragoman::kernel {
namespace {

using ir::AttrKey;

bool Holds(const std::vector<int64_t>& list, int64_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

OperandMap EmptyMap(const ir::Value* value, size_t num_digits) {
  OperandMap map;
  map.value = value;
  for (const int64_t extent : value->type.dims) map.dims.push_back({extent, 0, 1, std::vector<int64_t>(num_digits, 0)});
  return map;
}

// Which dimension of lhs, rhs and result (-1: none) a digit runs over.
struct DigitDims {
  ProductDigit digit;
  int64_t lhs;
  int64_t rhs;
  int64_t out;
};

std::vector<DigitDims> DigitsOfDot(const ir::Op& op) {
  const auto& lhs_batch = op.attributes.Ints(AttrKey::kLhsBatchingDimensions);
  const auto& rhs_batch = op.attributes.Ints(AttrKey::kRhsBatchingDimensions);
  const auto& lhs_contracting = op.attributes.Ints(AttrKey::kLhsContractingDimensions);
  const auto& rhs_contracting = op.attributes.Ints(AttrKey::kRhsContractingDimensions);
  const Dims& lhs = op.operands[0]->type.dims;
  const Dims& rhs = op.operands[1]->type.dims;
  std::vector<DigitDims> digits;
  int64_t out = 0;
  for (size_t i = 0; i < lhs_batch.size(); ++i) {
    digits.push_back({{ProductAxis::kBatch, lhs[lhs_batch[i]]}, lhs_batch[i], rhs_batch[i], out++});
  }
  for (size_t d = 0; d < lhs.size(); ++d) {
    const int64_t dim = static_cast<int64_t>(d);
    if (!Holds(lhs_batch, dim) && !Holds(lhs_contracting, dim)) {
      digits.push_back({{ProductAxis::kM, lhs[d]}, dim, -1, out++});
    }
  }
  for (size_t d = 0; d < rhs.size(); ++d) {
    const int64_t dim = static_cast<int64_t>(d);
    if (!Holds(rhs_batch, dim) && !Holds(rhs_contracting, dim)) {
      digits.push_back({{ProductAxis::kN, rhs[d]}, -1, dim, out++});
    }
  }
  // The lists may be in any order; that of lhs lets neighbours merge.
  std::vector<size_t> order(lhs_contracting.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return lhs_contracting[a] < lhs_contracting[b]; });
  for (const size_t i : order) {
    digits.push_back({{ProductAxis::kK, lhs[lhs_contracting[i]]}, lhs_contracting[i], rhs_contracting[i], -1});
  }
  return digits;
}

}  // namespace

Product DotProduct(const ir::Op& op) {
  const std::vector<DigitDims> digits = DigitsOfDot(op);
  Product product;
  product.accumulator = AccumulatorType(op.operands[0]->type.dtype, op.operands[1]->type.dtype, op.type().dtype);
  product.lhs = EmptyMap(op.operands[0], digits.size());
  product.rhs = EmptyMap(op.operands[1], digits.size());
  product.out = EmptyMap(op.result(), digits.size());
  for (size_t d = 0; d < digits.size(); ++d) {
    product.digits.push_back(digits[d].digit);
    if (digits[d].lhs >= 0) product.lhs.dims[digits[d].lhs].factors[d] = 1;
    if (digits[d].rhs >= 0) product.rhs.dims[digits[d].rhs].factors[d] = 1;
    if (digits[d].out >= 0) product.out.dims[digits[d].out].factors[d] = 1;
  }
  return product;
}

StatusOr<LoweredGroup> LowerDot(const fusion::Group& group, const target::CompileContext& context) {
  return LowerProduct(group, context, DotProduct(*group.hero));
}

}  // namespace dragoman::kernel
