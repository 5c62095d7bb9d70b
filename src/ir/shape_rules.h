// SPDX-License-Identifier: Apache-2.0
// The shape rule of each op: from operands, attributes and regions to the types its results must have. Where the op
// itself states a type (reshape, iota, convert, ...), the rule checks the stated one and gives it back. A rule assumes
// what the verifier checks first: operand, region and result counts that fit the op table, attributes present, and
// regions that end in a return. Messages are INTERNAL and leave it to the verifier to show the op.
#pragma once

#include <vector>

#include "base/format.h"
#include "base/status.h"
#include "ir/ir.h"

namespace dragoman::ir {

using Types = StatusOr<std::vector<TensorType>>;
using ShapeRule = Types (*)(const Op& op);

// The expected result types of any op, by its rule.
Types InferTypes(const Op& op);

// Elementwise ops: all follow from their row in types/scalar_ops.h.
Types ElementwiseTypes(const Op& op);

// Data and movement.
Types ConstantTypes(const Op& op);
Types IotaTypes(const Op& op);
Types BitcastConvertTypes(const Op& op);
Types BroadcastInDimTypes(const Op& op);
Types ReshapeTypes(const Op& op);
Types TransposeTypes(const Op& op);
Types ReverseTypes(const Op& op);
Types ConcatenateTypes(const Op& op);
Types SliceTypes(const Op& op);
Types PadTypes(const Op& op);

// Indexing.
Types DynamicSliceTypes(const Op& op);
Types DynamicUpdateSliceTypes(const Op& op);
Types GatherTypes(const Op& op);
Types ScatterTypes(const Op& op);

// Reductions.
Types ReduceTypes(const Op& op);
Types ReduceWindowTypes(const Op& op);
Types ScanTypes(const Op& op);
Types SelectAndScatterTypes(const Op& op);
Types SortTypes(const Op& op);

// Contractions and linear algebra.
Types DotGeneralTypes(const Op& op);
Types ConvolutionTypes(const Op& op);
Types CholeskyTypes(const Op& op);
Types TriangularSolveTypes(const Op& op);
Types JacobiRotationsTypes(const Op& op);
Types RotateBlocksTypes(const Op& op);
Types LuPanelTypes(const Op& op);
Types QrPanelTypes(const Op& op);
Types LuUpdateTypes(const Op& op);
Types CholeskyPanelTypes(const Op& op);
Types FftTypes(const Op& op);
Types FourierTypes(const Op& op);
Types BatchNormTrainingTypes(const Op& op);
Types BatchNormInferenceTypes(const Op& op);
Types BatchNormGradTypes(const Op& op);

// Collectives.
Types AllReduceTypes(const Op& op);
Types AllGatherTypes(const Op& op);
Types ReduceScatterTypes(const Op& op);
Types AllToAllTypes(const Op& op);
Types CollectivePermuteTypes(const Op& op);
Types CollectiveBroadcastTypes(const Op& op);
Types DeviceNumberTypes(const Op& op);

// Control flow, random numbers, effects.
Types WhileTypes(const Op& op);
Types CaseTypes(const Op& op);
Types OperandTypes(const Op& op);
Types TokenTypes(const Op& op);
Types RngTypes(const Op& op);
Types RngBitGeneratorTypes(const Op& op);
Types DeclaredTypes(const Op& op);

// That `region` takes scalars of the given types and returns scalars of `result_types`.
Status ExpectScalarRegion(const Block& region, const std::vector<DType>& arguments, const std::vector<DType>& results);
// That the list holds distinct dimensions of a tensor of `rank`.
Status ExpectDimensions(const std::vector<int64_t>& dimensions, int rank, std::string_view what);

}  // namespace dragoman::ir

#define RULE_EXPECT(condition, ...) \
  if (!(condition)) return ::dragoman::Internal(::dragoman::Format(__VA_ARGS__))
