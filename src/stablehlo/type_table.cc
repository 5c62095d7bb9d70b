// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/type_table.h"

#include <algorithm>
#include <string_view>

#include "base/format.h"
#include "read/checks.h"

namespace dragoman::stablehlo {
namespace {

enum VhloType : uint64_t {
  kComplex = 1,
  kFunction = 8,
  kRankedTensor = 20,
  kRankedTensorWithEncoding = 21,
  kToken = 22,
  kTuple = 23,
  kQuantized = 24,
  kUnrankedTensor = 25,
  kWitness = 26,
  kQuantizedPerAxis = 30,
  kNone = 33,
  kTf32 = 34,
  kBuffer = 41,
  kFuture = 42,
};

struct VhloElement {
  uint64_t code;
  DType dtype;
};
// Code 9 is index; layouts and shapes are lists of it.
constexpr VhloElement kVhloElements[] = {
    {9, DType::kS64},         {0, DType::kPred},
    {31, DType::kS2},         {10, DType::kS4},
    {11, DType::kS8},         {12, DType::kS16},
    {13, DType::kS32},        {14, DType::kS64},
    {32, DType::kU2},         {15, DType::kU4},
    {16, DType::kU8},         {17, DType::kU16},
    {18, DType::kU32},        {19, DType::kU64},
    {2, DType::kBF16},        {3, DType::kF16},
    {4, DType::kF32},         {5, DType::kF64},
    {6, DType::kF8E4M3FN},    {7, DType::kF8E5M2},
    {27, DType::kF8E4M3FNUZ}, {28, DType::kF8E5M2FNUZ},
    {35, DType::kF8E4M3},     {36, DType::kF8E3M4},
    {40, DType::kF8E8M0FNU},  {29, DType::kF8E4M3B11FNUZ},
    {37, DType::kF4E2M1FN},   {38, DType::kF6E2M3FN},
    {39, DType::kF6E3M2FN},
};

// What has no place in the tensor IR, by the name to refuse it with.
struct RefusedType {
  uint64_t code;
  std::string_view name;
};
constexpr RefusedType kRefusedTypes[] = {
    {kFunction, "function"},
    {kTuple, "tuple"},
    {kQuantized, "quantized"},
    {kWitness, "witness"},
    {kQuantizedPerAxis, "quantized per axis"},
    {kNone, "none"},
    {kTf32, "tf32"},
    {kBuffer, "buffer"},
    {kFuture, "future"},
};

enum BuiltinType : uint64_t { kBuiltinInteger = 0, kBuiltinComplex = 9, kBuiltinRankedTensor = 13 };
constexpr VhloElement kBuiltinElements[] = {{3, DType::kBF16}, {4, DType::kF16}, {5, DType::kF32}, {6, DType::kF64}};

template <typename Table>
std::optional<DType> FindElement(const Table& table, uint64_t code) {
  for (const VhloElement& element : table) {
    if (element.code == code) return element.dtype;
  }
  return std::nullopt;
}

// Width shifted left by two, then 0 without a sign, 1 signed, 2 unsigned. No sign is StableHLO's signed.
std::optional<DType> BuiltinInteger(uint64_t width_and_sign) {
  const uint64_t width = width_and_sign >> 2;
  if (width == 1) return DType::kPred;
  const bool is_unsigned = (width_and_sign & 3) == 2;
  return width > 64 ? std::nullopt : DTypeFromName(Format("{}i{}", is_unsigned ? "u" : "s", width));
}

std::optional<DType> ComplexOf(std::optional<DType> part) {
  if (part == DType::kF32) return DType::kC64;
  if (part == DType::kF64) return DType::kC128;
  return std::nullopt;
}

// Builtin types without an encoding of their own come as assembly text, such as "f8E4M3FN".
std::optional<DType> FromText(const Entry& entry) { return DTypeFromName(ByteReader(entry.bytes).NulTerminated()); }

// Types nest (the part of a complex), but never deeper than once in what is supported.
std::optional<DType> ElementOf(const Container& container, uint64_t index, bool may_be_complex) {
  if (index >= container.types.size()) return std::nullopt;
  const Entry& entry = container.types[index];
  if (entry.is_text) return FromText(entry);
  ByteReader reader(entry.bytes);
  const uint64_t code = reader.Varint();
  const uint64_t operand = reader.at_end() ? 0 : reader.Varint();
  if (!reader.ok()) return std::nullopt;
  switch (entry.dialect) {
    case Dialect::kVhlo:
      if (code == kComplex) return may_be_complex ? ComplexOf(ElementOf(container, operand, false)) : std::nullopt;
      return FindElement(kVhloElements, code);
    case Dialect::kBuiltin:
      if (code == kBuiltinComplex)
        return may_be_complex ? ComplexOf(ElementOf(container, operand, false)) : std::nullopt;
      return code == kBuiltinInteger ? BuiltinInteger(operand) : FindElement(kBuiltinElements, code);
    case Dialect::kOther:
      return std::nullopt;
  }
  return std::nullopt;
}

// The extents and the element type of a ranked tensor of either dialect; nullopt for every other type.
struct RankedTensor {
  Dims dims;
  uint64_t element;
};
std::optional<RankedTensor> ReadRankedTensor(const Entry& entry) {
  if (entry.is_text) return std::nullopt;
  ByteReader reader(entry.bytes);
  const uint64_t code = reader.Varint();
  if (code != (entry.dialect == Dialect::kVhlo ? uint64_t{kRankedTensor} : uint64_t{kBuiltinRankedTensor})) {
    return std::nullopt;
  }
  if (entry.dialect == Dialect::kOther) return std::nullopt;
  RankedTensor tensor;
  tensor.dims.resize(reader.Count());
  for (int64_t& extent : tensor.dims) extent = reader.SignedVarint();
  tensor.element = reader.Varint();
  if (!reader.ok()) return std::nullopt;
  return tensor;
}

bool IsTokenType(const Entry& entry) {
  if (entry.is_text || entry.dialect != Dialect::kVhlo) return false;
  return ByteReader(entry.bytes).Varint() == kToken;
}

std::string_view RefusedName(const Entry& entry) {
  if (entry.is_text) return ByteReader(entry.bytes).NulTerminated();
  if (entry.dialect != Dialect::kVhlo) return "foreign";
  const uint64_t code = ByteReader(entry.bytes).Varint();
  if (code == kRankedTensorWithEncoding) return "tensor with bounds";
  if (code == kUnrankedTensor) return "tensor<*>";
  for (const RefusedType& refused : kRefusedTypes) {
    if (refused.code == code) return refused.name;
  }
  return "unknown";
}

std::string ElementText(const Container& container, uint64_t index) {
  if (const std::optional<DType> dtype = ElementOf(container, index, true)) return std::string(Name(*dtype));
  return index < container.types.size() ? std::string(RefusedName(container.types[index])) : "unknown";
}

Status RefuseIndex(const Container& container, uint64_t index) {
  if (index < container.types.size()) return OkStatus();
  return InvalidArgument(Format("The artifact names type {}, but it has only {}.", index, container.types.size()));
}

}  // namespace

StatusOr<const TensorType*> TypeTable::Tensor(uint64_t index) {
  RETURN_IF_ERROR(RefuseIndex(*container_, index));
  std::optional<TensorType>& slot = tensors_[index];
  if (!slot.has_value()) {
    ASSIGN_OR_RETURN(slot, DecodeTensor(container_->types[index], index));
  }
  return static_cast<const TensorType*>(&*slot);
}

StatusOr<TensorType> TypeTable::DecodeTensor(const Entry& entry, uint64_t index) const {
  if (IsTokenType(entry)) return TensorType{DType::kToken, {}};
  std::optional<RankedTensor> ranked = ReadRankedTensor(entry);
  const std::optional<DType> dtype = ranked ? ElementOf(*container_, ranked->element, true) : std::nullopt;
  if (!dtype.has_value()) return Unimplemented(Format("The type {} is not supported.", Text(index)));
  return read::CheckType(*dtype, std::move(ranked->dims));
}

StatusOr<DType> TypeTable::Scalar(uint64_t index) const {
  RETURN_IF_ERROR(RefuseIndex(*container_, index));
  if (const std::optional<DType> dtype = ElementOf(*container_, index, false)) return *dtype;
  return Unimplemented(Format("The type {} is not supported.", Text(index)));
}

std::string TypeTable::Text(uint64_t index) const {
  if (index >= container_->types.size()) return "unknown";
  const Entry& entry = container_->types[index];
  if (IsTokenType(entry)) return "token";
  const std::optional<RankedTensor> ranked = ReadRankedTensor(entry);
  if (!ranked.has_value()) return ElementText(*container_, index);
  std::string text = "tensor<";
  const size_t num_shown = std::min<size_t>(ranked->dims.size(), kMaxRank);
  for (size_t i = 0; i < num_shown; ++i) {
    const bool is_dynamic = ranked->dims[i] == read::kDynamicExtent;
    text += (is_dynamic ? "?" : std::to_string(ranked->dims[i])) + "x";
  }
  return text + ElementText(*container_, ranked->element) + ">";
}

}  // namespace dragoman::stablehlo
