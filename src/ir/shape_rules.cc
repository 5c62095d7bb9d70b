// SPDX-License-Identifier: Apache-2.0
#include "ir/shape_rules.h"

namespace dragoman::ir {
namespace {

struct Row {
  OpCode code;
  ShapeRule rule;
};

constexpr Row kRows[] = {
    {OpCode::kConstant, ConstantTypes},
    {OpCode::kIota, IotaTypes},
    {OpCode::kBitcastConvert, BitcastConvertTypes},
    {OpCode::kBroadcastInDim, BroadcastInDimTypes},
    {OpCode::kReshape, ReshapeTypes},
    {OpCode::kTranspose, TransposeTypes},
    {OpCode::kReverse, ReverseTypes},
    {OpCode::kConcatenate, ConcatenateTypes},
    {OpCode::kSlice, SliceTypes},
    {OpCode::kPad, PadTypes},
    {OpCode::kDynamicSlice, DynamicSliceTypes},
    {OpCode::kDynamicUpdateSlice, DynamicUpdateSliceTypes},
    {OpCode::kGather, GatherTypes},
    {OpCode::kScatter, ScatterTypes},
    {OpCode::kReduce, ReduceTypes},
    {OpCode::kReduceWindow, ReduceWindowTypes},
    {OpCode::kScan, ScanTypes},
    {OpCode::kSelectAndScatter, SelectAndScatterTypes},
    {OpCode::kSort, SortTypes},
    {OpCode::kDotGeneral, DotGeneralTypes},
    {OpCode::kConvolution, ConvolutionTypes},
    {OpCode::kCholesky, CholeskyTypes},
    {OpCode::kTriangularSolve, TriangularSolveTypes},
    {OpCode::kJacobiRotations, JacobiRotationsTypes},
    {OpCode::kRotateBlocks, RotateBlocksTypes},
    {OpCode::kLuPanel, LuPanelTypes},
    {OpCode::kQrPanel, QrPanelTypes},
    {OpCode::kLuUpdate, LuUpdateTypes},
    {OpCode::kCholeskyPanel, CholeskyPanelTypes},
    {OpCode::kFft, FftTypes},
    {OpCode::kFourier, FourierTypes},
    {OpCode::kBatchNormTraining, BatchNormTrainingTypes},
    {OpCode::kBatchNormInference, BatchNormInferenceTypes},
    {OpCode::kBatchNormGrad, BatchNormGradTypes},
    {OpCode::kRng, RngTypes},
    {OpCode::kRngBitGenerator, RngBitGeneratorTypes},
    {OpCode::kWhile, WhileTypes},
    {OpCode::kCase, CaseTypes},
    {OpCode::kCall, DeclaredTypes},
    {OpCode::kComposite, DeclaredTypes},
    {OpCode::kCustomCall, DeclaredTypes},
    {OpCode::kOptimizationBarrier, OperandTypes},
    {OpCode::kCreateToken, TokenTypes},
    {OpCode::kAfterAll, TokenTypes},
    {OpCode::kSend, TokenTypes},
    {OpCode::kRecv, DeclaredTypes},
    {OpCode::kAllReduce, AllReduceTypes},
    {OpCode::kAllGather, AllGatherTypes},
    {OpCode::kReduceScatter, ReduceScatterTypes},
    {OpCode::kAllToAll, AllToAllTypes},
    {OpCode::kCollectivePermute, CollectivePermuteTypes},
    {OpCode::kCollectiveBroadcast, CollectiveBroadcastTypes},
    {OpCode::kPartitionId, DeviceNumberTypes},
    {OpCode::kReplicaId, DeviceNumberTypes},
    {OpCode::kReturn, DeclaredTypes},
};

constexpr bool RowsAreInTableOrder() {
  int expected = kNumScalarOps;
  for (const Row& row : kRows) {
    if (static_cast<int>(row.code) != expected++) return false;
  }
  return expected == static_cast<int>(OpCode::kReturn) + 1;
}
static_assert(RowsAreInTableOrder(), "every structured op needs its shape rule, in the order of the op table");

StatusOr<DType> ResultDType(const Op& op, DType element) {
  switch (Info(AsScalarOp(op.code)).result) {
    case ScalarResult::kSame:
      return element;
    case ScalarResult::kPred:
      return DType::kPred;
    case ScalarResult::kReal:
      return RealPart(element);
    case ScalarResult::kComplex:
      RULE_EXPECT(element == DType::kF32 || element == DType::kF64, "There is no complex type of {}.", Name(element));
      return element == DType::kF32 ? DType::kC64 : DType::kC128;
    case ScalarResult::kDeclared:
      return op.type().dtype;
    case ScalarResult::kBranch:
      return element;
  }
  return element;
}

}  // namespace

Types InferTypes(const Op& op) {
  if (IsElementwise(op.code)) return ElementwiseTypes(op);
  return kRows[static_cast<int>(op.code) - kNumScalarOps].rule(op);
}

Types ElementwiseTypes(const Op& op) {
  const ScalarOpInfo& info = Info(AsScalarOp(op.code));
  // select's predicate and clamp's bounds may be scalars.
  const size_t main = info.result == ScalarResult::kBranch ? 1 : 0;
  const TensorType& type = op.operands[main]->type;
  RULE_EXPECT((DomainOf(type.dtype) & info.domain) != 0, "{} does not take {}.", info.name, Name(type.dtype));
  for (size_t i = 0; i < op.operands.size(); ++i) {
    const TensorType& operand = op.operands[i]->type;
    const bool may_be_scalar = main == 1 && (op.code == OpCode::kClamp || i == 0);
    RULE_EXPECT(operand.dims == type.dims || (may_be_scalar && operand.rank() == 0),
                "Operand {} is {}, which does not fit {}.", i, operand.ToString(), type.ToString());
    const DType expected = op.code == OpCode::kSelect && i == 0 ? DType::kPred : type.dtype;
    RULE_EXPECT(operand.dtype == expected, "Operand {} has type {}, expected {}.", i, Name(operand.dtype),
                Name(expected));
  }
  ASSIGN_OR_RETURN(const DType dtype, ResultDType(op, type.dtype));
  return std::vector<TensorType>{{dtype, type.dims}};
}

Types DeclaredTypes(const Op& op) {
  std::vector<TensorType> types;
  for (const auto& result : op.results) types.push_back(result->type);
  return types;
}

Types OperandTypes(const Op& op) {
  std::vector<TensorType> types;
  for (const Value* operand : op.operands) types.push_back(operand->type);
  return types;
}

Types TokenTypes(const Op&) { return std::vector<TensorType>{{DType::kToken, {}}}; }

Status ExpectDimensions(const std::vector<int64_t>& dimensions, int rank, std::string_view what) {
  std::vector<bool> is_seen(static_cast<size_t>(rank), false);
  for (const int64_t dimension : dimensions) {
    RULE_EXPECT(dimension >= 0 && dimension < rank, "{} has dimension {}, the rank is {}.", what, dimension, rank);
    RULE_EXPECT(!is_seen[dimension], "{} has dimension {} twice.", what, dimension);
    is_seen[dimension] = true;
  }
  return OkStatus();
}

Status ExpectScalarRegion(const Block& region, const std::vector<DType>& arguments, const std::vector<DType>& results) {
  const auto& returned = region.terminator()->operands;
  RULE_EXPECT(region.arguments.size() == arguments.size(), "The region has {} arguments, expected {}.",
              region.arguments.size(), arguments.size());
  RULE_EXPECT(returned.size() == results.size(), "The region returns {} values, expected {}.", returned.size(),
              results.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    const TensorType expected{arguments[i], {}};
    RULE_EXPECT(region.arguments[i]->type == expected, "Argument {} of the region is {}, expected {}.", i,
                region.arguments[i]->type.ToString(), expected.ToString());
  }
  for (size_t i = 0; i < results.size(); ++i) {
    const TensorType expected{results[i], {}};
    RULE_EXPECT(returned[i]->type == expected, "Result {} of the region is {}, expected {}.", i,
                returned[i]->type.ToString(), expected.ToString());
  }
  return OkStatus();
}

}  // namespace dragoman::ir
