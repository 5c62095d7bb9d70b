// SPDX-License-Identifier: Apache-2.0
#include <unordered_set>

#include "base/format.h"
#include "ir/ir.h"
#include "ir/shape_rules.h"

namespace dragoman::ir {
namespace {

bool HasType(const AttrValue& value, AttrType type) { return value.index() == static_cast<size_t>(type); }

Status VerifyAgainstTable(const Op& op) {
  const OpInfo& info = Info(op.code);
  const auto num_operands = static_cast<int>(op.operands.size());
  RULE_EXPECT(num_operands >= info.min_operands && (info.max_operands < 0 || num_operands <= info.max_operands),
              "{} has {} operands, expected {} to {}.", info.name, num_operands, info.min_operands, info.max_operands);
  RULE_EXPECT(info.num_regions < 0 || static_cast<int>(op.regions.size()) == info.num_regions,
              "{} has {} regions, expected {}.", info.name, op.regions.size(), info.num_regions);
  for (const AttrKey key : info.attributes) {
    RULE_EXPECT(op.attributes.Has(key), "{} lacks the attribute {}.", info.name, Info(key).name);
  }
  for (const auto& [key, value] : op.attributes.entries()) {
    RULE_EXPECT(HasType(value, Info(key).type), "The attribute {} has the wrong type.", Info(key).name);
  }
  const bool has_one_result = IsElementwise(op.code) || info.kind == OpKind::kData || info.kind == OpKind::kMovement ||
                              info.kind == OpKind::kContraction;
  RULE_EXPECT(!has_one_result || op.results.size() == 1, "{} has {} results, expected 1.", info.name,
              op.results.size());
  const bool may_have_none = info.kind == OpKind::kControl || op.code == OpCode::kCustomCall;
  RULE_EXPECT(may_have_none || !op.results.empty(), "{} has no result.", info.name);
  return OkStatus();
}

Status VerifyResultTypes(const Op& op) {
  ASSIGN_OR_RETURN(const std::vector<TensorType> expected, InferTypes(op));
  RULE_EXPECT(expected.size() == op.results.size(), "{} has {} results, expected {}.", Info(op.code).name,
              op.results.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const TensorType& actual = op.results[i]->type;
    RULE_EXPECT(actual == expected[i], "Result {} is {}, expected {}.", i, actual.ToString(), expected[i].ToString());
    for (const int64_t extent : actual.dims) RULE_EXPECT(extent >= 0, "Result {} is {}.", i, actual.ToString());
  }
  return OkStatus();
}

class Verifier {
 public:
  explicit Verifier(const Module& module) : module_(module) {}

  Status VerifyFunction(const Function& function) {
    visible_.clear();
    RULE_EXPECT(function.parameters.empty() || function.parameters.size() == function.body.arguments.size(),
                "The function has {} parameters and {} arguments.", function.parameters.size(),
                function.body.arguments.size());
    RULE_EXPECT(function.body.parent_op == nullptr, "The function's body has a parent op.");
    return VerifyBlock(function.body);
  }

 private:
  Status VerifyBlock(const Block& block) {
    RULE_EXPECT(!block.ops.empty() && block.terminator()->code == OpCode::kReturn, "A block does not end in return.");
    for (size_t i = 0; i < block.arguments.size(); ++i) {
      const Value& argument = *block.arguments[i];
      RULE_EXPECT(argument.block == &block && argument.op == nullptr && argument.index == static_cast<int>(i),
                  "Argument {} of a block is not linked to it.", i);
      visible_.insert(&argument);
    }
    for (const auto& op : block.ops) {
      const Status status = VerifyOp(*op, block);
      if (!status.ok()) return depth_ > 0 ? status : status.WithContext(Describe(*op));
    }
    for (const auto& op : block.ops) {
      for (const auto& result : op->results) visible_.erase(result.get());
    }
    for (const auto& argument : block.arguments) visible_.erase(argument.get());
    return OkStatus();
  }

