// SPDX-License-Identifier: Apache-2.0
// Attributes of an op: a small sorted map from AttrKey to a value. Uniform, so that text, hashing, comparison, import
// and verification are written once; ops.h says which keys each op must have.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "types/shape.h"

namespace dragoman::ir {

// A dense constant: row-major little-endian elements as in a buffer (types/dtype.h says bytes an element; i1 is one
// byte, 0 or 1; complex is real then imaginary). A splat keeps one element for all. The data is shared, never changed.
class Literal {
 public:
  Literal() = default;
  // `bytes` holds one element (a splat when the type has more than one), or all elements.
  Literal(TensorType type, std::vector<std::byte> bytes)
      : type_(std::move(type)), bytes_(std::make_shared<const std::vector<std::byte>>(std::move(bytes))) {}

  const TensorType& type() const { return type_; }
  bool is_splat() const {
    return static_cast<int64_t>(bytes_->size()) == SizeBytes(type_.dtype) && type_.num_elements() != 1;
  }
  // One element when is_splat() or a single element, else all of them.
  const std::vector<std::byte>& bytes() const { return *bytes_; }
  const std::byte* element(int64_t linear_index) const {
    return bytes_->data() + (is_splat() ? 0 : linear_index * SizeBytes(type_.dtype));
  }
  // All elements spelled out.
  std::vector<std::byte> Dense() const;
  // The same data seen with other extents (equal element count, or a splat).
  Literal Reshaped(Dims dims) const;
  bool operator==(const Literal& other) const { return type_ == other.type_ && *bytes_ == *other.bytes_; }

