// SPDX-License-Identifier: Apache-2.0
// Shape rules of control flow and random numbers.
#include "ir/shape_rules.h"

namespace dragoman::ir {
namespace {

Status ExpectTypes(const std::vector<TensorType>& actual, const std::vector<TensorType>& expected,
                   std::string_view what) {
  RULE_EXPECT(actual.size() == expected.size(), "{} has {} values, expected {}.", what, actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    RULE_EXPECT(actual[i] == expected[i], "Value {} of {} is {}, expected {}.", i, what, actual[i].ToString(),
                expected[i].ToString());
  }
  return OkStatus();
}

std::vector<TensorType> ArgumentTypes(const Block& block) {
  std::vector<TensorType> types;
  for (const auto& argument : block.arguments) types.push_back(argument->type);
  return types;
}

std::vector<TensorType> ReturnedTypes(const Block& block) { return *OperandTypes(*block.terminator()); }

}  // namespace

Types WhileTypes(const Op& op) {
  const std::vector<TensorType> carried = *OperandTypes(op);
  const TensorType predicate{DType::kPred, {}};
  RETURN_IF_ERROR(ExpectTypes(ArgumentTypes(*op.regions[0]), carried, "the condition's arguments"));
  RETURN_IF_ERROR(ExpectTypes(ArgumentTypes(*op.regions[1]), carried, "the body's arguments"));
  RETURN_IF_ERROR(ExpectTypes(ReturnedTypes(*op.regions[0]), {predicate}, "the condition's results"));
  RETURN_IF_ERROR(ExpectTypes(ReturnedTypes(*op.regions[1]), carried, "the body's results"));
  return carried;
}

Types CaseTypes(const Op& op) {
  const TensorType& index = op.operands[0]->type;
  RULE_EXPECT(index.rank() == 0 && index.dtype == DType::kS32, "The branch index is {}.", index.ToString());
  RULE_EXPECT(!op.regions.empty(), "case has no branch.");
  const std::vector<TensorType> types = ReturnedTypes(*op.regions[0]);
  for (const auto& region : op.regions) {
    RULE_EXPECT(region->arguments.empty(), "A branch has {} arguments.", region->arguments.size());
    RETURN_IF_ERROR(ExpectTypes(ReturnedTypes(*region), types, "the branch's results"));
  }
  return types;
}

Types RngTypes(const Op& op) {
  const TensorType& a = op.operands[0]->type;
  const TensorType& b = op.operands[1]->type;
  RULE_EXPECT(a.rank() == 0 && a == b, "The distribution's parameters are {} and {}.", a.ToString(), b.ToString());
  RULE_EXPECT(op.operands[2]->type.rank() == 1 && op.operands[2]->type.dims[0] == op.type().rank(),
              "The shape operand is {} for {}.", op.operands[2]->type.ToString(), op.type().ToString());
  return std::vector<TensorType>{{a.dtype, op.type().dims}};
}

Types RngBitGeneratorTypes(const Op& op) {
  const TensorType& state = op.operands[0]->type;
  RULE_EXPECT(state.rank() == 1 && (state.dtype == DType::kU64 || state.dtype == DType::kU32), "The state is {}.",
              state.ToString());
  RULE_EXPECT(op.results.size() == 2, "rng_bit_generator has {} results, expected 2.", op.results.size());
  return std::vector<TensorType>{state, op.type(1)};
}

}  // namespace dragoman::ir
