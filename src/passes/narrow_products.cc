// SPDX-License-Identifier: Apache-2.0
#include "passes/narrow_products.h"

#include <algorithm>

#include "passes/patterns.h"
#include "passes/rewrite.h"
#include "target/matrix_units.h"
#include "target/unit_rates.h"

namespace dragoman::passes {
namespace {

// Biased exponents of f32.
constexpr int64_t kBias = 127;
constexpr int64_t kTop = kBias + 14;     // of an operand's largest element once it is scaled
constexpr int64_t kLargestScale = 253;   // whose inverse is normal too
constexpr int64_t kExponentOfInf = 255;  // and of NaN

// The estimate, in cycles of the whole device.
constexpr double kOperandCycles = 5000;  // two dispatches: the largest element, the scaled operand
constexpr double kOperandBytes = 10;     // an element: read twice, written once in two bytes
constexpr int64_t kLeastExtent = 16;     // of the results' axes
// Of the sums: the traffic of results bounds products of shorter ones, and scaling results costs more than it gains
// (measured with the scores of attention, 64 terms each, on NVIDIA H200).
constexpr int64_t kLeastSum = 128;

// What a product does with one operand.
struct Side {
  int operand = 0;
  std::vector<int64_t> kept;    // dimensions that are not summed over
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
    if (!form.lhs.has_pairs || !form.rhs.has_pairs || std::min(form.rows, form.columns) < kLeastExtent) return kKeep;
    Value* lhs = Widened(op.operands[0]);
    Value* rhs = Widened(op.operands[1]);
    if (lhs != nullptr && rhs != nullptr && lhs->type.dtype == rhs->type.dtype) {
      if (!target::HasMatrixUnits(profile_, lhs->type.dtype, DType::kF32)) return kKeep;
      return ReplaceWith(With(op, lhs, rhs, context.builder));
    }
    if (!target::HasMatrixUnits(profile_, DType::kF16, DType::kF32) || !Pays(op, form)) return kKeep;
    return ReplaceWith(Scaled(op, form, context.builder));
  }

 private:
  bool Pays(const Op& op, const Form& form) const {
    if (form.sum < kLeastSum) return false;
    const double units = std::max(profile_.compute_units, 1);
    const double elements = static_cast<double>(op.operands[0]->type.num_elements()) +
                            static_cast<double>(op.operands[1]->type.num_elements());
    const double rate = target::SplitsFloat32(profile_) ? target::kSplitProductRate : target::kScalarProductRate;
    const double saved =
        form.multiply_adds / (target::kMultiplyAddsInCycle * units) * (1 / rate - 1 / target::kNarrowProductRate);
    return saved > 2 * kOperandCycles + elements * kOperandBytes / (target::kBytesInCycle * units);
  }

  static Value* With(const Op& op, Value* lhs, Value* rhs, Builder& builder) {
    return builder.MakeTyped(op.code, {lhs, rhs}, {op.type()}, op.attributes)->result();
  }

  // Bits of the scales, an f32 each, by the dimensions that are kept, in ascending order.
  static Value* ScaleBits(Value* operand, const std::vector<int64_t>& kept, Builder& b) {
    const TensorType bits_type{DType::kU32, operand->type.dims};
    Value* inf = b.Splat(bits_type, static_cast<double>(kExponentOfInf << 23));
    Value* exponents = b.And(b.Bitcast(operand, bits_type), inf);
    Value* is_finite = b.Compare(ComparisonDirection::kNe, exponents, inf);
    Value* finite = b.Select(is_finite, exponents, b.Splat(bits_type, 0));
    std::vector<int64_t> summed;
    for (int64_t d = 0; d < operand->type.rank(); ++d) {
      if (!Contains(kept, d)) summed.push_back(d);
    }
    Value* largest = b.Reduce(finite, 0, std::move(summed), OpCode::kMaximum);
    Value* scale = b.Subtract(b.SplatLike(largest, static_cast<double>((kTop + kBias) << 23)), largest);
    return b.Binary(OpCode::kMinimum, scale, b.SplatLike(scale, static_cast<double>(kLargestScale << 23)));
  }

  static Value* Floats(Value* bits, Builder& b) { return b.Bitcast(bits, {DType::kF32, bits->type.dims}); }

  struct Narrowed {
    Value* operand;
    Value* inverse;  // 1 / scale for each result
  };

  // Scales what a transpose reads: other products may read it as it is, and the transpose is a matter of the product.
  static Narrowed Narrow(const Op& op, const Side& side, Builder& b) {
    Value* operand = op.operands[side.operand];
    const Op* transpose = DefinedBy(operand, OpCode::kTranspose);
    if (transpose != nullptr) operand = transpose->operands[0];
    std::vector<std::pair<int64_t, int64_t>> dims;  // of `operand`, of the result
    for (size_t i = 0; i < side.kept.size(); ++i) {
      const int64_t d = side.kept[i];
      const int64_t from = transpose == nullptr ? d : transpose->attributes.Ints(AttrKey::kPermutation)[d];
      dims.emplace_back(from, side.result[i]);
    }
    std::sort(dims.begin(), dims.end());
    std::vector<int64_t> kept, result;
    for (const auto& [from, to] : dims) {
      kept.push_back(from);
      result.push_back(to);
    }
    Value* bits = ScaleBits(operand, kept, b);
    Value* scale = b.Broadcast(Floats(bits, b), operand->type.dims, kept);
    Value* narrow = b.Convert(b.Multiply(operand, scale), DType::kF16);
    if (transpose != nullptr) narrow = b.Transpose(narrow, transpose->attributes.Ints(AttrKey::kPermutation));
    Value* inverse = b.Subtract(b.SplatLike(bits, static_cast<double>((2 * kBias) << 23)), bits);
    return {narrow, b.Broadcast(Floats(inverse, b), op.type().dims, result)};
  }

  // The smaller inverse first: only the larger one may leave the range of f32 on its own.
  static Value* Scaled(const Op& op, const Form& form, Builder& b) {
    const Narrowed lhs = Narrow(op, form.lhs, b);
    const Narrowed rhs = Narrow(op, form.rhs, b);
    Value* sums = With(op, lhs.operand, rhs.operand, b);
    Value* smaller = b.Binary(OpCode::kMinimum, lhs.inverse, rhs.inverse);
    Value* larger = b.Binary(OpCode::kMaximum, lhs.inverse, rhs.inverse);
    return b.Multiply(b.Multiply(sums, smaller), larger);
  }

  const target::DeviceProfile& profile_;
};

// Later stages read the attribute alone.
StatusOr<PassResult> DemandHighest(ir::Module& module) {
  const auto rule = [](Op& op, RewriteContext& rewrite) -> StatusOr<Replacement> {
    const auto highest = static_cast<int64_t>(Precision::kHighest);
    if (op.code != OpCode::kDotGeneral && op.code != OpCode::kConvolution) return kKeep;
    if (op.attributes.Int(AttrKey::kPrecision) == highest) return kKeep;
    op.attributes.Set(AttrKey::kPrecision, highest);
    rewrite.changed = true;
    return kKeep;
  };
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, rule));
  return PassResult{changed};
}

}  // namespace

StatusOr<PassResult> NarrowProducts(ir::Module& module, const target::CompileContext& context) {
  if (context.options.exact_products) return DemandHighest(module);
  const Narrowing narrowing(context.profile);
  const auto rule = [&](Op& op, RewriteContext& rewrite) { return narrowing.Apply(op, rewrite); };
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, rule));
  return PassResult{changed};
}

}  // namespace dragoman::passes
