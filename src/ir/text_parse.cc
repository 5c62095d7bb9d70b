// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <charconv>
#include <unordered_map>

#include "base/format.h"
#include "ir/ir.h"
#include "ir/text.h"

namespace dragoman::ir {
namespace {

std::optional<AttrKey> AttrKeyFromName(std::string_view name) {
  static const auto* const keys = [] {
    auto* map = new std::unordered_map<std::string_view, AttrKey>;
#define X(key, text, type) map->emplace(text, AttrKey::key);
    DRAGOMAN_ATTRIBUTES(X)
#undef X
    return map;
  }();
  const auto found = keys->find(name);
  if (found == keys->end()) return std::nullopt;
  return found->second;
}

bool IsNameChar(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '$' || c == '-';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  StatusOr<std::unique_ptr<Module>> ParseModule() {
    auto module = std::make_unique<Module>();
    RETURN_IF_ERROR(ExpectWord("module"));
    ASSIGN_OR_RETURN(module->name, ParseSymbol());
    if (Accept("{")) {
      ASSIGN_OR_RETURN(const auto numbers, ParseNumbersByName());
      for (const auto& [name, number] : numbers) {
        if (name == "num_partitions") module->num_partitions = static_cast<int>(number);
        if (name == "num_replicas") module->num_replicas = static_cast<int>(number);
      }
    }
    while (!AtEnd()) {
      RETURN_IF_ERROR(ExpectWord("func"));
      RETURN_IF_ERROR(ParseFunction(*module));
    }
    return module;
  }

 private:
  using Numbers = std::vector<std::pair<std::string, int64_t>>;

  Status ParseFunction(Module& module) {
    values_.clear();
    auto function = std::make_unique<Function>();
    SkipSpace();
    if (Peek() != '@') {
      RETURN_IF_ERROR(ExpectWord("public"));
      function->is_public = true;
    }
    ASSIGN_OR_RETURN(function->name, ParseSymbol());
    RETURN_IF_ERROR(ParseParameters(function->body, &function->parameters));
    RETURN_IF_ERROR(ParseSpaces(function->result_spaces));
    RETURN_IF_ERROR(ParseOps(function->body));
    module.functions.push_back(std::move(function));
    return OkStatus();
  }

  Status ParseParameters(Block& block, std::vector<ParameterInfo>* infos) {
    RETURN_IF_ERROR(Expect("("));
    if (Accept(")")) return OkStatus();
    do {
      ASSIGN_OR_RETURN(const std::string name, ParseValueName());
      RETURN_IF_ERROR(Expect(":"));
      ASSIGN_OR_RETURN(TensorType type, ParseTypeHere());
      RETURN_IF_ERROR(Define(name, block.AddArgument(std::move(type))));
      if (infos != nullptr) {
        ASSIGN_OR_RETURN(const ParameterInfo info, ParseParameterInfo());
        infos->push_back(info);
      }
    } while (Accept(","));
    return Expect(")");
  }

  Status ParseSpaces(std::vector<MemorySpace>& spaces) {
    if (!Accept("in")) return OkStatus();
    ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, ParseInts());
    for (const int64_t number : numbers) {
      if (number < 0 || number >= kNumMemorySpaces) return Bad("there is no such memory");
      spaces.push_back(static_cast<MemorySpace>(number));
    }
    return OkStatus();
  }

  StatusOr<ParameterInfo> ParseParameterInfo() {
    ParameterInfo info;
    if (!Accept("{")) return info;
    ASSIGN_OR_RETURN(const Numbers numbers, ParseNumbersByName());
    for (const auto& [name, number] : numbers) {
      if (name == "aliased_output") info.aliased_output = static_cast<int>(number);
      if (name == "is_donor") info.is_donor = number != 0;
      if (name == "is_random_seed") info.is_random_seed = number != 0;
    }
    return info;
  }

  // After "{".
  StatusOr<Numbers> ParseNumbersByName() {
    Numbers numbers;
    if (Accept("}")) return numbers;
    do {
      const std::string name(Word());
      RETURN_IF_ERROR(Expect("="));
      ASSIGN_OR_RETURN(const int64_t number, ParseInt());
      numbers.emplace_back(name, number);
    } while (Accept(","));
    RETURN_IF_ERROR(Expect("}"));
    return numbers;
  }

  Status ParseOps(Block& block) {
    RETURN_IF_ERROR(Expect("{"));
    while (!Accept("}")) {
      if (AtEnd()) return Bad("a \"}\" is missing");
      RETURN_IF_ERROR(ParseOp(block));
    }
    return OkStatus();
  }