 private:
  TensorType type_;
  std::shared_ptr<const std::vector<std::byte>> bytes_ = std::make_shared<const std::vector<std::byte>>();
};

enum class AttrType : uint8_t { kInt, kInts, kText, kLiteral };

// X(enumerator, name, type). Names are StableHLO's. Matrices n x 2 (padding) are flattened row-major into kInts.
// Enumerations (comparison_direction, ...) are kInt with the values of types/scalar_ops.h; booleans are kInt 0 or 1.
// Numbers that are not whole (epsilon) are scalars of f32. replica_groups lists each group's devices, then -1; an empty
// list is one group of all devices.
// clang-format off: a table, one row a line
#define DRAGOMAN_ATTRIBUTES(X)                                              \
  X(kValue, "value", kLiteral)                                              \
  X(kIotaDimension, "iota_dimension", kInt)                                 \
  X(kBroadcastDimensions, "broadcast_dimensions", kInts)                    \
  X(kPermutation, "permutation", kInts)                                     \
  X(kDimensions, "dimensions", kInts)                                       \
  X(kDimension, "dimension", kInt)                                          \
  X(kStartIndices, "start_indices", kInts)                                  \
  X(kLimitIndices, "limit_indices", kInts)                                  \
  X(kStrides, "strides", kInts)                                             \
  X(kSliceSizes, "slice_sizes", kInts)                                      \
  X(kEdgePaddingLow, "edge_padding_low", kInts)                             \
  X(kEdgePaddingHigh, "edge_padding_high", kInts)                           \
  X(kInteriorPadding, "interior_padding", kInts)                            \
  X(kComparisonDirection, "comparison_direction", kInt)                     \
  X(kCompareType, "compare_type", kInt)                                     \
  X(kExponentBits, "exponent_bits", kInt)                                   \
  X(kMantissaBits, "mantissa_bits", kInt)                                   \
  X(kWindowDimensions, "window_dimensions", kInts)                          \
  X(kWindowStrides, "window_strides", kInts)                                \
  X(kBaseDilations, "base_dilations", kInts)                                \
  X(kWindowDilations, "window_dilations", kInts)                            \
  X(kPadding, "padding", kInts)                                             \
  X(kIsStable, "is_stable", kInt)                                           \
  X(kOffsetDims, "offset_dims", kInts)                                      \
  X(kCollapsedSliceDims, "collapsed_slice_dims", kInts)                     \
  X(kOperandBatchingDims, "operand_batching_dims", kInts)                   \
  X(kStartIndicesBatchingDims, "start_indices_batching_dims", kInts)        \
  X(kStartIndexMap, "start_index_map", kInts)                               \
  X(kIndexVectorDim, "index_vector_dim", kInt)                              \
  X(kIndicesAreSorted, "indices_are_sorted", kInt)                          \
  X(kUpdateWindowDims, "update_window_dims", kInts)                         \
  X(kInsertedWindowDims, "inserted_window_dims", kInts)                     \
  X(kInputBatchingDims, "input_batching_dims", kInts)                       \
  X(kScatterIndicesBatchingDims, "scatter_indices_batching_dims", kInts)    \
  X(kScatterDimsToOperandDims, "scatter_dims_to_operand_dims", kInts)       \
  X(kUniqueIndices, "unique_indices", kInt)                                 \
  X(kLhsBatchingDimensions, "lhs_batching_dimensions", kInts)               \
  X(kRhsBatchingDimensions, "rhs_batching_dimensions", kInts)               \
  X(kLhsContractingDimensions, "lhs_contracting_dimensions", kInts)         \
  X(kRhsContractingDimensions, "rhs_contracting_dimensions", kInts)         \
  X(kPrecision, "precision", kInt)                                          \
  X(kLhsDilation, "lhs_dilation", kInts)                                    \
  X(kRhsDilation, "rhs_dilation", kInts)                                    \
  X(kWindowReversal, "window_reversal", kInts)                              \
  X(kInputBatchDimension, "input_batch_dimension", kInt)                    \
  X(kInputFeatureDimension, "input_feature_dimension", kInt)                \
  X(kInputSpatialDimensions, "input_spatial_dimensions", kInts)             \
  X(kKernelInputFeatureDimension, "kernel_input_feature_dimension", kInt)   \
  X(kKernelOutputFeatureDimension, "kernel_output_feature_dimension", kInt) \
  X(kKernelSpatialDimensions, "kernel_spatial_dimensions", kInts)           \
  X(kOutputBatchDimension, "output_batch_dimension", kInt)                  \
  X(kOutputFeatureDimension, "output_feature_dimension", kInt)              \
  X(kOutputSpatialDimensions, "output_spatial_dimensions", kInts)           \
  X(kFeatureGroupCount, "feature_group_count", kInt)                        \
  X(kBatchGroupCount, "batch_group_count", kInt)                            \
  X(kLower, "lower", kInt)                                                  \
  X(kLeftSide, "left_side", kInt)                                           \
  X(kUnitDiagonal, "unit_diagonal", kInt)                                   \
  X(kTransposeA, "transpose_a", kInt)                                       \
  X(kBlockSize, "block_size", kInt)                                         \
  X(kBothSides, "both_sides", kInt)                                         \
  X(kFftType, "fft_type", kInt)                                             \
  X(kFftLength, "fft_length", kInts)                                        \
  X(kEpsilon, "epsilon", kLiteral)                                          \
  X(kFeatureIndex, "feature_index", kInt)                                   \
  X(kRngAlgorithm, "rng_algorithm", kInt)                                   \
  X(kRngDistribution, "rng_distribution", kInt)                             \
  X(kCallTargetName, "call_target_name", kText)                             \
  X(kBackendConfig, "backend_config", kText)                                \
  X(kHasSideEffect, "has_side_effect", kInt)                                \
  X(kCallee, "callee", kText)                                               \
  X(kName, "name", kText)                                                   \
  X(kCompositeAttributes, "composite_attributes", kText)                    \
  X(kDecomposition, "decomposition", kText)                                 \
  X(kChannelId, "channel_id", kInt)                                         \
  X(kChannelType, "channel_type", kInt)                                     \
  X(kIsHostTransfer, "is_host_transfer", kInt)                              \
  X(kCalledComputations, "called_computations", kText)                      \
  X(kTripCount, "trip_count", kInt)                                         \
  X(kIsReverse, "is_reverse", kInt)                                         \
  X(kReplicaGroups, "replica_groups", kInts)                                \
  X(kUseGlobalDeviceIds, "use_global_device_ids", kInt)                     \
  X(kAllGatherDim, "all_gather_dim", kInt)                                  \
  X(kScatterDimension, "scatter_dimension", kInt)                           \
  X(kSplitDimension, "split_dimension", kInt)                               \
  X(kConcatDimension, "concat_dimension", kInt)                             \
  X(kSplitCount, "split_count", kInt)                                       \
  X(kSourceTargetPairs, "source_target_pairs", kInts)
// clang-format on

enum class AttrKey : uint8_t {
#define X(name, text, type) name,
  DRAGOMAN_ATTRIBUTES(X)
#undef X
};

struct AttrInfo {
  std::string_view name;
  AttrType type;
};
const AttrInfo& Info(AttrKey key);

using AttrValue = std::variant<int64_t, std::vector<int64_t>, std::string, Literal>;

class Attributes {
 public:
  bool Has(AttrKey key) const { return Find(key) != nullptr; }
  // The value must be there and of that type: the verifier has seen to it.
  int64_t Int(AttrKey key) const;
  const std::vector<int64_t>& Ints(AttrKey key) const;
  const std::string& Text(AttrKey key) const;
  const Literal& GetLiteral(AttrKey key) const;
  int64_t IntOr(AttrKey key, int64_t otherwise) const { return Has(key) ? Int(key) : otherwise; }
  void Set(AttrKey key, AttrValue value);
  const AttrValue* Find(AttrKey key) const;
  const std::vector<std::pair<AttrKey, AttrValue>>& entries() const { return entries_; }  // sorted by key
  bool operator==(const Attributes&) const = default;

 private:
  std::vector<std::pair<AttrKey, AttrValue>> entries_;
};

}  // namespace dragoman::ir
