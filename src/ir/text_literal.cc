// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/format.h"
#include "ir/text.h"
#include "types/elements.h"
#include "types/small_float.h"

namespace dragoman::ir {
namespace {

void StoreBits(uint64_t bits, int size, std::vector<std::byte>& out) {
  for (int i = 0; i < size; ++i) out.push_back(static_cast<std::byte>(bits >> (8 * i)));
}

uint64_t LowBits(uint64_t bits, int count) { return count >= 64 ? bits : bits & ((uint64_t{1} << count) - 1); }

std::string Hex(uint64_t bits, int size) { return Format("0x{:0{}x}", bits, size * 2); }

std::string PrintFloat(DType dtype, const std::byte* bytes) {
  const int size = SizeBytes(dtype);
  const uint64_t bits = LoadBits(dtype, bytes);
  if (dtype == DType::kF32) {
    float value;
    std::memcpy(&value, bytes, sizeof value);
    return std::isfinite(value) ? Format("{}", value) : Hex(bits, size);
  }
  double value;
  if (dtype == DType::kF64) {
    std::memcpy(&value, bytes, sizeof value);
  } else {
    value = DecodeSmallFloat(dtype, static_cast<uint32_t>(bits));
  }
  return std::isfinite(value) ? Format("{}", value) : Hex(bits, size);
}

std::string PrintElement(DType dtype, const std::byte* bytes) {
  const DTypeInfo& info = Info(dtype);
  switch (info.kind) {
    case DTypeKind::kBool:
      return LoadBits(dtype, bytes) != 0 ? "true" : "false";
    case DTypeKind::kSigned:
      return Format("{}", IntegerOf(dtype, LoadBits(dtype, bytes)));
    case DTypeKind::kUnsigned:
      return Format("{}", static_cast<uint64_t>(IntegerOf(dtype, LoadBits(dtype, bytes))));
    case DTypeKind::kFloat:
      return PrintFloat(dtype, bytes);
    case DTypeKind::kComplex:
      return Format("({}, {})", PrintFloat(RealPart(dtype), bytes),
                    PrintFloat(RealPart(dtype), bytes + info.size_bytes / 2));
    case DTypeKind::kToken:
      return "";
  }
  return "";
}

class LiteralParser {
 public:
  LiteralParser(std::string_view text, const TensorType& type) : text_(text), type_(type) {}

  StatusOr<Literal> Parse() {
    std::vector<std::byte> bytes;
    SkipSpace();
    if (Accept('"')) return ParseHexBytes();
    if (!Accept('[')) {
      if (!ParseElement(bytes)) return Bad();
    } else if (!Accept(']')) {
      do {
        if (!ParseElement(bytes)) return Bad();
      } while (Accept(','));
      if (!Accept(']')) return Bad();
    }
    SkipSpace();
    return Finish(std::move(bytes));
  }

 private:
  StatusOr<Literal> ParseHexBytes() {
    std::vector<std::byte> bytes;
    while (text_.size() >= 2 && text_[0] != '"') {
      uint8_t byte = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + 2, byte, 16);
      if (error != std::errc() || end != text_.data() + 2) return Bad();
      bytes.push_back(static_cast<std::byte>(byte));
      text_.remove_prefix(2);
    }
    if (!Accept('"')) return Bad();
    return Finish(std::move(bytes));
  }

  StatusOr<Literal> Finish(std::vector<std::byte> bytes) const {
    const auto size = static_cast<int64_t>(bytes.size());
    const bool fits = size == type_.size_bytes() || size == SizeBytes(type_.dtype);
    if (!text_.empty() || !fits) return Bad();
    return Literal(type_, std::move(bytes));
  }

  Status Bad() const {
    return InvalidArgument(
        Format("The literal of {} is malformed near \"{}\".", type_.ToString(), text_.substr(0, 20)));
  }

  void SkipSpace() {
    while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_[0]))) text_.remove_prefix(1);
  }

  bool Accept(char c) {
    SkipSpace();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  std::string_view Word() {
    SkipSpace();
    const size_t end = std::min(text_.find_first_of(",)]> \t\n"), text_.size());
    const std::string_view word = text_.substr(0, end);
    text_.remove_prefix(end);
    return word;
  }

  bool ParseElement(std::vector<std::byte>& out) {
    if (!IsComplex(type_.dtype)) return ParseNumber(type_.dtype, out);
    const DType part = RealPart(type_.dtype);
    return Accept('(') && ParseNumber(part, out) && Accept(',') && ParseNumber(part, out) && Accept(')');
  }

  bool ParseNumber(DType dtype, std::vector<std::byte>& out) {
    std::string_view word = Word();
    const DTypeInfo& info = Info(dtype);
    if (word == "true" || word == "false") {
      out.push_back(static_cast<std::byte>(word == "true"));
      return info.kind == DTypeKind::kBool;
    }
    if (word.starts_with("0x")) {
      uint64_t bits = 0;
      if (!Whole(word.substr(2), bits, 16)) return false;
      StoreBits(bits, info.size_bytes, out);
      return true;
    }
    if (info.kind == DTypeKind::kFloat) return ParseFloat(dtype, word, out);
    int64_t number = 0;
    uint64_t bits = 0;
    if (Whole(word, number, 10)) {
      bits = static_cast<uint64_t>(number);
    } else if (!Whole(word, bits, 10)) {
      return false;
    }
    StoreBits(LowBits(bits, info.kind == DTypeKind::kBool ? 1 : info.size_bytes * 8), info.size_bytes, out);
    return true;
  }

  static bool ParseFloat(DType dtype, std::string_view word, std::vector<std::byte>& out) {
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (word.empty() || error != std::errc() || end != word.data() + word.size()) return false;
    uint64_t bits = 0;
    if (dtype == DType::kF64) {
      std::memcpy(&bits, &value, sizeof value);
    } else if (dtype == DType::kF32) {
      const auto narrow = static_cast<float>(value);
      std::memcpy(&bits, &narrow, sizeof narrow);
    } else {
      bits = EncodeNearestSmallFloat(dtype, value);
    }
    StoreBits(bits, SizeBytes(dtype), out);
    return true;
  }

  template <typename T>
  static bool Whole(std::string_view word, T& number, int base) {
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number, base);
    return !word.empty() && error == std::errc() && end == word.data() + word.size();
  }

  std::string_view text_;
  const TensorType& type_;
};

}  // namespace

std::string PrintLiteral(const Literal& literal, int64_t max_elements) {
  const DType dtype = literal.type().dtype;
  const int64_t count = literal.type().num_elements();
  const auto size = static_cast<int64_t>(literal.bytes().size());
  if (size == SizeBytes(dtype) && count != 0) return "dense<" + PrintElement(dtype, literal.element(0)) + ">";
  std::string out = "dense<";
  if (count <= max_elements) {
    out += "[";
    for (int64_t i = 0; i < count; ++i) out += (i == 0 ? "" : ", ") + PrintElement(dtype, literal.element(i));
    return out + "]>";
  }
  out += "\"";
  for (const std::byte byte : literal.bytes()) out += Format("{:02x}", static_cast<unsigned>(byte));
  return out + "\">";
}

StatusOr<Literal> ParseLiteral(std::string_view text, const TensorType& type) {
  return LiteralParser(text, type).Parse();
}

}  // namespace dragoman::ir
