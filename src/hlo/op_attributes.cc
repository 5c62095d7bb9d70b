// SPDX-License-Identifier: Apache-2.0
#include "hlo/op_attributes.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "base/format.h"
#include "hlo/collective_attributes.h"
#include "hlo/fields.h"
#include "read/checks.h"

namespace dragoman::hlo {
namespace {

using ir::Attributes;
using ir::AttrKey;
using ir::OpCode;

struct Source {
  const Instruction& instruction;

  const Message& message() const { return instruction.message; }
  std::vector<int64_t> dimensions() const { return message().Ints(instruction_field::kDimensions); }
};

// Sets what the op has.
using AttributeRule = Status (*)(const Source& source, Attributes& attributes);

template <AttrKey kKey>
Status AllDimensions(const Source& source, Attributes& attributes) {
  attributes.Set(kKey, source.dimensions());
  return OkStatus();
}

template <AttrKey kKey>
Status OneDimension(const Source& source, Attributes& attributes) {
  const std::vector<int64_t> dimensions = source.dimensions();
  if (dimensions.size() != 1)
    return InvalidArgument(Format("It names {} dimensions, expected one.", dimensions.size()));
  attributes.Set(kKey, dimensions[0]);
  return OkStatus();
}

struct FieldOfKey {
  AttrKey key;
  uint32_t field;
  bool is_list;
};

void SetFields(const Message& message, std::span<const FieldOfKey> rows, Attributes& attributes) {
  for (const FieldOfKey& row : rows) {
    if (row.is_list) {
      attributes.Set(row.key, message.Ints(row.field));
    } else {
      attributes.Set(row.key, message.Int(row.field));
    }
  }
}

Status Slice(const Source& source, Attributes& attributes) {
  ASSIGN_OR_RETURN(const auto slices, source.message().Subs(instruction_field::kSliceDimensions, "slice"));
  std::vector<int64_t> starts, limits, strides;
  for (const Message& slice : slices) {
    starts.push_back(slice.Int(slice_field::kStart));
    limits.push_back(slice.Int(slice_field::kLimit));
    strides.push_back(slice.Int(slice_field::kStride));
  }
  attributes.Set(AttrKey::kStartIndices, starts);
  attributes.Set(AttrKey::kLimitIndices, limits);
  attributes.Set(AttrKey::kStrides, strides);
  return OkStatus();
}

Status Pad(const Source& source, Attributes& attributes) {
  ASSIGN_OR_RETURN(const Message config, source.message().Sub(instruction_field::kPaddingConfig, "padding"));
  ASSIGN_OR_RETURN(const auto dimensions, config.Subs(padding_field::kDimensions, "padding"));
  std::vector<int64_t> low, high, interior;
  for (const Message& dimension : dimensions) {
    low.push_back(dimension.Int(padding_field::kLow));
    high.push_back(dimension.Int(padding_field::kHigh));
    interior.push_back(dimension.Int(padding_field::kInterior));
  }
  attributes.Set(AttrKey::kEdgePaddingLow, low);
  attributes.Set(AttrKey::kEdgePaddingHigh, high);
  attributes.Set(AttrKey::kInteriorPadding, interior);
  return OkStatus();
}

Status DynamicSlice(const Source& source, Attributes& attributes) {
  attributes.Set(AttrKey::kSliceSizes, source.message().Ints(instruction_field::kDynamicSliceSizes));
  return OkStatus();
}

Status Gather(const Source& source, Attributes& attributes) {
  constexpr FieldOfKey kFields[] = {
      {AttrKey::kOffsetDims, gather_field::kOffsetDims, true},
      {AttrKey::kCollapsedSliceDims, gather_field::kCollapsedSliceDims, true},
      {AttrKey::kOperandBatchingDims, gather_field::kOperandBatchingDims, true},
      {AttrKey::kStartIndicesBatchingDims, gather_field::kStartIndicesBatchingDims, true},
      {AttrKey::kStartIndexMap, gather_field::kStartIndexMap, true},
      {AttrKey::kIndexVectorDim, gather_field::kIndexVectorDim, false},
  };
  ASSIGN_OR_RETURN(const Message dims,
                   source.message().Sub(instruction_field::kGatherDimensions, "gather's dimensions"));
  SetFields(dims, kFields, attributes);
  attributes.Set(AttrKey::kSliceSizes, source.message().Ints(instruction_field::kGatherSliceSizes));
  attributes.Set(AttrKey::kIndicesAreSorted, int64_t{source.message().Bool(instruction_field::kIndicesAreSorted)});
  return OkStatus();
}

Status Scatter(const Source& source, Attributes& attributes) {
  constexpr FieldOfKey kFields[] = {
      {AttrKey::kUpdateWindowDims, scatter_field::kUpdateWindowDims, true},
      {AttrKey::kInsertedWindowDims, scatter_field::kInsertedWindowDims, true},
      {AttrKey::kInputBatchingDims, scatter_field::kInputBatchingDims, true},
      {AttrKey::kScatterIndicesBatchingDims, scatter_field::kScatterIndicesBatchingDims, true},
      {AttrKey::kScatterDimsToOperandDims, scatter_field::kScatterDimsToOperandDims, true},
      {AttrKey::kIndexVectorDim, scatter_field::kIndexVectorDim, false},
  };
  ASSIGN_OR_RETURN(const Message dims,
                   source.message().Sub(instruction_field::kScatterDimensions, "scatter's dimensions"));
  SetFields(dims, kFields, attributes);
  attributes.Set(AttrKey::kIndicesAreSorted, int64_t{source.message().Bool(instruction_field::kIndicesAreSorted)});
  attributes.Set(AttrKey::kUniqueIndices, int64_t{source.message().Bool(instruction_field::kUniqueIndices)});
  return OkStatus();
}

// Per dimension of the window; padding is pairs.
struct Window {
  std::vector<int64_t> size, stride, padding, window_dilation, base_dilation, reversal;
};

StatusOr<Window> ReadWindow(const Source& source) {
  ASSIGN_OR_RETURN(const Message message, source.message().Sub(instruction_field::kWindow, "window"));
  ASSIGN_OR_RETURN(const auto dimensions, message.Subs(window_field::kDimensions, "window"));
  Window window;
  for (const Message& dimension : dimensions) {
    window.size.push_back(dimension.Int(window_field::kSize));
    window.stride.push_back(dimension.Int(window_field::kStride, 1));
    window.padding.push_back(dimension.Int(window_field::kPaddingLow));
    window.padding.push_back(dimension.Int(window_field::kPaddingHigh));
    window.window_dilation.push_back(dimension.Int(window_field::kWindowDilation, 1));
    window.base_dilation.push_back(dimension.Int(window_field::kBaseDilation, 1));
    window.reversal.push_back(int64_t{dimension.Bool(window_field::kWindowReversal)});
  }
  return window;
}

Status ReduceWindow(const Source& source, Attributes& attributes) {
  ASSIGN_OR_RETURN(const Window window, ReadWindow(source));
  if (Contains(window.reversal, 1)) return Unimplemented("Its window is reversed, which is not supported.");
  attributes.Set(AttrKey::kWindowDimensions, window.size);
  attributes.Set(AttrKey::kWindowStrides, window.stride);
  attributes.Set(AttrKey::kBaseDilations, window.base_dilation);
  attributes.Set(AttrKey::kWindowDilations, window.window_dilation);
  attributes.Set(AttrKey::kPadding, window.padding);
  return OkStatus();
}

Status SelectAndScatter(const Source& source, Attributes& attributes) {
  ASSIGN_OR_RETURN(const Window window, ReadWindow(source));
  const auto is_one = [](int64_t dilation) { return dilation == 1; };
  if (Contains(window.reversal, 1) || !std::all_of(window.base_dilation.begin(), window.base_dilation.end(), is_one) ||
      !std::all_of(window.window_dilation.begin(), window.window_dilation.end(), is_one)) {
    return Unimplemented("Its window is reversed or dilated, which is not supported.");
  }
  attributes.Set(AttrKey::kWindowDimensions, window.size);
  attributes.Set(AttrKey::kWindowStrides, window.stride);
  attributes.Set(AttrKey::kPadding, window.padding);
  return OkStatus();
}

// PrecisionConfig.Algorithm: those on f32 or f64 ask for exact products, and several products of narrow parts (bf16 x
// 3, x 6, x 9, tf32 x 3) for accuracy near it.
bool IsExactAlgorithm(int64_t algorithm) {
  constexpr int64_t kExact[] = {7, 8, 10, 11, 12, 13};
  return std::find(std::begin(kExact), std::end(kExact), algorithm) != std::end(kExact);
}

Status SetPrecision(const Source& source, Attributes& attributes) {
  constexpr auto kHighest = static_cast<int64_t>(Precision::kHighest);
  ASSIGN_OR_RETURN(const Message config, source.message().Sub(instruction_field::kPrecisionConfig, "precision"));
  for (const int64_t operand : config.Ints(precision_field::kOperandPrecision)) {
    RETURN_IF_ERROR(read::RaisePrecision(std::min(operand, kHighest), attributes));
  }
  if (IsExactAlgorithm(config.Int(precision_field::kAlgorithm))) return read::RaisePrecision(kHighest, attributes);
  return read::RaisePrecision(static_cast<int64_t>(Precision::kDefault), attributes);
}

Status Dot(const Source& source, Attributes& attributes) {
  constexpr FieldOfKey kFields[] = {
      {AttrKey::kLhsBatchingDimensions, dot_field::kLhsBatch, true},
      {AttrKey::kRhsBatchingDimensions, dot_field::kRhsBatch, true},
      {AttrKey::kLhsContractingDimensions, dot_field::kLhsContracting, true},
      {AttrKey::kRhsContractingDimensions, dot_field::kRhsContracting, true},
  };
  if (source.message().Has(instruction_field::kDotSparsity)) return Unimplemented("A sparse operand is not supported.");
  ASSIGN_OR_RETURN(const Message dims, source.message().Sub(instruction_field::kDotDimensions, "dot's dimensions"));
  SetFields(dims, kFields, attributes);
  return SetPrecision(source, attributes);
}

Status Convolution(const Source& source, Attributes& attributes) {
  constexpr FieldOfKey kFields[] = {
      {AttrKey::kInputBatchDimension, convolution_field::kInputBatch, false},
      {AttrKey::kInputFeatureDimension, convolution_field::kInputFeature, false},
      {AttrKey::kInputSpatialDimensions, convolution_field::kInputSpatial, true},
      {AttrKey::kKernelInputFeatureDimension, convolution_field::kKernelInputFeature, false},
      {AttrKey::kKernelOutputFeatureDimension, convolution_field::kKernelOutputFeature, false},
      {AttrKey::kKernelSpatialDimensions, convolution_field::kKernelSpatial, true},
      {AttrKey::kOutputBatchDimension, convolution_field::kOutputBatch, false},
      {AttrKey::kOutputFeatureDimension, convolution_field::kOutputFeature, false},
      {AttrKey::kOutputSpatialDimensions, convolution_field::kOutputSpatial, true},
  };
  ASSIGN_OR_RETURN(const Message dims,
                   source.message().Sub(instruction_field::kConvolutionDimensions, "convolution's dimensions"));
  ASSIGN_OR_RETURN(const Window window, ReadWindow(source));
  SetFields(dims, kFields, attributes);
  attributes.Set(AttrKey::kWindowStrides, window.stride);
  attributes.Set(AttrKey::kPadding, window.padding);
  attributes.Set(AttrKey::kLhsDilation, window.base_dilation);
  attributes.Set(AttrKey::kRhsDilation, window.window_dilation);
  attributes.Set(AttrKey::kWindowReversal, window.reversal);
  // Programs from before groups say nothing of them.
  attributes.Set(AttrKey::kFeatureGroupCount,
                 std::max<int64_t>(source.message().Int(instruction_field::kFeatureGroupCount), 1));
  attributes.Set(AttrKey::kBatchGroupCount,
                 std::max<int64_t>(source.message().Int(instruction_field::kBatchGroupCount), 1));
  return SetPrecision(source, attributes);
}

Status Sort(const Source& source, Attributes& attributes) {
  RETURN_IF_ERROR(OneDimension<AttrKey::kDimension>(source, attributes));
  attributes.Set(AttrKey::kIsStable, int64_t{source.message().Bool(instruction_field::kIsStable)});
  return OkStatus();
}

Status Compare(const Source& source, Attributes& attributes) {
  constexpr std::string_view kDirections[] = {"EQ", "NE", "GE", "GT", "LE", "LT"};          // as ComparisonDirection
  constexpr std::string_view kTypes[] = {"", "FLOAT", "TOTALORDER", "SIGNED", "UNSIGNED"};  // as ComparisonType
  const std::string_view direction = source.message().Text(instruction_field::kComparisonDirection);
  const std::string_view type = source.message().Text(instruction_field::kComparisonType);
  const auto found = std::find(std::begin(kDirections), std::end(kDirections), direction);
  const auto found_type = std::find(std::begin(kTypes), std::end(kTypes), type);
  if (found == std::end(kDirections) || found_type == std::end(kTypes)) {
    return InvalidArgument(Format("A comparison {} of {} does not exist.", direction, type));
  }
  attributes.Set(AttrKey::kComparisonDirection, int64_t{found - std::begin(kDirections)});
  attributes.Set(AttrKey::kCompareType, int64_t{found_type - std::begin(kTypes)});
  return OkStatus();
}

Status ReducePrecision(const Source& source, Attributes& attributes) {
  attributes.Set(AttrKey::kExponentBits, source.message().Int(instruction_field::kExponentBits));
  attributes.Set(AttrKey::kMantissaBits, source.message().Int(instruction_field::kMantissaBits));
  return OkStatus();
}

Status Cholesky(const Source& source, Attributes& attributes) {
  ASSIGN_OR_RETURN(const Message options,
                   source.message().Sub(instruction_field::kCholeskyOptions, "Cholesky's options"));
  attributes.Set(AttrKey::kLower, int64_t{options.Bool(cholesky_field::kLower)});
  return OkStatus();
}

Status TriangularSolve(const Source& source, Attributes& attributes) {
  constexpr FieldOfKey kFields[] = {
      {AttrKey::kLeftSide, triangular_solve_field::kLeftSide, false},
      {AttrKey::kLower, triangular_solve_field::kLower, false},
      {AttrKey::kUnitDiagonal, triangular_solve_field::kUnitDiagonal, false},
      {AttrKey::kTransposeA, triangular_solve_field::kTransposeA, false},
  };
  ASSIGN_OR_RETURN(const Message options,
                   source.message().Sub(instruction_field::kTriangularSolveOptions, "triangular solve's options"));
  SetFields(options, kFields, attributes);
  return OkStatus();
}

Status Fft(const Source& source, Attributes& attributes) {
  attributes.Set(AttrKey::kFftType, source.message().Int(instruction_field::kFftType));
  attributes.Set(AttrKey::kFftLength, source.message().Ints(instruction_field::kFftLength));
  return OkStatus();
}

Status BatchNorm(const Source& source, Attributes& attributes) {
  std::vector<std::byte> epsilon = source.message().Fixed(instruction_field::kEpsilon, 4);
  if (epsilon.empty()) epsilon.resize(4);
  if (epsilon.size() != 4) return InvalidArgument("It has several epsilons.");
  attributes.Set(AttrKey::kEpsilon, ir::Literal({DType::kF32, {}}, std::move(epsilon)));
  attributes.Set(AttrKey::kFeatureIndex, source.message().Int(instruction_field::kFeatureIndex));
  return OkStatus();
}

Status RngBitGenerator(const Source& source, Attributes& attributes) {
  attributes.Set(AttrKey::kRngAlgorithm, source.message().Int(instruction_field::kRngAlgorithm));
  return OkStatus();
}

Status CustomCall(const Source& source, Attributes& attributes) {
  attributes.Set(AttrKey::kCallTargetName, std::string(source.message().Text(instruction_field::kCustomCallTarget)));
  attributes.Set(AttrKey::kBackendConfig, std::string(source.message().Text(instruction_field::kBackendConfig)));
  attributes.Set(AttrKey::kHasSideEffect, int64_t{source.message().Bool(instruction_field::kCustomCallHasSideEffect)});
  return OkStatus();
}

template <OpCode kCode>
Status Collective(const Source& source, Attributes& attributes) {
  return ReadCollective(source.instruction, kCode, attributes);
}

struct OpRow {
  std::string_view opcode;
  OpCode code;
  AttributeRule rule;
};
// What is not elementwise without attributes. Elementwise opcodes are ours with dashes in place of underscores.
constexpr OpRow kOps[] = {
    {"after-all", OpCode::kAfterAll, nullptr},
    {"all-gather", OpCode::kAllGather, Collective<OpCode::kAllGather>},
    {"all-reduce", OpCode::kAllReduce, Collective<OpCode::kAllReduce>},
    {"all-to-all", OpCode::kAllToAll, Collective<OpCode::kAllToAll>},
    {"batch-norm-grad", OpCode::kBatchNormGrad, BatchNorm},
    {"batch-norm-inference", OpCode::kBatchNormInference, BatchNorm},
    {"batch-norm-training", OpCode::kBatchNormTraining, BatchNorm},
    {"bitcast-convert", OpCode::kBitcastConvert, nullptr},
    {"broadcast", OpCode::kBroadcastInDim, AllDimensions<AttrKey::kBroadcastDimensions>},
    {"cholesky", OpCode::kCholesky, Cholesky},
    {"collective-broadcast", OpCode::kCollectiveBroadcast, Collective<OpCode::kCollectiveBroadcast>},
    {"collective-permute", OpCode::kCollectivePermute, Collective<OpCode::kCollectivePermute>},
    {"compare", OpCode::kCompare, Compare},
    {"concatenate", OpCode::kConcatenate, OneDimension<AttrKey::kDimension>},
    {"convolution", OpCode::kConvolution, Convolution},
    {"custom-call", OpCode::kCustomCall, CustomCall},
    {"dot", OpCode::kDotGeneral, Dot},
    {"dynamic-slice", OpCode::kDynamicSlice, DynamicSlice},
    {"dynamic-update-slice", OpCode::kDynamicUpdateSlice, nullptr},
    {"erf", OpCode::kErf, nullptr},
    {"fft", OpCode::kFft, Fft},
    {"gather", OpCode::kGather, Gather},
    {"iota", OpCode::kIota, OneDimension<AttrKey::kIotaDimension>},
    {"opt-barrier", OpCode::kOptimizationBarrier, nullptr},
    {"pad", OpCode::kPad, Pad},
    {"partition-id", OpCode::kPartitionId, nullptr},
    {"reduce", OpCode::kReduce, AllDimensions<AttrKey::kDimensions>},
    {"reduce-precision", OpCode::kReducePrecision, ReducePrecision},
    {"reduce-scatter", OpCode::kReduceScatter, Collective<OpCode::kReduceScatter>},
    {"reduce-window", OpCode::kReduceWindow, ReduceWindow},
    {"replica-id", OpCode::kReplicaId, nullptr},
    {"reshape", OpCode::kReshape, nullptr},
    {"reverse", OpCode::kReverse, AllDimensions<AttrKey::kDimensions>},
    {"rng-bit-generator", OpCode::kRngBitGenerator, RngBitGenerator},
    {"scatter", OpCode::kScatter, Scatter},
    {"select-and-scatter", OpCode::kSelectAndScatter, SelectAndScatter},
    {"slice", OpCode::kSlice, Slice},
    {"sort", OpCode::kSort, Sort},
    {"transpose", OpCode::kTranspose, AllDimensions<AttrKey::kPermutation>},
    {"triangular-solve", OpCode::kTriangularSolve, TriangularSolve},
};

}  // namespace

std::optional<OpCode> PlainOpOf(std::string_view opcode) {
  for (const OpRow& row : kOps) {
    if (row.opcode == opcode) return row.code;
  }
  std::string name(opcode);
  std::replace(name.begin(), name.end(), '-', '_');
  const std::optional<OpCode> code = ir::OpCodeFromName(name);
  return code.has_value() && ir::IsElementwise(*code) ? code : std::nullopt;
}

StatusOr<Attributes> ReadAttributes(const Instruction& instruction, OpCode code) {
  Attributes attributes;
  for (const OpRow& row : kOps) {
    if (row.code == code && row.rule != nullptr) RETURN_IF_ERROR(row.rule({instruction}, attributes));
  }
  return attributes;
}

}  // namespace dragoman::hlo
