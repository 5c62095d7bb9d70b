// SPDX-License-Identifier: Apache-2.0
#include "passes/narrow_products.h"

#include <algorithm>

#include "passes/patterns.h"
#include "passes/rewrite.h"

namespace dragoman::passes {
namespace {

// Biased exponents of f32.
constexpr int64_t kBias = 127;
constexpr int64_t kTop = kBias + 14;     // of an operand's largest element once it is scaled
constexpr int64_t kLargestScale = 253;   // whose inverse is normal too
constexpr int64_t kExponentOfInf = 255;  // and of NaN

// The estimate, in cycles of the whole device. Rates as in lower/product/tile_config.cc.
constexpr double kUnitMultiplyAdds = 128;
constexpr double kScalarRate = 0.75;
constexpr double kMatrixRate = 4;
constexpr double kBytesInCycle = 16;     // of a compute unit
constexpr double kOperandCycles = 8000;  // two dispatches: the largest element, the scaled operand
constexpr double kOperandBytes = 10;     // an element: read twice, written once in two bytes
constexpr int64_t kLeastExtent = 16;     // of each axis of the product

// What a product does with one operand.
struct Side {
  int operand = 0;
  std::vector<int64_t> kept;    // dimensions that are not summed over, ascending
  std::vector<int64_t> result;  // the dimensions of the result that they become
  bool has_pairs = false;       // two neighbours in memory are neighbours to the product
};

struct Form {
  Side lhs, rhs;
  int64_t rows = 1, columns = 1, sum = 1;  // for one batch
  double multiply_adds = 0;
};

bool IsEven(const Value* value) { return value->type.rank() > 0 && value->type.dims.back() % 2 == 0; }

int64_t CountAlong(const Value* value, const std::vector<int64_t>& dimensions) {
  int64_t product = 1;
  for (const int64_t d : dimensions) product *= value->type.dims[d];
  return product;
}

Side SideOfDot(const Op& dot, int operand, int64_t first_free) {
  const bool is_left = operand == 0;
  const auto& batching =
      dot.attributes.Ints(is_left ? AttrKey::kLhsBatchingDimensions : AttrKey::kRhsBatchingDimensions);
  const auto& contracting =
      dot.attributes.Ints(is_left ? AttrKey::kLhsContractingDimensions : AttrKey::kRhsContractingDimensions);
  const int64_t rank = dot.operands[operand]->type.rank();
  Side side{operand, {}, {}, IsEven(dot.operands[operand]) && !Contains(batching, rank - 1)};
  for (int64_t d = 0; d < rank; ++d) {
    if (Contains(contracting, d)) continue;
    const auto batch = std::find(batching.begin(), batching.end(), d);
    side.kept.push_back(d);
    side.result.push_back(batch == batching.end() ? first_free++ : batch - batching.begin());
  }
  return side;
}

Form FormOfDot(const Op& dot) {
  const auto& batching = dot.attributes.Ints(AttrKey::kLhsBatchingDimensions);
  const auto num_batching = static_cast<int64_t>(batching.size());
  Form form;
  form.lhs = SideOfDot(dot, 0, num_batching);
  const auto num_lhs_free = static_cast<int64_t>(form.lhs.kept.size()) - num_batching;
  form.rhs = SideOfDot(dot, 1, num_batching + num_lhs_free);
  const int64_t batch = std::max<int64_t>(1, CountAlong(dot.operands[0], batching));
  form.sum = CountAlong(dot.operands[0], dot.attributes.Ints(AttrKey::kLhsContractingDimensions));
  form.rows = CountAlong(dot.operands[0], form.lhs.kept) / batch;
  form.columns = CountAlong(dot.operands[1], form.rhs.kept) / batch;
  form.multiply_adds = static_cast<double>(dot.type().num_elements()) * static_cast<double>(form.sum);
  return form;
}

// Windows overlap, so that all of an image has one scale.
Form FormOfConvolution(const Op& convolution) {
  const Value* input = convolution.operands[0];
  const Value* kernel = convolution.operands[1];
  const auto at = [&](AttrKey key) { return convolution.attributes.Int(key); };
  const auto is_spatial = [&](AttrKey key, const Value* value) {
    return Contains(convolution.attributes.Ints(key), value->type.rank() - 1);
  };
  Form form;
  form.lhs = {0,
              {at(AttrKey::kInputBatchDimension)},
              {at(AttrKey::kOutputBatchDimension)},
              IsEven(input) && !is_spatial(AttrKey::kInputSpatialDimensions, input)};
  form.rhs = {1,
              {at(AttrKey::kKernelOutputFeatureDimension)},
              {at(AttrKey::kOutputFeatureDimension)},
              IsEven(kernel) && !is_spatial(AttrKey::kKernelSpatialDimensions, kernel)};
  form.columns = CountAlong(kernel, form.rhs.kept);
  form.sum = kernel->type.num_elements() / std::max<int64_t>(1, form.columns);
  form.rows = convolution.type().num_elements() / std::max<int64_t>(1, form.columns);
  form.multiply_adds = static_cast<double>(convolution.type().num_elements()) * static_cast<double>(form.sum);
  const bool is_grouped = at(AttrKey::kFeatureGroupCount) > 1 || at(AttrKey::kBatchGroupCount) > 1;
  if (is_grouped) form.rows = 0;
  return form;
}

bool HasMatrixUnits(const target::DeviceProfile& profile, DType input) {
  return profile.cooperative_matrix && profile.vulkan_memory_model && profile.subgroup_basic &&
         profile.matrix_registers > 0 &&
         std::any_of(profile.matrix_shapes.begin(), profile.matrix_shapes.end(), [&](const target::MatrixShape& shape) {
           return shape.input == input && shape.accumulator == DType::kF32;
         });
}

bool IsFloat32(const Op& op) {
  return op.type().dtype == DType::kF32 && op.operands[0]->type.dtype == DType::kF32 &&
         op.operands[1]->type.dtype == DType::kF32;
}

// What the operand was widened from without loss, if from a type of 16 bits.
Value* Widened(const Value* operand) {
  const Op* convert = DefinedBy(operand, OpCode::kConvert);
  if (convert == nullptr) return nullptr;
  const DType from = convert->operands[0]->type.dtype;
  return from == DType::kF16 || from == DType::kBF16 ? convert->operands[0] : nullptr;
}

class Narrowing {
 public:
  explicit Narrowing(const target::DeviceProfile& profile) : profile_(profile) {}

