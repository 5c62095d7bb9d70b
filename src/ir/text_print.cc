// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <unordered_map>

#include "base/format.h"
#include "ir/ir.h"
#include "ir/text.h"

namespace dragoman::ir {
namespace {

std::string InParentheses(const std::vector<std::string>& texts) {
  std::string joined = "(";
  for (const std::string& text : texts) joined += (joined.size() > 1 ? ", " : "") + text;
  return joined + ")";
}

bool IsPlainName(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$-<>";
  return !name.empty() && name.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string InQuotes(std::string_view text) {
  return Quoted(text, [](unsigned byte) { return Format("\\{:02x}", byte); });
}

std::string SymbolName(std::string_view name) { return IsPlainName(name) ? std::string(name) : InQuotes(name); }

std::string PrintInts(const std::vector<int64_t>& values) {
  std::string out = "[";
  for (size_t i = 0; i < values.size(); ++i) out += Format("{}{}", i == 0 ? "" : ", ", values[i]);
  return out + "]";
}

std::string PrintAttribute(const AttrValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return Format("{}", *number);
  if (const auto* numbers = std::get_if<std::vector<int64_t>>(&value)) return PrintInts(*numbers);
  if (const auto* text = std::get_if<std::string>(&value)) return InQuotes(*text);
  return PrintLiteral(std::get<Literal>(value));
}

class Printer {
 public:
  std::string Take() { return std::move(out_); }

  void PrintModule(const Module& module) {
    out_ += Format("module @{}", SymbolName(module.name));
    if (module.num_partitions != 1 || module.num_replicas != 1) {
      out_ += Format(" {{num_partitions = {}, num_replicas = {}}}", module.num_partitions, module.num_replicas);
    }
    out_ += "\n";
    for (const auto& function : module.functions) PrintFunction(*function);
  }

  // Operands defined outside of the op are numbered first, and shown with their types.
  void PrintAlone(const Op& op) {
    for (const Value* operand : op.operands) Name(operand);
    with_operand_types_ = true;
    PrintOp(op, 0);
    if (!out_.empty() && out_.back() == '\n') out_.pop_back();
  }

 private:
  void PrintFunction(const Function& function) {
    names_.clear();
    out_ += Format("\nfunc {}@{}(", function.is_public ? "public " : "", SymbolName(function.name));
    for (size_t i = 0; i < function.body.arguments.size(); ++i) {
      if (i > 0) out_ += ", ";
      PrintParameter(*function.body.arguments[i]);
      if (i < function.parameters.size()) PrintParameterInfo(function.parameters[i]);
    }
    out_ += ")";
    PrintSpaces(function.result_spaces);
    out_ += " {\n";
    PrintOps(function.body, 1);
    out_ += "}\n";
  }

  void PrintSpaces(const std::vector<MemorySpace>& spaces) {
    for (size_t i = 0; i < spaces.size(); ++i) {
      out_ += Format("{}{}", i == 0 ? " in [" : ", ", static_cast<int>(spaces[i]));
    }
    if (!spaces.empty()) out_ += "]";
  }

  void PrintParameter(const Value& value) { out_ += Format("%{}: {}", Name(&value), value.type.ToString()); }

  void PrintParameterInfo(const ParameterInfo& info) {
    std::string text;
    const auto add = [&text](std::string_view name, int number) {
      text += Format("{}{} = {}", text.empty() ? "" : ", ", name, number);
    };
    if (info.aliased_output >= 0) add("aliased_output", info.aliased_output);
    if (info.is_donor) add("is_donor", 1);
    if (info.is_random_seed) add("is_random_seed", 1);
    if (!text.empty()) out_ += " {" + text + "}";
  }

  void PrintOps(const Block& block, int depth) {
    for (const auto& op : block.ops) PrintOp(*op, depth);
  }

  void PrintOp(const Op& op, int depth) {
    out_.append(static_cast<size_t>(depth) * 2, ' ');
    for (size_t i = 0; i < op.results.size(); ++i) out_ += Format("{}%{}", i == 0 ? "" : ", ", Name(op.result(i)));
    if (!op.results.empty()) out_ += " = ";
    out_ += Info(op.code).name;
    out_ += "(";
    for (size_t i = 0; i < op.operands.size(); ++i) PrintOperand(op.operands[i], i == 0);
    out_ += ")";
    PrintAttributes(op.attributes);
    for (size_t i = 0; i < op.results.size(); ++i) {
      out_ += i == 0 ? " : " : ", ";
      out_ += op.type(static_cast<int>(i)).ToString();
    }
    for (const auto& region : op.regions) PrintRegion(*region, depth);
    out_ += "\n";
  }

  void PrintOperand(const Value* operand, bool is_first) {
    if (!is_first) out_ += ", ";
    out_ += Format("%{}", Name(operand));
    if (with_operand_types_ && operand != nullptr) out_ += ": " + operand->type.ToString();
  }

  void PrintAttributes(const Attributes& attributes) {
    if (attributes.entries().empty()) return;
    out_ += " {";
    bool is_first = true;
    for (const auto& [key, value] : attributes.entries()) {
      out_ += Format("{}{} = {}", is_first ? "" : ", ", Info(key).name, PrintAttribute(value));
      is_first = false;
    }
    out_ += "}";
  }

  void PrintRegion(const Block& region, int depth) {
    out_ += " (";
    for (size_t i = 0; i < region.arguments.size(); ++i) {
      if (i > 0) out_ += ", ";
      PrintParameter(*region.arguments[i]);
    }
    out_ += ") {\n";
    const bool with_types = std::exchange(with_operand_types_, false);
    PrintOps(region, depth + 1);
    with_operand_types_ = with_types;
    out_.append(static_cast<size_t>(depth) * 2, ' ');
    out_ += "}";
  }

  int Name(const Value* value) { return names_.emplace(value, static_cast<int>(names_.size())).first->second; }

  std::string out_;
  std::unordered_map<const Value*, int> names_;
  bool with_operand_types_ = false;
};

}  // namespace

std::string Print(const Module& module) {
  Printer printer;
  printer.PrintModule(module);
  return printer.Take();
}

std::string PrintOp(const Op& op) {
  Printer printer;
  printer.PrintAlone(op);
  return printer.Take();
}

std::string Signature(const std::vector<std::string>& operands, const std::vector<std::string>& results) {
  return InParentheses(operands) + " -> " + InParentheses(results);
}

std::string Signature(const Op& op) {
  std::vector<std::string> operands, results;
  for (const Value* operand : op.operands) operands.push_back(operand->type.ToString());
  for (const auto& result : op.results) results.push_back(result->type.ToString());
  return Signature(operands, results);
}

}  // namespace dragoman::ir
