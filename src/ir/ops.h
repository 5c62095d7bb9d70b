// SPDX-License-Identifier: Apache-2.0
// The op table. An op code is either an elementwise op (its row is in types/scalar_ops.h) or one of the structured rows
// here. Names, attributes and meaning are StableHLO's; what differs is said in the row's comment.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "ir/attributes.h"
#include "types/scalar_ops.h"

namespace dragoman::ir {

// What the passes, fusion and the verifier need to know of an op at a glance.
enum class OpKind : uint8_t {
  kElementwise,  // one result element from the elements at the same index
  kData,         // constant, iota
  kMovement,     // the result's elements are the operand's, elsewhere: broadcast, reshape, transpose, slice, pad, ...
  kIndexing,     // movement with indices that are data: dynamic_slice, dynamic_update_slice, gather, scatter
  kReduction,    // reduce, reduce_window, select_and_scatter, scan, sort: a region combines elements
  kContraction,  // dot_general, convolution
  kLinalg,       // cholesky, triangular_solve, fft, normalisations, custom calls of linear algebra
  kControl,      // while, case, call, composite, optimization_barrier
  kRandom,
  kCollective,  // exchanges data with the program's other devices, or asks which of them this is
  kEffect,      // host transfers, tokens
};

// X(enumerator, name, min operands, max operands (-1: any), regions (-1: any), kind, attributes...); attributes.h says
// how `padding`, `comparison_direction` and so on are stored. sort may have `limit_indices`, one number: its results
// are that many of each row, the first. scan is ours: a cumulative reduction along `dimension` of n operands of one
// shape, n initial values after them; a region combines n accumulators with n elements; is_reverse starts at the end.
// fourier is ours: fft along one `dimension`, complex and unscaled. Its operands are x and the powers of w that its
// kernel multiplies by (ir/fourier.h), whose number says how long the lines are: rfft keeps the first half of the
// results, irfft has the first half of what it reads, the rest being its mirrored conjugates. Then the dimensions are
// permuted as by transpose: not at all, or `dimension` goes before the one before it.
// clang-format off: a table, one row a line
#define DRAGOMAN_STRUCTURED_OPS(X)                                                                                     \
  X(kConstant, "constant", 0, 0, 0, kData, AttrKey::kValue)                                                            \
  X(kIota, "iota", 0, 0, 0, kData, AttrKey::kIotaDimension)                                                            \
  X(kBitcastConvert, "bitcast_convert", 1, 1, 0, kMovement)                                                            \
  X(kBroadcastInDim, "broadcast_in_dim", 1, 1, 0, kMovement, AttrKey::kBroadcastDimensions)                            \
  X(kReshape, "reshape", 1, 1, 0, kMovement)                                                                           \
  X(kTranspose, "transpose", 1, 1, 0, kMovement, AttrKey::kPermutation)                                                \
  X(kReverse, "reverse", 1, 1, 0, kMovement, AttrKey::kDimensions)                                                     \
  X(kConcatenate, "concatenate", 1, -1, 0, kMovement, AttrKey::kDimension)                                             \
  X(kSlice, "slice", 1, 1, 0, kMovement, AttrKey::kStartIndices, AttrKey::kLimitIndices, AttrKey::kStrides)            \
  X(kPad, "pad", 2, 2, 0, kMovement, AttrKey::kEdgePaddingLow, AttrKey::kEdgePaddingHigh, AttrKey::kInteriorPadding)   \
  X(kDynamicSlice, "dynamic_slice", 1, -1, 0, kIndexing, AttrKey::kSliceSizes)                                         \
  X(kDynamicUpdateSlice, "dynamic_update_slice", 2, -1, 0, kIndexing)                                                  \
  X(kGather, "gather", 2, 2, 0, kIndexing, AttrKey::kOffsetDims, AttrKey::kCollapsedSliceDims,                         \
    AttrKey::kOperandBatchingDims, AttrKey::kStartIndicesBatchingDims, AttrKey::kStartIndexMap,                        \
    AttrKey::kIndexVectorDim, AttrKey::kSliceSizes, AttrKey::kIndicesAreSorted)                                        \
  X(kScatter, "scatter", 3, -1, 1, kIndexing, AttrKey::kUpdateWindowDims, AttrKey::kInsertedWindowDims,                \
    AttrKey::kInputBatchingDims, AttrKey::kScatterIndicesBatchingDims, AttrKey::kScatterDimsToOperandDims,             \
    AttrKey::kIndexVectorDim, AttrKey::kIndicesAreSorted, AttrKey::kUniqueIndices)                                     \
  X(kReduce, "reduce", 2, -1, 1, kReduction, AttrKey::kDimensions)                                                     \
  X(kReduceWindow, "reduce_window", 2, -1, 1, kReduction, AttrKey::kWindowDimensions, AttrKey::kWindowStrides,         \
    AttrKey::kBaseDilations, AttrKey::kWindowDilations, AttrKey::kPadding)                                             \
  X(kScan, "scan", 2, -1, 1, kReduction, AttrKey::kDimension, AttrKey::kIsReverse)                                     \
  X(kSelectAndScatter, "select_and_scatter", 3, 3, 2, kReduction, AttrKey::kWindowDimensions, AttrKey::kWindowStrides, \
    AttrKey::kPadding)                                                                                                 \
  X(kSort, "sort", 1, -1, 1, kReduction, AttrKey::kDimension, AttrKey::kIsStable)                                      \
  X(kDotGeneral, "dot_general", 2, 2, 0, kContraction, AttrKey::kLhsBatchingDimensions,                                \
    AttrKey::kRhsBatchingDimensions, AttrKey::kLhsContractingDimensions, AttrKey::kRhsContractingDimensions,           \
    AttrKey::kPrecision)                                                                                               \
  X(kConvolution, "convolution", 2, 2, 0, kContraction, AttrKey::kWindowStrides, AttrKey::kPadding,                    \
    AttrKey::kLhsDilation, AttrKey::kRhsDilation, AttrKey::kWindowReversal, AttrKey::kInputBatchDimension,             \
    AttrKey::kInputFeatureDimension, AttrKey::kInputSpatialDimensions, AttrKey::kKernelInputFeatureDimension,          \
    AttrKey::kKernelOutputFeatureDimension, AttrKey::kKernelSpatialDimensions, AttrKey::kOutputBatchDimension,         \
    AttrKey::kOutputFeatureDimension, AttrKey::kOutputSpatialDimensions, AttrKey::kFeatureGroupCount,                  \
    AttrKey::kBatchGroupCount, AttrKey::kPrecision)                                                                    \
  X(kCholesky, "cholesky", 1, 1, 0, kLinalg, AttrKey::kLower)                                                          \
  X(kTriangularSolve, "triangular_solve", 2, 2, 0, kLinalg, AttrKey::kLeftSide, AttrKey::kLower,                       \
    AttrKey::kUnitDiagonal, AttrKey::kTransposeA)                                                                      \
  /* Ours: steps of decompositions, for which lower/ has kernels; reference/op_functions.h says what they mean. */     \
  X(kJacobiRotations, "jacobi_rotations", 1, 1, 0, kLinalg, AttrKey::kBlockSize)                                       \
  X(kRotateBlocks, "rotate_blocks", 2, 2, 0, kLinalg, AttrKey::kBothSides)                                             \
  X(kLuPanel, "lu_panel", 2, 2, 0, kLinalg)                                                                            \
  X(kQrPanel, "qr_panel", 2, 2, 0, kLinalg)                                                                            \
  X(kLuUpdate, "lu_update", 4, 4, 0, kLinalg)                                                                          \
  X(kCholeskyPanel, "cholesky_panel", 2, 2, 0, kLinalg)                                                                \
  X(kFft, "fft", 1, 1, 0, kLinalg, AttrKey::kFftType, AttrKey::kFftLength)                                             \
  X(kFourier, "fourier", 2, 2, 0, kLinalg, AttrKey::kDimension, AttrKey::kFftType, AttrKey::kPermutation)              \
  X(kBatchNormTraining, "batch_norm_training", 3, 3, 0, kLinalg, AttrKey::kEpsilon, AttrKey::kFeatureIndex)            \
  X(kBatchNormInference, "batch_norm_inference", 5, 5, 0, kLinalg, AttrKey::kEpsilon, AttrKey::kFeatureIndex)          \
  X(kBatchNormGrad, "batch_norm_grad", 5, 5, 0, kLinalg, AttrKey::kEpsilon, AttrKey::kFeatureIndex)                    \
  X(kRng, "rng", 3, 3, 0, kRandom, AttrKey::kRngDistribution)                                                          \
  X(kRngBitGenerator, "rng_bit_generator", 1, 1, 0, kRandom, AttrKey::kRngAlgorithm)                                   \
  X(kWhile, "while", 0, -1, 2, kControl)                                                                               \
  X(kCase, "case", 1, 1, -1, kControl)                                                                                 \
  X(kCall, "call", 0, -1, 0, kControl, AttrKey::kCallee)                                                               \
  X(kComposite, "composite", 0, -1, 0, kControl, AttrKey::kName, AttrKey::kDecomposition,                              \
    AttrKey::kCompositeAttributes)                                                                                     \
  X(kCustomCall, "custom_call", 0, -1, 0, kLinalg, AttrKey::kCallTargetName, AttrKey::kBackendConfig,                  \
    AttrKey::kHasSideEffect)                                                                                           \
  X(kOptimizationBarrier, "optimization_barrier", 0, -1, 0, kControl)                                                  \
  X(kCreateToken, "create_token", 0, 0, 0, kEffect)                                                                    \
  X(kAfterAll, "after_all", 0, -1, 0, kEffect)                                                                         \
  X(kSend, "send", 1, -1, 0, kEffect, AttrKey::kChannelId, AttrKey::kChannelType, AttrKey::kIsHostTransfer)            \
  X(kRecv, "recv", 1, 1, 0, kEffect, AttrKey::kChannelId, AttrKey::kChannelType, AttrKey::kIsHostTransfer)             \
  X(kAllReduce, "all_reduce", 1, -1, 1, kCollective, AttrKey::kReplicaGroups, AttrKey::kChannelId,                     \
    AttrKey::kUseGlobalDeviceIds)                                                                                      \
  X(kAllGather, "all_gather", 1, -1, 0, kCollective, AttrKey::kAllGatherDim, AttrKey::kReplicaGroups,                  \
    AttrKey::kChannelId, AttrKey::kUseGlobalDeviceIds)                                                                 \
  X(kReduceScatter, "reduce_scatter", 1, -1, 1, kCollective, AttrKey::kScatterDimension, AttrKey::kReplicaGroups,      \
    AttrKey::kChannelId, AttrKey::kUseGlobalDeviceIds)                                                                 \
  X(kAllToAll, "all_to_all", 1, -1, 0, kCollective, AttrKey::kSplitDimension, AttrKey::kConcatDimension,               \
    AttrKey::kSplitCount, AttrKey::kReplicaGroups, AttrKey::kChannelId)                                                \
  X(kCollectivePermute, "collective_permute", 1, -1, 0, kCollective, AttrKey::kSourceTargetPairs, AttrKey::kChannelId) \
  X(kCollectiveBroadcast, "collective_broadcast", 1, -1, 0, kCollective, AttrKey::kReplicaGroups, AttrKey::kChannelId) \
  X(kPartitionId, "partition_id", 0, 0, 0, kCollective)                                                                \
  X(kReplicaId, "replica_id", 0, 0, 0, kCollective)                                                                    \
  X(kReturn, "return", 0, -1, 0, kControl)
// clang-format on

// bitcast_convert is both a scalar idea and a movement (it may change the rank); it lives in the structured rows only.
enum class OpCode : uint8_t {
#define X(name, text, arity, domain, result) name,
  DRAGOMAN_SCALAR_OPS(X)
#undef X
#define X(name, text, min_operands, max_operands, regions, kind, ...) name,
      DRAGOMAN_STRUCTURED_OPS(X)
#undef X
};

struct OpInfo {
  std::string_view name;
  int min_operands;
  int max_operands;  // -1: any number
  int num_regions;   // -1: any number
  OpKind kind;
  std::span<const AttrKey> attributes;  // all required
};

const OpInfo& Info(OpCode code);
std::optional<OpCode> OpCodeFromName(std::string_view name);
inline bool IsElementwise(OpCode code) { return static_cast<int>(code) < kNumScalarOps; }
inline ScalarOp AsScalarOp(OpCode code) { return static_cast<ScalarOp>(code); }
inline OpCode FromScalarOp(ScalarOp op) { return static_cast<OpCode>(op); }

}  // namespace dragoman::ir