  StatusOr<Replacement> Apply(Op& op, RewriteContext& context) const {
    const bool is_dot = op.code == OpCode::kDotGeneral;
    if (!is_dot && op.code != OpCode::kConvolution) return kKeep;
    const bool is_default = op.attributes.Int(AttrKey::kPrecision) == static_cast<int64_t>(Precision::kDefault);
    if (!is_default || !IsFloat32(op) || op.type().num_elements() == 0) return kKeep;
    const Form form = is_dot ? FormOfDot(op) : FormOfConvolution(op);
    const bool is_large = std::min({form.rows, form.columns, form.sum}) >= kLeastExtent;
    if (!is_large || !form.lhs.has_pairs || !form.rhs.has_pairs) return kKeep;
    Value* lhs = Widened(op.operands[0]);
    Value* rhs = Widened(op.operands[1]);
    if (lhs != nullptr && rhs != nullptr && lhs->type.dtype == rhs->type.dtype) {
      if (!HasMatrixUnits(profile_, lhs->type.dtype)) return kKeep;
      return ReplaceWith(With(op, lhs, rhs, context.builder));
    }
    if (!HasMatrixUnits(profile_, DType::kF16) || !Pays(op, form)) return kKeep;
    return ReplaceWith(Scaled(op, form, context.builder));
  }

