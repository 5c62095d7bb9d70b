// SPDX-License-Identifier: Apache-2.0
#include "passes/pad_products.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/arithmetic.h"
#include "passes/patterns.h"
#include "passes/rewrite.h"
#include "target/matrix_units.h"
#include "target/unit_rates.h"

namespace dragoman::passes {
namespace {

constexpr double kCopyCycles = 4000;  // a dispatch behind a barrier
constexpr int64_t kFewestRows = 16;   // of the results' axes

// Where the innermost dimension of an operand goes: both, of a sum, or neither.
struct InnerUse {
  int64_t in_other = -1;   // the dimension of the other operand that it is multiplied with
  int64_t in_result = -1;  // the dimension of the result that it becomes
};

std::optional<InnerUse> InnerOfDot(const Op& dot, int operand) {
  const AttrKey batching[] = {AttrKey::kLhsBatchingDimensions, AttrKey::kRhsBatchingDimensions};
  const AttrKey contracting[] = {AttrKey::kLhsContractingDimensions, AttrKey::kRhsContractingDimensions};
  const int64_t last = dot.operands[operand]->type.rank() - 1;
  if (last < 0 || Contains(dot.attributes.Ints(batching[operand]), last)) return std::nullopt;
  const auto& summed = dot.attributes.Ints(contracting[operand]);
  const auto at = std::find(summed.begin(), summed.end(), last);
  if (at != summed.end()) return InnerUse{dot.attributes.Ints(contracting[1 - operand])[at - summed.begin()], -1};
  // The result has the batches, what is left of the first operand, what is left of the second.
  const auto taken = static_cast<int64_t>(summed.size() + dot.attributes.Ints(batching[0]).size());
  const int64_t left_of_second = dot.operands[1]->type.rank() - taken;
  return InnerUse{-1, dot.type().rank() - 1 - (operand == 0 ? left_of_second : 0)};
}

std::optional<InnerUse> InnerOfConvolution(const Op& op, int operand) {
  const auto at = [&](AttrKey key) { return op.attributes.Int(key); };
  const int64_t last = op.operands[operand]->type.rank() - 1;
  if (at(AttrKey::kFeatureGroupCount) > 1 || at(AttrKey::kBatchGroupCount) > 1) return std::nullopt;
  const bool is_input = operand == 0;
  const int64_t summed = at(is_input ? AttrKey::kInputFeatureDimension : AttrKey::kKernelInputFeatureDimension);
  const int64_t in_other = at(is_input ? AttrKey::kKernelInputFeatureDimension : AttrKey::kInputFeatureDimension);
  if (last == summed) return InnerUse{in_other, -1};
  const int64_t kept = at(is_input ? AttrKey::kInputBatchDimension : AttrKey::kKernelOutputFeatureDimension);
  if (last != kept) return std::nullopt;
  return InnerUse{-1, at(is_input ? AttrKey::kOutputBatchDimension : AttrKey::kOutputFeatureDimension)};
}

// Of the terms behind each result.
int64_t SumOf(const Op& op) {
  if (op.code == OpCode::kConvolution) {
    const Value* kernel = op.operands[1];
    return kernel->type.num_elements() / kernel->type.dims[op.attributes.Int(AttrKey::kKernelOutputFeatureDimension)];
  }
  int64_t sum = 1;
  for (const int64_t d : op.attributes.Ints(AttrKey::kLhsContractingDimensions)) sum *= op.operands[0]->type.dims[d];
  return sum;
}

// Of a dot_general: what an operand has for itself, in one batch. Each is to have as many as the tiles of matrix units.
int64_t FewestRows(const Op& dot) {
  int64_t taken = SumOf(dot);
  for (const int64_t d : dot.attributes.Ints(AttrKey::kLhsBatchingDimensions)) taken *= dot.operands[0]->type.dims[d];
  const auto rows = [&](int side) { return dot.operands[side]->type.num_elements() / std::max<int64_t>(taken, 1); };
  return std::min(rows(0), rows(1));
}

// Rows of a multiple of 16 bytes where that costs little, else pairs of pairs.
int64_t PaddedExtent(int64_t extent) {
  const int64_t multiple = extent >= 64 ? 8 : 4;
  return CeilDiv(extent, multiple) * multiple;
}

double Bytes(const Value* value) {
  return static_cast<double>(value->type.num_elements()) * SizeBytes(value->type.dtype);
}

class ProductPadding {
 public:
  explicit ProductPadding(const target::CompileContext& context)
      : profile_(context.profile), is_exact_(context.options.exact_products) {}

