// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/attribute_table.h"

#include <algorithm>

#include "base/format.h"
#include "read/checks.h"
#include "stablehlo/attribute_codes.h"

namespace dragoman::stablehlo {
namespace {

// Booleans, and the enumerations: one varint after the code.
bool IsEnumeration(uint64_t code) {
  using enum VhloAttr;
  constexpr VhloAttr kEnumerations[] = {kBool,      kComparisonDirection, kComparisonType,  kApiVersion, kFftType,
                                        kPrecision, kRngAlgorithm,        kRngDistribution, kTranspose,  kAccuracyMode};
  return std::find(std::begin(kEnumerations), std::end(kEnumerations), static_cast<VhloAttr>(code)) !=
         std::end(kEnumerations);
}

int64_t SignExtend(uint64_t value, int bits) {
  const int unused = 64 - bits;
  return static_cast<int64_t>(value << unused) >> unused;
}

// Booleans come eight a byte, least significant bit first; a splat of more than eight is one byte 00 or FF.
StatusOr<std::vector<std::byte>> UnpackBooleans(std::span<const std::byte> packed, const TensorType& type) {
  const int64_t count = type.num_elements();
  const auto size = static_cast<int64_t>(packed.size());
  if (size != (count + 7) / 8 && size != 1) {
    return InvalidArgument(Format("A constant of type {} has {} bytes of data.", type.ToString(), size));
  }
  std::vector<std::byte> bytes(size == 1 && count > 8 ? 1 : count);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = packed[i / 8] >> (i % 8) & std::byte{1};
  return bytes;
}

int64_t ElementAt(const ir::Literal& literal, int64_t index) {
  const int size = SizeBytes(literal.type().dtype);
  const std::byte* element = literal.element(index);
  uint64_t value = 0;
  for (int i = size - 1; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(element[i]);
  return IsSigned(literal.type().dtype) ? SignExtend(value, Info(literal.type().dtype).bits)
                                        : static_cast<int64_t>(value);
}

Status Mismatch(AttrIndex index, std::string_view form) {
  return InvalidArgument(Format("Attribute {} of the artifact is not {}.", index, form));
}

}  // namespace

StatusOr<AttributeTable::Opened> AttributeTable::Open(AttrIndex index) const {
  if (index >= container_->attributes.size()) {
    return InvalidArgument(
        Format("The artifact names attribute {}, but it has only {}.", index, container_->attributes.size()));
  }
  const Entry& entry = container_->attributes[index];
  if (entry.is_text || entry.dialect == Dialect::kOther) return Opened{Dialect::kOther, 0, ByteReader(entry.bytes)};
  Opened opened{entry.dialect, 0, ByteReader(entry.bytes)};
  opened.code = opened.reader.Varint();
  RETURN_IF_ERROR(opened.reader.status("attribute"));
  return opened;
}

Status AttributeTable::CountItems(size_t count) {
  if (count > items_left_) {
    return InvalidArgument(Format("The artifact reads its attributes more than {} times over.", kReadsPerByte));
  }
  items_left_ -= count;
  return OkStatus();
}

bool AttributeTable::Is(AttrIndex index, uint64_t vhlo_code, uint64_t builtin_code) const {
  const StatusOr<Opened> opened = Open(index);
  if (!opened.ok() || opened->dialect == Dialect::kOther) return false;
  return opened->code == (opened->dialect == Dialect::kVhlo ? vhlo_code : builtin_code);
}

bool AttributeTable::IsArray(AttrIndex index) const {
  return Is(index, Code(VhloAttr::kArray), Code(BuiltinAttr::kArray));
}

bool AttributeTable::IsDictionary(AttrIndex index) const {
  return Is(index, Code(VhloAttr::kDictionary), Code(BuiltinAttr::kDictionary));
}

bool AttributeTable::IsText(AttrIndex index) const {
  return Is(index, Code(VhloAttr::kString), Code(BuiltinAttr::kString));
}

// A type, then the value: up to eight bits as one raw byte, up to 64 as a signed varint.
StatusOr<int64_t> AttributeTable::ReadInteger(ByteReader& reader) const {
  ASSIGN_OR_RETURN(const DType dtype, types_.Scalar(reader.Varint()));
  if (!IsInteger(dtype) && !IsPred(dtype)) {
    return InvalidArgument(Format("An integer attribute has the type {}.", Name(dtype)));
  }
  const int bits = Info(dtype).bits;
  if (bits > 8) return reader.SignedVarint();
  const uint8_t raw = reader.Byte();
  return IsSigned(dtype) ? SignExtend(raw, bits) : int64_t{raw};
}

StatusOr<int64_t> AttributeTable::Int(AttrIndex index) {
  ASSIGN_OR_RETURN(Opened opened, Open(index));
  int64_t value = 0;
  if (opened.dialect == Dialect::kVhlo && IsEnumeration(opened.code)) {
    value = static_cast<int64_t>(opened.reader.Varint());
  } else if (Is(index, Code(VhloAttr::kInteger), Code(BuiltinAttr::kInteger))) {
    ASSIGN_OR_RETURN(value, ReadInteger(opened.reader));
  } else {
    return Mismatch(index, "an integer");
  }
  RETURN_IF_ERROR(opened.reader.status("attribute"));
  return value;
}

StatusOr<std::vector<int64_t>> AttributeTable::Ints(AttrIndex index) {
  ASSIGN_OR_RETURN(const ir::Literal literal, Literal(index));
  const TensorType& type = literal.type();
  if (!IsInteger(type.dtype) && !IsPred(type.dtype)) return Mismatch(index, "a list of integers");
  if (type.num_elements() > kMaxListLength) {
    return Unimplemented(
        Format("An index list of {} numbers is not supported, the limit is {}.", type.num_elements(), kMaxListLength));
  }
  std::vector<int64_t> values(type.num_elements());
  for (size_t i = 0; i < values.size(); ++i) values[i] = ElementAt(literal, static_cast<int64_t>(i));
  return values;
}

StatusOr<ir::Literal> AttributeTable::Literal(AttrIndex index) {
  const auto found = literals_.find(index);
  if (found != literals_.end()) return found->second;
  ASSIGN_OR_RETURN(ir::Literal literal, DecodeLiteral(index));
  literals_.emplace(index, literal);
  return literal;
}

StatusOr<ir::Literal> AttributeTable::DecodeLiteral(AttrIndex index) {
  ASSIGN_OR_RETURN(Opened opened, Open(index));
  if (Is(index, Code(VhloAttr::kFloat), Code(BuiltinAttr::kFloat))) return DecodeFloat(opened.reader);
  if (!Is(index, Code(VhloAttr::kTensor), Code(BuiltinAttr::kDenseElements))) return Mismatch(index, "a tensor");
  ASSIGN_OR_RETURN(const TensorType* type, types_.Tensor(opened.reader.Varint()));
  const std::span<const std::byte> data = opened.reader.Bytes(opened.reader.Varint());
  RETURN_IF_ERROR(opened.reader.status("attribute"));
  if (!IsPred(type->dtype)) return read::CheckLiteral(*type, {data.begin(), data.end()});
  ASSIGN_OR_RETURN(std::vector<std::byte> bytes, UnpackBooleans(data, *type));
  return read::CheckLiteral(*type, std::move(bytes));
}

// A number as a scalar.
StatusOr<ir::Literal> AttributeTable::DecodeFloat(ByteReader& reader) {
  ASSIGN_OR_RETURN(const DType dtype, types_.Scalar(reader.Varint()));
  const int64_t bits = Info(dtype).bits <= 8 ? reader.Byte() : reader.SignedVarint();
  RETURN_IF_ERROR(reader.status("attribute"));
  if (!IsFloat(dtype)) return InvalidArgument("A float attribute has a type that is none.");
  std::vector<std::byte> bytes(SizeBytes(dtype));
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(bits >> (8 * i));
  return ir::Literal({dtype, {}}, std::move(bytes));
}

StatusOr<std::string_view> AttributeTable::Text(AttrIndex index) const {
  ASSIGN_OR_RETURN(Opened opened, Open(index));
  if (!IsText(index)) return Mismatch(index, "a string");
  const uint64_t string = opened.reader.Varint();
  RETURN_IF_ERROR(opened.reader.status("attribute"));
  if (string >= container_->strings.size()) return Mismatch(index, "a string that exists");
  return container_->strings[string];
}

StatusOr<std::vector<AttrIndex>> AttributeTable::Array(AttrIndex index) {
  ASSIGN_OR_RETURN(Opened opened, Open(index));
  if (!IsArray(index)) return Mismatch(index, "an array");
  std::vector<AttrIndex> items(opened.reader.Count());
  RETURN_IF_ERROR(CountItems(items.size()));
  for (AttrIndex& item : items) item = opened.reader.Varint();
  RETURN_IF_ERROR(opened.reader.status("attribute"));
  return items;
}

StatusOr<std::vector<std::pair<std::string_view, AttrIndex>>> AttributeTable::Dictionary(AttrIndex index) {
  ASSIGN_OR_RETURN(Opened opened, Open(index));
  if (!IsDictionary(index)) return Mismatch(index, "a dictionary");
  std::vector<std::pair<std::string_view, AttrIndex>> entries(opened.reader.Count());
  RETURN_IF_ERROR(CountItems(entries.size()));
  for (auto& [name, value] : entries) {
    ASSIGN_OR_RETURN(name, Text(opened.reader.Varint()));
    value = opened.reader.Varint();
  }
  RETURN_IF_ERROR(opened.reader.status("attribute"));
  return entries;
}

StatusOr<uint64_t> AttributeTable::Type(AttrIndex index) const {
  ASSIGN_OR_RETURN(Opened opened, Open(index));
  if (!Is(index, Code(VhloAttr::kType), Code(BuiltinAttr::kType))) return Mismatch(index, "a type");
  const uint64_t type = opened.reader.Varint();
  RETURN_IF_ERROR(opened.reader.status("attribute"));
  return type;
}

}  // namespace dragoman::stablehlo
