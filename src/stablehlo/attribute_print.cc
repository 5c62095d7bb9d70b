// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <charconv>
#include <iterator>

#include "base/format.h"
#include "stablehlo/attribute_codes.h"
#include "stablehlo/attribute_table.h"

namespace dragoman::stablehlo {
namespace {

// Attributes share their parts, so a small artifact could describe an endless text.
constexpr size_t kMaxTextSize = 64 << 10;
constexpr int kMaxPrintDepth = 16;

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

template <typename Float>
std::string ShortestText(Float value) {
  char buffer[32];
  const std::to_chars_result result = std::to_chars(std::begin(buffer), std::end(buffer), value);
  return std::string(buffer, result.ptr);
}

}  // namespace

StatusOr<std::string> AttributeTable::Print(AttrIndex index) {
  std::string text;
  RETURN_IF_ERROR(PrintTo(index, 0, text));
  return text;
}

Status AttributeTable::PrintTo(AttrIndex index, int depth, std::string& text) {
  if (depth > kMaxPrintDepth || text.size() > kMaxTextSize) {
    return InvalidArgument(Format("An attribute of the artifact is nested deeper than {} or longer than {} bytes.",
                                  kMaxPrintDepth, kMaxTextSize));
  }
  if (IsDictionary(index)) return PrintDictionary(index, depth, text);
  if (IsArray(index)) {
    ASSIGN_OR_RETURN(const std::vector<AttrIndex> items, Array(index));
    return PrintList(items, depth, text);
  }
  if (IsText(index)) {
    ASSIGN_OR_RETURN(const std::string_view string, Text(index));
    text += Quoted(string);
    return OkStatus();
  }
  if (Is(index, Code(VhloAttr::kFloat), Code(BuiltinAttr::kFloat))) return PrintFloat(index, text);
  if (Is(index, Code(VhloAttr::kTensor), Code(BuiltinAttr::kDenseElements))) {
    ASSIGN_OR_RETURN(const ir::Literal literal, Literal(index));
    if (!IsInteger(literal.type().dtype)) {
      text += literal.type().ToString();
      return OkStatus();
    }
    ASSIGN_OR_RETURN(const std::vector<int64_t> values, Ints(index));
    text += ToString(values);
    return OkStatus();
  }
  const StatusOr<int64_t> number = Int(index);
  if (!number.ok()) {
    // A type, or another attribute that settles nothing here: it is named by its place.
    text += Format("#{}", index);
    return OkStatus();
  }
  const int64_t value = *number;
  text += IsBoolean(index) ? (value != 0 ? "true" : "false") : std::to_string(value);
  return OkStatus();
}

// VHLO has an attribute for it, builtin an integer of type i1.
bool AttributeTable::IsBoolean(AttrIndex index) const {
  StatusOr<Opened> opened = Open(index);
  if (!opened.ok()) return false;
  if (opened->dialect == Dialect::kVhlo && opened->code == Code(VhloAttr::kBool)) return true;
  if (!Is(index, Code(VhloAttr::kInteger), Code(BuiltinAttr::kInteger))) return false;
  const StatusOr<DType> dtype = types_.Scalar(opened->reader.Varint());
  return dtype.ok() && *dtype == DType::kPred;
}

Status AttributeTable::PrintList(const std::vector<AttrIndex>& items, int depth, std::string& text) {
  text += '[';
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += ", ";
    RETURN_IF_ERROR(PrintTo(items[i], depth + 1, text));
  }
  text += ']';
  return OkStatus();
}

Status AttributeTable::PrintDictionary(AttrIndex index, int depth, std::string& text) {
  ASSIGN_OR_RETURN(const auto entries, Dictionary(index));
  text += '{';
  for (size_t i = 0; i < entries.size(); ++i) {
    text += i > 0 ? ", " : "";
    text += entries[i].first;
    text += " = ";
    RETURN_IF_ERROR(PrintTo(entries[i].second, depth + 1, text));
  }
  text += '}';
  return OkStatus();
}

// A float's bits are written as an integer of its width.
Status AttributeTable::PrintFloat(AttrIndex index, std::string& text) const {
  ASSIGN_OR_RETURN(Opened opened, Open(index));
  ASSIGN_OR_RETURN(const DType dtype, types_.Scalar(opened.reader.Varint()));
  const bool is_narrow = Info(dtype).bits <= 8;
  const int64_t bits = is_narrow ? opened.reader.Byte() : opened.reader.SignedVarint();
  RETURN_IF_ERROR(opened.reader.status("attribute"));
  if (dtype == DType::kF32) {
    text += ShortestText(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  } else if (dtype == DType::kF64) {
    text += ShortestText(std::bit_cast<double>(bits));
  } else {
    text += Format("0x{:X}", static_cast<uint64_t>(bits));
  }
  return OkStatus();
}

}  // namespace dragoman::stablehlo
