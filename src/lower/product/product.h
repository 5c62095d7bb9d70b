// SPDX-License-Identifier: Apache-2.0
// A contraction as index arithmetic: out[b,m,n] = sum over k of lhs[b,m,k] * rhs[b,n,k]. Both dot_general and
// convolution become a Product; the emitters (tile_product, direct_product, row_product) know nothing of either op.
//
// Each axis (batch, M, N, K) is a mixed-radix number of digits, outermost first. The index of every dimension of the
// three tensors is an affine function of the digits; for a convolution's operands it may lie outside of the tensor
// (padding) or between its elements (dilation): the element is then zero. What lies outside of the result is not
// stored. Pure data; no kernel IR here.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "fusion/plan.h"
#include "ir/ir.h"
#include "types/scalar_ops.h"

namespace dragoman::kernel {

enum class ProductAxis : uint8_t { kBatch, kM, kN, kK };
inline constexpr int kNumProductAxes = 4;

struct ProductDigit {
  ProductAxis axis;
  int64_t extent;
};

// The index of one tensor dimension: (offset + sum of factors[d] * digit d) / dilation, zero element when that does not
// divide or falls outside of [0, extent).
struct DimMap {
  int64_t extent = 1;
  int64_t offset = 0;
  int64_t dilation = 1;
  std::vector<int64_t> factors;  // one a digit
};

// How a tensor is addressed. `value` is read (or written) at `dims`; a read element then passes through `converts`.
struct OperandMap {
  const ir::Value* value = nullptr;
  std::vector<DimMap> dims;
  std::vector<DType> converts;  // element types to convert to, in order
  // In no memory: a workgroup computes all of it first, as accumulators in shared memory (computed_operand.h).
  bool is_computed = false;
};

struct Product {
  std::vector<ProductDigit> digits;  // all of the batch axis, then M, N, K
  OperandMap lhs;
  OperandMap rhs;
  OperandMap out;
  DType accumulator = DType::kF32;
  Precision precision = Precision::kHighest;  // how far float32 operands may be rounded
};

// A position that must be looked at on its own: a dimension that may leave the tensor or is dilated.
struct PositionMap {
  int64_t extent = 1;
  int64_t offset = 0;
  int64_t dilation = 1;
  int64_t stride = 0;  // linear contribution after division when dilated, else 0: `factors` of the linear map have it
  std::vector<int64_t> factors;
};

struct LinearMap {
  int64_t offset = 0;
  std::vector<int64_t> factors;  // one a digit
  std::vector<PositionMap> positions;
  bool is_wide = false;  // the tensor takes 4 GiB and more: 64-bit indices
};

// A product with as few digits as its three maps allow; no digit of extent 1 remains.
struct ProductForm {
  std::vector<ProductDigit> digits;
  LinearMap lhs;
  LinearMap rhs;
  LinearMap out;
  std::array<int64_t, kNumProductAxes> extents = {1, 1, 1, 1};

  int64_t extent(ProductAxis axis) const { return extents[static_cast<int>(axis)]; }
  std::vector<int> DigitsOf(ProductAxis axis) const;  // indices into digits, outermost first
};

// Looks through the members of the group that produce the operand, down to what the group reads from memory or computes
// (fusion/operand_rows.h). INTERNAL where one is not of fusion/product_operand.h.
Status AbsorbProducers(const fusion::Group& group, OperandMap& map);

// Lets N hold the digit that is contiguous in the result, by swapping lhs and rhs where needed.
void OrientProduct(Product& product);
ProductForm SimplifyProduct(const Product& product);

// Whether any of these digits moves a position.
bool PositionsDependOn(const LinearMap& map, std::span<const int> digits);

// How many consecutive elements along `digit` may be loaded at once: a power of two up to `most`. All other strides,
// the offset and the extents must be multiples of it, and no position may depend on the digit.
int VectorWidth(const ProductForm& form, const LinearMap& map, int digit, int most = 4);

// The type to accumulate in: f32 or f64, s32 or s64, c64 or c128.
DType AccumulatorType(DType lhs, DType rhs, DType result);

}  // namespace dragoman::kernel