  StatusOr<Replacement> Apply(Op& op, RewriteContext& context) const {
    const bool is_dot = op.code == OpCode::kDotGeneral;
    if ((!is_dot && op.code != OpCode::kConvolution) || op.type().num_elements() == 0 || !MayUseUnits(op)) return kKeep;
    Builder& b = context.builder;
    std::vector<Value*> operands = op.operands;
    TensorType type = op.type();
    for (const int operand : {0, 1}) {
      const int64_t last = operands[operand]->type.rank() - 1;
      const std::optional<InnerUse> inner = is_dot ? InnerOfDot(op, operand) : InnerOfConvolution(op, operand);
      if (!inner.has_value() || !Pays(op, operand, *inner)) continue;
      const int64_t extent = operands[operand]->type.dims[last];
      const int64_t more = PaddedExtent(extent) - extent;
      if (more == 0) continue;  // since the other operand was padded
      operands[operand] = WithZeros(operands[operand], last, more, b);
      Value*& other = operands[1 - operand];
      if (inner->in_other >= 0) other = WithZeros(other, inner->in_other, more, b);
      if (inner->in_result >= 0) type.dims[inner->in_result] += more;
    }
    if (operands == op.operands) return kKeep;
    Value* results = b.MakeTyped(op.code, std::move(operands), {type}, op.attributes)->result();
    if (type.dims == op.type().dims) return ReplaceWith(results);
    return ReplaceWith(b.Slice(results, std::vector<int64_t>(type.dims.size(), 0), op.type().dims));
  }

 private:
  bool MayUseUnits(const Op& op) const {
    const DType dtype = op.operands[0]->type.dtype;
    if (op.operands[1]->type.dtype != dtype) return false;
    const bool is_default = op.attributes.Int(AttrKey::kPrecision) == static_cast<int64_t>(Precision::kDefault);
    if (dtype == DType::kF32)
      return is_default && !is_exact_ && target::HasMatrixUnits(profile_, DType::kF16, DType::kF32);
    return (dtype == DType::kF16 || dtype == DType::kBF16) && target::HasMatrixUnits(profile_, dtype, DType::kF32);
  }

  bool Pays(const Op& op, int operand, const InnerUse& inner) const {
    const TensorType& type = op.operands[operand]->type;
    if (type.dims.back() % 2 == 0 || type.dims.back() < 3) return false;
    const auto sum = static_cast<double>(SumOf(op));
    const auto results = static_cast<double>(op.type().num_elements());
    const double units = std::max(profile_.compute_units, 1);
    const double more = static_cast<double>(PaddedExtent(type.dims.back())) / static_cast<double>(type.dims.back());
    const double saved = results * sum / (target::kMultiplyAddsInCycle * units) *
                         (1 / target::kScalarProductRate - more / target::kNarrowProductRate);
    double bytes = 2 * Bytes(op.operands[operand]);
    bytes += inner.in_other >= 0 ? 2 * Bytes(op.operands[1 - operand]) : 2 * Bytes(op.result());
    if (op.code == OpCode::kDotGeneral && FewestRows(op) < kFewestRows) return false;
    return saved > 2 * kCopyCycles + bytes / (target::kBytesInCycle * units);
  }

  static Value* WithZeros(Value* value, int64_t dimension, int64_t more, Builder& b) {
    std::vector<int64_t> low(value->type.rank(), 0), high(value->type.rank(), 0);
    high[dimension] = more;
    return b.Pad(value, b.Scalar(value->type.dtype, 0), std::move(low), std::move(high));
  }

  const bool is_exact_;  // float32 products are never rounded
  const target::DeviceProfile& profile_;
};

}  // namespace

StatusOr<PassResult> PadProducts(ir::Module& module, const target::CompileContext& context) {
  const ProductPadding padding(context);
  const auto rule = [&](Op& op, RewriteContext& rewrite) { return padding.Apply(op, rewrite); };
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, rule));
  return PassResult{changed};
}

}  // namespace dragoman::passes