 private:
  bool Pays(const Op& op, const Form& form) const {
    const double units = std::max(profile_.compute_units, 1);
    const double elements = static_cast<double>(op.operands[0]->type.num_elements()) +
                            static_cast<double>(op.operands[1]->type.num_elements());
    const double saved = form.multiply_adds / (kUnitMultiplyAdds * units) * (1 / kScalarRate - 1 / kMatrixRate);
    return saved > 2 * kOperandCycles + elements * kOperandBytes / (kBytesInCycle * units);
  }

  static Value* With(const Op& op, Value* lhs, Value* rhs, Builder& builder) {
    return builder.MakeTyped(op.code, {lhs, rhs}, {op.type()}, op.attributes)->result();
  }

  // Bits of the scales, an f32 each, by the dimensions that are kept.
  static Value* ScaleBits(Value* operand, const Side& side, Builder& b) {
    const TensorType bits_type{DType::kU32, operand->type.dims};
    Value* inf = b.Splat(bits_type, static_cast<double>(kExponentOfInf << 23));
    Value* exponents = b.And(b.Bitcast(operand, bits_type), inf);
    Value* is_finite = b.Compare(ComparisonDirection::kNe, exponents, inf);
    Value* finite = b.Select(is_finite, exponents, b.Splat(bits_type, 0));
    std::vector<int64_t> summed;
    for (int64_t d = 0; d < operand->type.rank(); ++d) {
      if (!Contains(side.kept, d)) summed.push_back(d);
    }
    Value* largest = b.Reduce(finite, 0, std::move(summed), OpCode::kMaximum);
    Value* scale = b.Subtract(b.SplatLike(largest, static_cast<double>((kTop + kBias) << 23)), largest);
    return b.Binary(OpCode::kMinimum, scale, b.SplatLike(scale, static_cast<double>(kLargestScale << 23)));
  }

  static Value* Floats(Value* bits, Builder& b) { return b.Bitcast(bits, {DType::kF32, bits->type.dims}); }

  static Value* Narrow(Value* operand, const Side& side, Value* scale_bits, Builder& b) {
    Value* scale = b.Broadcast(Floats(scale_bits, b), operand->type.dims, side.kept);
    return b.Convert(b.Multiply(operand, scale), DType::kF16);
  }

  // 1 / scale for each result.
  static Value* Inverse(const Op& op, const Side& side, Value* scale_bits, Builder& b) {
    Value* inverse = b.Subtract(b.SplatLike(scale_bits, static_cast<double>((2 * kBias) << 23)), scale_bits);
    return b.Broadcast(Floats(inverse, b), op.type().dims, side.result);
  }

  // Only then may one inverse overflow what the other one does not when the smaller comes first.
  static Value* Scaled(const Op& op, const Form& form, Builder& b) {
    Value* lhs_bits = ScaleBits(op.operands[0], form.lhs, b);
    Value* rhs_bits = ScaleBits(op.operands[1], form.rhs, b);
    Value* sums =
        With(op, Narrow(op.operands[0], form.lhs, lhs_bits, b), Narrow(op.operands[1], form.rhs, rhs_bits, b), b);
    Value* lhs = Inverse(op, form.lhs, lhs_bits, b);
    Value* rhs = Inverse(op, form.rhs, rhs_bits, b);
    Value* smaller = b.Binary(OpCode::kMinimum, lhs, rhs);
    Value* larger = b.Binary(OpCode::kMaximum, lhs, rhs);
    return b.Multiply(b.Multiply(sums, smaller), larger);
  }

  const target::DeviceProfile& profile_;
};

}  // namespace

StatusOr<PassResult> NarrowProducts(ir::Module& module, const target::CompileContext& context) {
  const Narrowing narrowing(context.profile);
  const auto rule = [&](Op& op, RewriteContext& rewrite) { return narrowing.Apply(op, rewrite); };
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, rule));
  return PassResult{changed};
}

}  // namespace dragoman::passes