  std::string Describe(const Op& op) const {
    constexpr size_t kMaxLength = 2000;
    std::string text = PrintOp(op);
    if (text.size() > kMaxLength) text = text.substr(0, kMaxLength) + "...";
    return Format("In {}.{}", text, module_.Where(op));
  }

  Status VerifyOp(const Op& op, const Block& block) {
    RULE_EXPECT(op.parent == &block, "{} is not linked to its block.", Info(op.code).name);
    RULE_EXPECT((op.code == OpCode::kReturn) == (&op == block.terminator()), "return stands inside of a block.");
    for (size_t i = 0; i < op.operands.size(); ++i) {
      RULE_EXPECT(op.operands[i] != nullptr, "Operand {} of {} is missing.", i, Info(op.code).name);
      RULE_EXPECT(visible_.contains(op.operands[i]), "Operand {} of {} is not defined before it.", i,
                  Info(op.code).name);
    }
    RETURN_IF_ERROR(VerifyAgainstTable(op));
    RETURN_IF_ERROR(VerifyRegions(op));
    RETURN_IF_ERROR(VerifyResultTypes(op));
    RETURN_IF_ERROR(VerifyCallee(op));
    for (size_t i = 0; i < op.results.size(); ++i) {
      const Value& result = *op.results[i];
      RULE_EXPECT(result.op == &op && result.block == nullptr && result.index == static_cast<int>(i),
                  "Result {} of {} is not linked to it.", i, Info(op.code).name);
      visible_.insert(&result);
    }
    return OkStatus();
  }

  Status VerifyRegions(const Op& op) {
    ++depth_;
    for (const auto& region : op.regions) {
      RULE_EXPECT(region->parent_op == &op, "A region of {} is not linked to it.", Info(op.code).name);
      RETURN_IF_ERROR(VerifyBlock(*region));
    }
    --depth_;
    return OkStatus();
  }

  Status VerifyCallee(const Op& op) {
    if (op.code != OpCode::kCall && op.code != OpCode::kComposite) return OkStatus();
    const AttrKey key = op.code == OpCode::kCall ? AttrKey::kCallee : AttrKey::kDecomposition;
    const Function* callee = module_.Find(op.attributes.Text(key));
    RULE_EXPECT(callee != nullptr, "There is no function {}.", op.attributes.Text(key));
    const auto& returned = callee->body.terminator()->operands;
    RULE_EXPECT(callee->body.arguments.size() == op.operands.size() && returned.size() == op.results.size(),
                "{} takes {} arguments and returns {}.", callee->name, callee->body.arguments.size(), returned.size());
    for (size_t i = 0; i < op.operands.size(); ++i) {
      RULE_EXPECT(callee->body.arguments[i]->type == op.operands[i]->type, "Argument {} of {} differs in type.", i,
                  callee->name);
    }
    for (size_t i = 0; i < op.results.size(); ++i) {
      RULE_EXPECT(returned[i]->type == op.results[i]->type, "Result {} of {} differs in type.", i, callee->name);
    }
    return OkStatus();
  }

  const Module& module_;
  std::unordered_set<const Value*> visible_;
  int depth_ = 0;  // of regions; the outermost op is shown with what is inside of it
};

}  // namespace

Status Verify(const Module& module) {
  std::unordered_set<std::string_view> names;
  for (const auto& function : module.functions) {
    RULE_EXPECT(names.insert(function->name).second, "Two functions are called {}.", function->name);
    RULE_EXPECT(!function->body.ops.empty() && function->body.terminator()->code == OpCode::kReturn,
                "The function {} does not end in return.", function->name);
  }
  for (const auto& function : module.functions) {
    Verifier verifier(module);
    const Status status = verifier.VerifyFunction(*function);
    if (!status.ok()) return status.WithContext(Format("In the function {}.", function->name));
  }
  return OkStatus();
}

}  // namespace dragoman::ir
