// SPDX-License-Identifier: Apache-2.0
// The numbers of the fields that are read of HloModuleProto and what it holds, as TensorFlow 2.21's schema has them.
// XLA never gives a number a second meaning.
#pragma once

#include <cstdint>

namespace dragoman::hlo {

namespace module_field {
enum : uint32_t {
  kName = 1,
  kComputations = 3,
  kEntryComputationId = 6,
  kInputOutputAlias = 8,
  kIsDynamic = 11,
  kBufferDonor = 18
};
}
namespace alias_field {
enum : uint32_t { kEntries = 1, kOutputShapeIndex = 1, kParameterNumber = 2, kParameterShapeIndex = 3 };
}
namespace donor_field {
enum : uint32_t { kEntries = 1, kParameterNumber = 1, kParameterShapeIndex = 2 };
}
namespace computation_field {
enum : uint32_t { kName = 1, kInstructions = 2, kId = 5, kRootId = 6 };
}
namespace instruction_field {
enum : uint32_t {
  kName = 1,
  kOpcode = 2,
  kShape = 3,
  kMetadata = 7,
  kLiteral = 8,
  kParameterNumber = 9,
  kTupleIndex = 13,
  kDimensions = 14,
  kWindow = 15,
  kConvolutionDimensions = 16,
  kSliceDimensions = 17,
  kExponentBits = 18,
  kMantissaBits = 19,
  kDynamicSliceSizes = 20,
  kPaddingConfig = 21,
  kDistribution = 23,
  kEpsilon = 24,
  kFeatureIndex = 25,
  kChannelId = 26,
  kCustomCallTarget = 28,
  kDotDimensions = 30,
  kFftType = 31,
  kFftLength = 32,
  kGatherDimensions = 33,
  kGatherSliceSizes = 34,
  kId = 35,
  kOperandIds = 36,
  kCalledComputationIds = 38,
  kBackendConfig = 43,
  kScatterDimensions = 48,
  kReplicaGroups = 49,
  kFeatureGroupCount = 50,
  kPrecisionConfig = 51,
  kSourceTargetPairs = 52,
  kBatchGroupCount = 58,
  kTriangularSolveOptions = 59,
  kIsStable = 60,
  kCholeskyOptions = 62,
  kComparisonDirection = 63,
  kCustomCallHasSideEffect = 65,
  kIndicesAreSorted = 67,
  kUniqueIndices = 69,
  kRngAlgorithm = 70,
  kUseGlobalDeviceIds = 71,
  kComparisonType = 72,
  kK = 81,
  kLargest = 85,
  kDotSparsity = 86,
  kCollectiveDevices = 87,
};
}
// Of a collective: groups one by one, or all numbers in order as a tensor that is reshaped and transposed.
namespace devices_field {
enum : uint32_t { kReplicaGroups = 1, kIota = 2 };
}
namespace group_field {
enum : uint32_t { kReplicaIds = 1 };
}
namespace iota_field {
enum : uint32_t { kNumGroups = 1, kDevicesPerGroup = 2, kTransposePermutation = 4 };
}
namespace pair_field {
enum : uint32_t { kSource = 1, kTarget = 2 };
}
namespace metadata_field {
enum : uint32_t { kOpType = 1, kOpName = 2, kSourceFile = 3, kSourceLine = 4 };
}
namespace shape_field {
enum : uint32_t { kElementType = 2, kDimensions = 3, kTupleShapes = 4, kLayout = 5, kIsDynamicDimension = 6 };
}
namespace layout_field {
enum : uint32_t { kMinorToMajor = 1 };
}
namespace literal_field {
enum : uint32_t { kShape = 1, kTupleLiterals = 10 };
}
namespace window_field {
enum : uint32_t {
  kDimensions = 1,
  kSize = 1,
  kStride = 2,
  kPaddingLow = 3,
  kPaddingHigh = 4,
  kWindowDilation = 5,
  kBaseDilation = 6,
  kWindowReversal = 7
};
}
namespace convolution_field {
enum : uint32_t {
  kKernelInputFeature = 3,
  kKernelOutputFeature = 4,
  kKernelSpatial = 6,
  kInputBatch = 7,
  kInputFeature = 8,
  kOutputBatch = 9,
  kOutputFeature = 10,
  kInputSpatial = 11,
  kOutputSpatial = 12,
};
}
namespace dot_field {
enum : uint32_t { kLhsContracting = 1, kRhsContracting = 2, kLhsBatch = 3, kRhsBatch = 4 };
}
namespace gather_field {
enum : uint32_t {
  kOffsetDims = 1,
  kCollapsedSliceDims = 2,
  kStartIndexMap = 3,
  kIndexVectorDim = 4,
  kOperandBatchingDims = 5,
  kStartIndicesBatchingDims = 6
};
}
namespace scatter_field {
enum : uint32_t {
  kUpdateWindowDims = 1,
  kInsertedWindowDims = 2,
  kScatterDimsToOperandDims = 3,
  kIndexVectorDim = 4,
  kInputBatchingDims = 5,
  kScatterIndicesBatchingDims = 6
};
}
namespace slice_field {
enum : uint32_t { kStart = 1, kLimit = 2, kStride = 3 };
}
namespace padding_field {
enum : uint32_t { kDimensions = 1, kLow = 1, kHigh = 2, kInterior = 3 };
}
namespace triangular_solve_field {
enum : uint32_t { kLeftSide = 1, kLower = 2, kUnitDiagonal = 3, kTransposeA = 4 };
}
namespace cholesky_field {
enum : uint32_t { kLower = 1 };
}
namespace precision_field {
enum : uint32_t { kOperandPrecision = 1, kAlgorithm = 2 };
}

}  // namespace dragoman::hlo