  Status ParseOp(Block& block) {
    std::vector<std::string> names;
    if (Peek() == '%') {
      do {
        ASSIGN_OR_RETURN(std::string name, ParseValueName());
        names.push_back(std::move(name));
      } while (Accept(","));
      RETURN_IF_ERROR(Expect("="));
    }
    const std::string_view name = Word();
    const std::optional<OpCode> code = OpCodeFromName(name);
    if (!code.has_value()) return Bad(Format("there is no op \"{}\"", name));
    ASSIGN_OR_RETURN(std::vector<Value*> operands, ParseOperands());
    Attributes attributes;
    std::string_view literal;
    if (Accept("{")) RETURN_IF_ERROR(ParseAttributes(attributes, literal));
    ASSIGN_OR_RETURN(std::vector<TensorType> types, ParseResultTypes());
    if (types.size() != names.size()) return Bad(Format("{} results have {} types", names.size(), types.size()));
    if (literal.data() != nullptr) {
      if (types.size() != 1) return Bad("a literal needs one result type");
      ASSIGN_OR_RETURN(Literal value, ParseLiteral(literal, types[0]));
      attributes.Set(AttrKey::kValue, std::move(value));
    }
    Op* op = block.Append(*code, std::move(operands), std::move(types), std::move(attributes));
    RETURN_IF_ERROR(ParseRegions(op));
    for (size_t i = 0; i < names.size(); ++i) RETURN_IF_ERROR(Define(names[i], op->result(static_cast<int>(i))));
    return OkStatus();
  }

  Status ParseRegions(Op* op) {
    if (++depth_ > kMaxRegionDepth) return Bad(Format("regions are nested deeper than {}", kMaxRegionDepth));
    while (Peek() == '(') {
      Block* region = op->parent->AddRegion(op);
      RETURN_IF_ERROR(ParseParameters(*region, nullptr));
      RETURN_IF_ERROR(ParseOps(*region));
    }
    --depth_;
    return OkStatus();
  }

  StatusOr<std::vector<Value*>> ParseOperands() {
    std::vector<Value*> operands;
    RETURN_IF_ERROR(Expect("("));
    if (Accept(")")) return operands;
    do {
      ASSIGN_OR_RETURN(const std::string name, ParseValueName());
      const auto found = values_.find(name);
      if (found == values_.end()) return Bad(Format("%{} is not defined", name));
      operands.push_back(found->second);
    } while (Accept(","));
    RETURN_IF_ERROR(Expect(")"));
    return operands;
  }

  StatusOr<std::vector<TensorType>> ParseResultTypes() {
    std::vector<TensorType> types;
    if (!Accept(":")) return types;
    do {
      ASSIGN_OR_RETURN(TensorType type, ParseTypeHere());
      types.push_back(std::move(type));
    } while (Accept(","));
    return types;
  }

  // After "{". A literal is left as text until the type of the result is known.
  Status ParseAttributes(Attributes& attributes, std::string_view& literal) {
    if (Accept("}")) return OkStatus();
    do {
      const std::string_view name = Word();
      const std::optional<AttrKey> key = AttrKeyFromName(name);
      if (!key.has_value()) return Bad(Format("there is no attribute \"{}\"", name));
      RETURN_IF_ERROR(Expect("="));
      RETURN_IF_ERROR(ParseAttribute(*key, attributes, literal));
    } while (Accept(","));
    return Expect("}");
  }

  Status ParseAttribute(AttrKey key, Attributes& attributes, std::string_view& literal) {
    switch (Info(key).type) {
      case AttrType::kInt: {
        ASSIGN_OR_RETURN(const int64_t number, ParseInt());
        attributes.Set(key, number);
        return OkStatus();
      }
      case AttrType::kInts: {
        ASSIGN_OR_RETURN(std::vector<int64_t> numbers, ParseInts());
        attributes.Set(key, std::move(numbers));
        return OkStatus();
      }
      case AttrType::kText: {
        ASSIGN_OR_RETURN(std::string text, ParseQuoted());
        attributes.Set(key, std::move(text));
        return OkStatus();
      }
      case AttrType::kLiteral: {
        RETURN_IF_ERROR(ExpectWord("dense"));
        RETURN_IF_ERROR(Expect("<"));
        const size_t end = text_.find('>', at_);
        if (end == std::string_view::npos) return Bad("a literal does not end");
        const std::string_view text = text_.substr(at_, end - at_);
        at_ = end + 1;
        if (key == AttrKey::kValue) {
          literal = text;
          return OkStatus();
        }
        ASSIGN_OR_RETURN(Literal number, ParseLiteral(text, {DType::kF32, {}}));  // the others are single numbers
        attributes.Set(key, std::move(number));
        return OkStatus();
      }
    }
    return OkStatus();
  }

