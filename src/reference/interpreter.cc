// SPDX-License-Identifier: Apache-2.0
#include "reference/interpreter.h"

#include <iterator>

#include "base/format.h"
#include "reference/op_functions.h"

namespace dragoman::reference {
namespace {

using ir::OpCode;

constexpr int kMaxCallDepth = 200;
// What a test or a fold may ask for; beyond it somebody made a mistake.
constexpr int64_t kMaxResultBytes = int64_t{1} << 32;

struct StructuredRow {
  OpCode code;
  OpFunction function;
};

// Elementwise ops have one function for all; these are the others.
constexpr StructuredRow kStructuredRows[] = {
    {OpCode::kConstant, EvaluateConstant},
    {OpCode::kIota, EvaluateIota},
    {OpCode::kBitcastConvert, EvaluateBitcastConvert},
    {OpCode::kBroadcastInDim, EvaluateBroadcastInDim},
    {OpCode::kReshape, EvaluateReshape},
    {OpCode::kTranspose, EvaluateTranspose},
    {OpCode::kReverse, EvaluateReverse},
    {OpCode::kConcatenate, EvaluateConcatenate},
    {OpCode::kSlice, EvaluateSlice},
    {OpCode::kPad, EvaluatePad},
    {OpCode::kDynamicSlice, EvaluateDynamicSlice},
    {OpCode::kDynamicUpdateSlice, EvaluateDynamicUpdateSlice},
    {OpCode::kGather, EvaluateGather},
    {OpCode::kScatter, EvaluateScatter},
    {OpCode::kReduce, EvaluateReduce},
    {OpCode::kReduceWindow, EvaluateReduceWindow},
    {OpCode::kScan, EvaluateScan},
    {OpCode::kSelectAndScatter, EvaluateSelectAndScatter},
    {OpCode::kSort, EvaluateSort},
    {OpCode::kDotGeneral, EvaluateDotGeneral},
    {OpCode::kConvolution, EvaluateConvolution},
    {OpCode::kCholesky, EvaluateCholesky},
    {OpCode::kTriangularSolve, EvaluateTriangularSolve},
    {OpCode::kJacobiRotations, EvaluateJacobiRotations},
    {OpCode::kRotateBlocks, EvaluateRotateBlocks},
    {OpCode::kLuPanel, EvaluateLuPanel},
    {OpCode::kQrPanel, EvaluateQrPanel},
    {OpCode::kLuUpdate, EvaluateLuUpdate},
    {OpCode::kCholeskyPanel, EvaluateCholeskyPanel},
    {OpCode::kFft, EvaluateFft},
    {OpCode::kFourier, EvaluateFourier},
    {OpCode::kBatchNormTraining, EvaluateBatchNormTraining},
    {OpCode::kBatchNormInference, EvaluateBatchNormInference},
    {OpCode::kBatchNormGrad, EvaluateBatchNormGrad},
    {OpCode::kRng, RefuseOp},
    {OpCode::kRngBitGenerator, EvaluateRngBitGenerator},
    {OpCode::kWhile, EvaluateWhile},
    {OpCode::kCase, EvaluateCase},
    {OpCode::kCall, EvaluateCall},
    {OpCode::kComposite, EvaluateComposite},
    {OpCode::kCustomCall, EvaluateCustomCall},
    {OpCode::kOptimizationBarrier, EvaluateOptimizationBarrier},
    {OpCode::kCreateToken, EvaluateToken},
    {OpCode::kAfterAll, EvaluateToken},
    {OpCode::kSend, RefuseOp},
    {OpCode::kRecv, RefuseOp},
    {OpCode::kAllReduce, EvaluateCollective},
    {OpCode::kAllGather, EvaluateCollective},
    {OpCode::kReduceScatter, EvaluateCollective},
    {OpCode::kAllToAll, EvaluateCollective},
    {OpCode::kCollectivePermute, EvaluateCollective},
    {OpCode::kCollectiveBroadcast, EvaluateCollective},
    {OpCode::kPartitionId, EvaluateCollective},
    {OpCode::kReplicaId, EvaluateCollective},
    {OpCode::kReturn, RefuseOp},
};

constexpr bool HasEveryStructuredOpInOrder() {
  for (size_t i = 0; i < std::size(kStructuredRows); ++i) {
    if (static_cast<int>(kStructuredRows[i].code) != kNumScalarOps + static_cast<int>(i)) return false;
  }
  return kStructuredRows[std::size(kStructuredRows) - 1].code == OpCode::kReturn;
}
static_assert(HasEveryStructuredOpInOrder(), "one row for each structured op of ir/ops.h, in its order");

Status RefuseHugeResults(const ir::Op& op) {
  for (const auto& result : op.results) {
    if (result->type.size_bytes() <= kMaxResultBytes) continue;
    return Status(StatusCode::kResourceExhausted,
                  Format("A result of {} is {}, more than the {} bytes that are evaluated here.",
                         ir::Info(op.code).name, result->type.ToString(), kMaxResultBytes));
  }
  return OkStatus();
}

StatusOr<std::vector<Literal>> ValuesOf(const std::vector<ir::Value*>& wanted, const Frame& frame) {
  std::vector<Literal> values;
  values.reserve(wanted.size());
  for (const ir::Value* value : wanted) {
    const auto found = frame.values.find(value);
    if (found == frame.values.end()) return Internal("A value is used before it is computed, in the evaluator.");
    values.push_back(found->second);
  }
  return values;
}

Status RunOp(const ir::Op& op, Frame& frame) {
  RETURN_IF_ERROR(RefuseHugeResults(op));
  ASSIGN_OR_RETURN(const std::vector<Literal> operands, ValuesOf(op.operands, frame));
  ASSIGN_OR_RETURN(std::vector<Literal> results, FunctionOf(op.code)(OpCall{op, operands, frame}));
  if (results.size() != op.results.size()) {
    return Internal(Format("Evaluating {} gives {} results, expected {}.", ir::Info(op.code).name, results.size(),
                           op.results.size()));
  }
  for (size_t i = 0; i < results.size(); ++i) frame.values[op.result(static_cast<int>(i))] = std::move(results[i]);
  return OkStatus();
}

}  // namespace

OpFunction FunctionOf(OpCode code) {
  return ir::IsElementwise(code) ? EvaluateElementwise
                                 : kStructuredRows[static_cast<int>(code) - kNumScalarOps].function;
}

Results RunBlock(const ir::Block& block, std::span<const Literal> arguments, Frame& frame) {
  for (size_t i = 0; i < arguments.size(); ++i) frame.values[block.arguments[i].get()] = arguments[i];
  for (const auto& op : block.ops) {
    if (op->code == OpCode::kReturn) break;
    RETURN_IF_ERROR(RunOp(*op, frame));
  }
  return ValuesOf(block.terminator()->operands, frame);
}

Results RunFunction(const ir::Module& module, std::string_view name, std::span<const Literal> inputs, int depth) {
  const ir::Function* function = module.Find(name);
  if (function == nullptr) return InvalidArgument(Format("The module has no function {}.", name));
  if (depth > kMaxCallDepth) return InvalidArgument(Format("Calls nest deeper than {}.", kMaxCallDepth));
  const auto& arguments = function->body.arguments;
  if (arguments.size() != inputs.size()) {
    return InvalidArgument(
        Format("Function {} has {} parameters, it is given {} inputs.", name, arguments.size(), inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].type() == arguments[i]->type) continue;
    return InvalidArgument(Format("Input {} of function {} is {}, expected {}.", i, name, inputs[i].type().ToString(),
                                  arguments[i]->type.ToString()));
  }
  Frame frame{&module, depth, {}};
  return RunBlock(function->body, inputs, frame);
}

}  // namespace dragoman::reference
