// SPDX-License-Identifier: Apache-2.0
// Shape rules of contractions and linear algebra.
#include <algorithm>
#include <numeric>

#include "ir/fourier.h"
#include "ir/shape_rules.h"
#include "ir/windows.h"

namespace dragoman::ir {
namespace {

Status ExpectEqualExtents(const Op& op, const std::vector<int64_t>& lhs, const std::vector<int64_t>& rhs,
                          std::string_view what) {
  RULE_EXPECT(lhs.size() == rhs.size(), "There are {} and {} {} dimensions.", lhs.size(), rhs.size(), what);
  for (size_t i = 0; i < lhs.size(); ++i) {
    RULE_EXPECT(op.operands[0]->type.dims[lhs[i]] == op.operands[1]->type.dims[rhs[i]],
                "The {} dimensions {} and {} differ in extent.", what, lhs[i], rhs[i]);
  }
  return OkStatus();
}

std::vector<int64_t> Joined(std::vector<int64_t> list, const std::vector<int64_t>& more) {
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

// Where batch, feature and spatial dimensions lie in one of the three tensors of a convolution.
struct Layout {
  int64_t outer;  // batch, or the kernel's output feature dimension
  int64_t feature;
  const std::vector<int64_t>& spatial;
};

Status ExpectLayout(const Layout& layout, int rank, std::string_view what) {
  RULE_EXPECT(static_cast<int>(layout.spatial.size()) + 2 == rank, "{} has rank {} with {} spatial dimensions.", what,
              rank, layout.spatial.size());
  return ExpectDimensions(Joined(layout.spatial, {layout.outer, layout.feature}), rank, what);
}

StatusOr<Dims> ConvolutionSpatialExtents(const Op& op, const Layout& input, const Layout& kernel) {
  const size_t rank = input.spatial.size();
  for (const AttrKey key :
       {AttrKey::kWindowStrides, AttrKey::kLhsDilation, AttrKey::kRhsDilation, AttrKey::kWindowReversal}) {
    RULE_EXPECT(op.attributes.Ints(key).size() == rank, "{} has {} entries for {} spatial dimensions.", Info(key).name,
                op.attributes.Ints(key).size(), rank);
  }
  RULE_EXPECT(op.attributes.Ints(AttrKey::kPadding).size() == 2 * rank,
              "padding has {} entries for {} spatial dimensions.", op.attributes.Ints(AttrKey::kPadding).size(), rank);
  Dims extents;
  for (size_t i = 0; i < rank; ++i) {
    const WindowAxis axis{
        .size = op.operands[1]->type.dims[kernel.spatial[i]],
        .stride = op.attributes.Ints(AttrKey::kWindowStrides)[i],
        .base_dilation = op.attributes.Ints(AttrKey::kLhsDilation)[i],
        .window_dilation = op.attributes.Ints(AttrKey::kRhsDilation)[i],
        .padding_low = op.attributes.Ints(AttrKey::kPadding)[2 * i],
        .padding_high = op.attributes.Ints(AttrKey::kPadding)[2 * i + 1],
    };
    RULE_EXPECT(axis.stride > 0 && axis.base_dilation > 0 && axis.window_dilation > 0,
                "Strides and dilations of spatial dimension {} are {}, {} and {}.", i, axis.stride, axis.base_dilation,
                axis.window_dilation);
    extents.push_back(WindowPositions(op.operands[0]->type.dims[input.spatial[i]], axis));
  }
  return extents;
}

DType StatedDType(const Op& op) { return op.type().dtype; }

bool IsFloatOrComplex(DType dtype) { return IsFloat(dtype) || IsComplex(dtype); }

}  // namespace

Types DotGeneralTypes(const Op& op) {
  const TensorType& lhs = op.operands[0]->type;
  const TensorType& rhs = op.operands[1]->type;
  const auto& lhs_batching = op.attributes.Ints(AttrKey::kLhsBatchingDimensions);
  const auto& rhs_batching = op.attributes.Ints(AttrKey::kRhsBatchingDimensions);
  const std::vector<int64_t> lhs_used = Joined(lhs_batching, op.attributes.Ints(AttrKey::kLhsContractingDimensions));
  const std::vector<int64_t> rhs_used = Joined(rhs_batching, op.attributes.Ints(AttrKey::kRhsContractingDimensions));
  RETURN_IF_ERROR(ExpectDimensions(lhs_used, lhs.rank(), "lhs"));
  RETURN_IF_ERROR(ExpectDimensions(rhs_used, rhs.rank(), "rhs"));
  RETURN_IF_ERROR(ExpectEqualExtents(op, lhs_batching, rhs_batching, "batching"));
  RETURN_IF_ERROR(ExpectEqualExtents(op, lhs_used, rhs_used, "contracting"));
  TensorType to{StatedDType(op), {}};
  for (const int64_t d : lhs_batching) to.dims.push_back(lhs.dims[d]);
  for (int64_t d = 0; d < lhs.rank(); ++d) {
    if (!Contains(lhs_used, d)) to.dims.push_back(lhs.dims[d]);
  }
  for (int64_t d = 0; d < rhs.rank(); ++d) {
    if (!Contains(rhs_used, d)) to.dims.push_back(rhs.dims[d]);
  }
  return std::vector<TensorType>{to};
}

Types ConvolutionTypes(const Op& op) {
  const TensorType& lhs = op.operands[0]->type;
  const TensorType& rhs = op.operands[1]->type;
  const Attributes& a = op.attributes;
  const Layout input{a.Int(AttrKey::kInputBatchDimension), a.Int(AttrKey::kInputFeatureDimension),
                     a.Ints(AttrKey::kInputSpatialDimensions)};
  const Layout kernel{a.Int(AttrKey::kKernelOutputFeatureDimension), a.Int(AttrKey::kKernelInputFeatureDimension),
                      a.Ints(AttrKey::kKernelSpatialDimensions)};
  const Layout output{a.Int(AttrKey::kOutputBatchDimension), a.Int(AttrKey::kOutputFeatureDimension),
                      a.Ints(AttrKey::kOutputSpatialDimensions)};
  RETURN_IF_ERROR(ExpectLayout(input, lhs.rank(), "The input"));
  RETURN_IF_ERROR(ExpectLayout(kernel, rhs.rank(), "The kernel"));
  RETURN_IF_ERROR(ExpectLayout(output, lhs.rank(), "The output"));
  const int64_t feature_groups = a.Int(AttrKey::kFeatureGroupCount);
  const int64_t batch_groups = a.Int(AttrKey::kBatchGroupCount);
  const int64_t batch = lhs.dims[input.outer];
  const int64_t features = lhs.dims[input.feature];
  const int64_t outputs = rhs.dims[kernel.outer];
  RULE_EXPECT(feature_groups > 0 && batch_groups > 0 && (feature_groups == 1 || batch_groups == 1),
              "feature_group_count {} and batch_group_count {} do not go together.", feature_groups, batch_groups);
  RULE_EXPECT(batch % batch_groups == 0 && outputs % batch_groups == 0 && outputs % feature_groups == 0,
              "The groups do not divide batch {} and output features {}.", batch, outputs);
  RULE_EXPECT(features == rhs.dims[kernel.feature] * feature_groups,
              "The input has {} features, the kernel {} in {} groups.", features, rhs.dims[kernel.feature],
              feature_groups);
  ASSIGN_OR_RETURN(const Dims extents, ConvolutionSpatialExtents(op, input, kernel));
  TensorType to{StatedDType(op), Dims(lhs.dims.size(), 0)};
  to.dims[output.outer] = batch / batch_groups;
  to.dims[output.feature] = outputs;
  for (size_t i = 0; i < extents.size(); ++i) to.dims[output.spatial[i]] = extents[i];
  return std::vector<TensorType>{to};
}

Types CholeskyTypes(const Op& op) {
  const TensorType& a = op.operands[0]->type;
  RULE_EXPECT(a.rank() >= 2 && a.dims[a.rank() - 1] == a.dims[a.rank() - 2] && IsFloatOrComplex(a.dtype),
              "{} holds no square matrices of floats.", a.ToString());
  return std::vector<TensorType>{a};
}

Types TriangularSolveTypes(const Op& op) {
  const TensorType& a = op.operands[0]->type;
  const TensorType& b = op.operands[1]->type;
  RULE_EXPECT(a.rank() >= 2 && a.rank() == b.rank() && a.dtype == b.dtype && IsFloatOrComplex(a.dtype),
              "{} and {} are not matrices to solve.", a.ToString(), b.ToString());
  const int rows = a.rank() - 2;
  const int64_t size = op.attributes.Int(AttrKey::kLeftSide) != 0 ? b.dims[rows] : b.dims[rows + 1];
  RULE_EXPECT(a.dims[rows] == size && a.dims[rows + 1] == size, "{} does not fit {}.", a.ToString(), b.ToString());
  RULE_EXPECT(std::equal(a.dims.begin(), a.dims.begin() + rows, b.dims.begin()),
              "The batch dimensions of {} and {} differ.", a.ToString(), b.ToString());
  return std::vector<TensorType>{b};
}

// [count, n, n] of which blocks of an even size that divides n are rotated: [count, n / size, size, size].
Types JacobiRotationsTypes(const Op& op) {
  const TensorType& a = op.operands[0]->type;
  const int64_t size = op.attributes.Int(AttrKey::kBlockSize);
  RULE_EXPECT(a.rank() == 3 && a.dims[1] == a.dims[2] && IsFloatOrComplex(a.dtype),
              "{} is no stack of square matrices of floats.", a.ToString());
  RULE_EXPECT(size >= 2 && size % 2 == 0 && a.dims[1] % size == 0, "Blocks of {} do not fit {}.", size, a.ToString());
  return std::vector<TensorType>{{a.dtype, {a.dims[0], a.dims[1] / size, size, size}}};
}

Types RotateBlocksTypes(const Op& op) {
  const TensorType& a = op.operands[0]->type;
  const TensorType& rotations = op.operands[1]->type;
  const bool fits = a.rank() == 3 && rotations.rank() == 4 && a.dtype == rotations.dtype && IsFloatOrComplex(a.dtype) &&
                    a.dims[0] == rotations.dims[0] && a.dims[1] == a.dims[2] &&
                    rotations.dims[2] == rotations.dims[3] && rotations.dims[2] % 2 == 0 &&
                    rotations.dims[1] * rotations.dims[2] == a.dims[1];
  RULE_EXPECT(fits, "{} does not rotate {}.", rotations.ToString(), a.ToString());
  return std::vector<TensorType>{a};
}

Status ExpectFirstRow(const Value& first) {
  RULE_EXPECT(first.type == (TensorType{DType::kS32, {}}), "The first row is {}, expected is a scalar of s32.",
              first.type.ToString());
  return OkStatus();
}

Status ExpectPanel(const Op& op) {
  const TensorType& a = op.operands[0]->type;
  RULE_EXPECT(a.rank() == 3 && IsFloatOrComplex(a.dtype), "{} is no stack of panels.", a.ToString());
  return ExpectFirstRow(*op.operands[1]);
}

Types LuPanelTypes(const Op& op) {
  RETURN_IF_ERROR(ExpectPanel(op));
  const TensorType& a = op.operands[0]->type;
  return std::vector<TensorType>{a, {DType::kS32, {a.dims[0], a.dims[1]}}, {DType::kS32, {a.dims[0], a.dims[2]}}};
}

Types QrPanelTypes(const Op& op) {
  RETURN_IF_ERROR(ExpectPanel(op));
  const TensorType& a = op.operands[0]->type;
  return std::vector<TensorType>{a, {a.dtype, {a.dims[0], a.dims[1]}}};
}

// The matrix [count, m, n], then the panel and the order that lu_panel made, and the panel's first row.
Types LuUpdateTypes(const Op& op) {
  const TensorType& a = op.operands[0]->type;
  const TensorType& panel = op.operands[1]->type;
  RULE_EXPECT(a.rank() == 3 && IsFloatOrComplex(a.dtype) && panel.rank() == 3 && panel.dtype == a.dtype &&
                  panel.dims[0] == a.dims[0] && panel.dims[2] == a.dims[1],
              "{} is no panel of {}.", panel.ToString(), a.ToString());
  const TensorType& order = op.operands[2]->type;
  RULE_EXPECT(order == (TensorType{DType::kS32, {a.dims[0], a.dims[1]}}), "{} does not order the rows of {}.",
              order.ToString(), a.ToString());
  RETURN_IF_ERROR(ExpectFirstRow(*op.operands[3]));
  return std::vector<TensorType>{a};
}

Types CholeskyPanelTypes(const Op& op) {
  RETURN_IF_ERROR(ExpectPanel(op));
  return std::vector<TensorType>{op.operands[0]->type};
}

Types FftTypes(const Op& op) {
  // In the order of the encoding: FFT, IFFT, RFFT, IRFFT.
  const int64_t type = op.attributes.Int(AttrKey::kFftType);
  const auto& lengths = op.attributes.Ints(AttrKey::kFftLength);
  const TensorType& from = op.operands[0]->type;
  RULE_EXPECT(type >= 0 && type <= 3, "fft_type is {}.", type);
  const bool is_rfft = type == 2;
  const bool is_irfft = type == 3;
  RULE_EXPECT(is_rfft ? IsFloat(from.dtype) : IsComplex(from.dtype), "The operand is {}.", from.ToString());
  RULE_EXPECT(!lengths.empty() && lengths.size() <= 3 && lengths.size() <= from.dims.size(),
              "fft_length has {} entries for {}.", lengths.size(), from.ToString());
  const size_t first = from.dims.size() - lengths.size();
  for (size_t i = 0; i < lengths.size(); ++i) {
    const bool is_half = is_irfft && i + 1 == lengths.size();
    const int64_t expected = is_half ? lengths[i] / 2 + 1 : lengths[i];
    RULE_EXPECT(from.dims[first + i] == expected || NumElements(from.dims) == 0,
                "Dimension {} of {} does not fit fft_length {}.", first + i, from.ToString(), lengths[i]);
  }
  TensorType to = from;
  if (is_rfft) {
    RULE_EXPECT(from.dtype == DType::kF32 || from.dtype == DType::kF64, "The operand is {}.", from.ToString());
    to.dtype = from.dtype == DType::kF32 ? DType::kC64 : DType::kC128;
    if (to.dims.back() != 0) to.dims.back() = lengths.back() / 2 + 1;
  }
  if (is_irfft) {
    to.dtype = RealPart(from.dtype);
    to.dims.back() = lengths.back();
  }
  return std::vector<TensorType>{to};
}

Types FourierTypes(const Op& op) {
  const int64_t dimension = op.attributes.Int(AttrKey::kDimension);
  const TensorType& x = op.operands[0]->type;
  const TensorType& twists = op.operands[1]->type;
  RULE_EXPECT(IsComplex(x.dtype), "The operand is {}.", x.ToString());
  RULE_EXPECT(dimension >= 0 && dimension < x.rank(), "There is no dimension {} in {}.", dimension, x.ToString());
  const int64_t fft_type = op.attributes.Int(AttrKey::kFftType);
  RULE_EXPECT(fft_type >= 0 && fft_type <= 3, "fft_type is {}.", fft_type);
  const auto type = static_cast<FftType>(fft_type);
  const int64_t length = twists.rank() == 1 ? LengthOfTwists(twists.dims[0]) : 0;
  RULE_EXPECT(HasFourierRadices(length), "{} is no table of a line's twists.", twists.ToString());
  RULE_EXPECT(twists.dtype == x.dtype && x.dims[dimension] == NumRead(type, length),
              "{} does not fit dimension {} of {}.", twists.ToString(), dimension, x.ToString());
  const auto& permutation = op.attributes.Ints(AttrKey::kPermutation);
  std::vector<int64_t> order(x.dims.size());
  std::iota(order.begin(), order.end(), 0);
  const bool is_whole = type == FftType::kFft || type == FftType::kIfft;
  RULE_EXPECT(is_whole || (dimension == x.rank() - 1 && permutation == order),
              "Real transforms are along the last dimension, which stays.");
  if (permutation != order && dimension > 0) std::swap(order[dimension - 1], order[dimension]);
  RULE_EXPECT(permutation == order,
              "The permutation does not keep the dimensions, nor exchange {} with the one before.", dimension);
  TensorType result = x;
  for (size_t i = 0; i < order.size(); ++i) result.dims[i] = x.dims[order[i]];
  if (!is_whole) result.dims[dimension] = NumKept(type, length);
  return std::vector<TensorType>{result};
}

}  // namespace dragoman::ir