  StatusOr<std::vector<int64_t>> ParseInts() {
    std::vector<int64_t> numbers;
    RETURN_IF_ERROR(Expect("["));
    if (Accept("]")) return numbers;
    do {
      ASSIGN_OR_RETURN(const int64_t number, ParseInt());
      numbers.push_back(number);
    } while (Accept(","));
    RETURN_IF_ERROR(Expect("]"));
    return numbers;
  }

  StatusOr<int64_t> ParseInt() {
    SkipSpace();
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
    if (error != std::errc()) return Bad("expected an integer");
    at_ = static_cast<size_t>(end - text_.data());
    return number;
  }

  StatusOr<std::string> ParseQuoted() {
    RETURN_IF_ERROR(Expect("\""));
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] != '\\') {
        out += text_[at_++];
        continue;
      }
      const std::string_view escape = text_.substr(at_ + 1, 2);
      if (escape.starts_with('"') || escape.starts_with('\\')) {
        out += escape[0];
        at_ += 2;
        continue;
      }
      uint8_t byte = 0;
      const auto [end, error] = std::from_chars(escape.data(), escape.data() + escape.size(), byte, 16);
      if (error != std::errc() || end != escape.data() + 2) return Bad("a string holds an unknown escape");
      out += static_cast<char>(byte);
      at_ += 3;
    }
    RETURN_IF_ERROR(Expect("\""));
    return out;
  }

  StatusOr<std::string> ParseSymbol() {
    RETURN_IF_ERROR(Expect("@"));
    if (at_ < text_.size() && text_[at_] == '"') return ParseQuoted();
    const size_t start = at_;
    while (at_ < text_.size() && (IsNameChar(text_[at_]) || text_[at_] == '<' || text_[at_] == '>')) ++at_;
    if (at_ == start) return Bad("expected a name");
    return std::string(text_.substr(start, at_ - start));
  }

  StatusOr<std::string> ParseValueName() {
    RETURN_IF_ERROR(Expect("%"));
    const std::string_view name = Word();
    if (name.empty()) return Bad("expected a value name");
    return std::string(name);
  }

  StatusOr<TensorType> ParseTypeHere() {
    SkipSpace();
    const size_t start = at_;
    const std::string_view word = Word();
    if (word == "tensor") {
      const size_t end = text_.find('>', at_);
      if (end == std::string_view::npos) return Bad("a type does not end");
      at_ = end + 1;
    }
    StatusOr<TensorType> type = ParseType(text_.substr(start, at_ - start));
    if (!type.ok()) return Bad(type.status().message());
    return type;
  }

  Status Define(const std::string& name, Value* value) {
    if (!values_.emplace(name, value).second) return Bad(Format("%{} is defined twice", name));
    return OkStatus();
  }

  std::string_view Word() {
    SkipSpace();
    const size_t start = at_;
    while (at_ < text_.size() && IsNameChar(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  Status ExpectWord(std::string_view wanted) {
    const std::string_view word = Word();
    if (word != wanted) return Bad(Format("expected \"{}\", found \"{}\"", wanted, word));
    return OkStatus();
  }

  Status Expect(std::string_view token) {
    if (!Accept(token)) return Bad(Format("expected \"{}\"", token));
    return OkStatus();
  }

  bool Accept(std::string_view token) {
    SkipSpace();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  char Peek() {
    SkipSpace();
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  bool AtEnd() { return Peek() == '\0'; }

  void SkipSpace() {
    while (at_ < text_.size()) {
      if (std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
        ++at_;
      } else if (text_.substr(at_).starts_with("//")) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return;
      }
    }
  }

  Status Bad(std::string_view what) const {
    const auto line = std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n') + 1;
    return InvalidArgument(Format("The IR text is malformed in line {}: {}.", line, what));
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  std::unordered_map<std::string, Value*> values_;
};

}  // namespace

StatusOr<TensorType> ParseType(std::string_view text) {
  if (text == "token") return TensorType{DType::kToken, {}};
  const auto malformed = [text] { return InvalidArgument(Format("\"{}\" is not a type.", text)); };
  std::string_view rest = text;
  if (!rest.starts_with("tensor<") || !rest.ends_with(">")) return malformed();
  rest = rest.substr(7, rest.size() - 8);
  TensorType type;
  while (!rest.empty() && std::isdigit(static_cast<unsigned char>(rest[0])) != 0) {
    int64_t extent = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), extent);
    if (error != std::errc() || end == rest.data() + rest.size() || *end != 'x') return malformed();
    rest.remove_prefix(static_cast<size_t>(end - rest.data()) + 1);
    type.dims.push_back(extent);
  }
  const std::optional<DType> dtype = DTypeFromName(rest);
  if (!dtype.has_value()) return malformed();
  type.dtype = *dtype;
  return type;
}

StatusOr<std::unique_ptr<Module>> Parse(std::string_view text) { return Parser(text).ParseModule(); }

}  // namespace dragoman::ir
