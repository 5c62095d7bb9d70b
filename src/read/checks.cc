// SPDX-License-Identifier: Apache-2.0
#include "read/checks.h"

#include <algorithm>

#include "base/format.h"
#include "types/limits.h"

namespace dragoman::read {
namespace {

std::string TypeText(DType dtype, const Dims& dims) {
  std::string text = "tensor<";
  const size_t num_shown = std::min<size_t>(dims.size(), kMaxRank);
  for (size_t i = 0; i < num_shown; ++i) text += (dims[i] == kDynamicExtent ? "?" : std::to_string(dims[i])) + "x";
  return text + std::string(Name(dtype)) + ">";
}

}  // namespace

StatusOr<TensorType> CheckType(DType dtype, Dims dims) {
  if (dims.size() > kMaxRank) {
    return Unimplemented(Format("A tensor of rank {} is not supported, the limit is {}.", dims.size(), kMaxRank));
  }
  for (const int64_t extent : dims) {
    if (extent == kDynamicExtent) {
      return Unimplemented(
          Format("The type {} has a dynamic dimension; only fixed ones are supported.", TypeText(dtype, dims)));
    }
    if (extent < 0) return InvalidArgument(Format("The type {} has a negative extent.", TypeText(dtype, dims)));
    if (extent > kMaxExtent) {
      return Unimplemented(
          Format("The type {} has an extent beyond the limit of {}.", TypeText(dtype, dims), kMaxExtent));
    }
  }
  if (IsToken(dtype) && !dims.empty()) return InvalidArgument("A token has dimensions.");
  TensorType type{dtype, std::move(dims)};
  if (IsTooLarge(type)) return InvalidArgument(Format("The type {} exceeds 2^48 bytes.", type.ToString()));
  return type;
}

StatusOr<ir::Literal> CheckLiteral(const TensorType& type, std::vector<std::byte> bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  if (IsToken(type.dtype) || (size != type.size_bytes() && size != SizeBytes(type.dtype))) {
    return InvalidArgument(Format("A constant of type {} has {} bytes of data.", type.ToString(), size));
  }
  if (type.num_elements() == 0) bytes.clear();
  const int bits = Info(type.dtype).bits;
  const auto mask = static_cast<std::byte>((1 << std::min(bits, 8)) - 1);
  for (size_t i = 0; bits < 8 && i < bytes.size(); ++i) {
    bytes[i] = IsPred(type.dtype) ? std::byte{bytes[i] != std::byte{0}} : bytes[i] & mask;
  }
  return ir::Literal(type, std::move(bytes));
}

Status CheckNumbers(const ir::Attributes& attributes) {
  for (const auto& [key, value] : attributes.entries()) {
    const auto check = [key = key](int64_t number) {
      if (number <= kMaxExtent && number >= -kMaxExtent) return OkStatus();
      return InvalidArgument(
          Format("The attribute {} is or has the number {}, the limit is {}.", ir::Info(key).name, number, kMaxExtent));
    };
    if (const auto* number = std::get_if<int64_t>(&value)) RETURN_IF_ERROR(check(*number));
    if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) {
      for (const int64_t number : *list) RETURN_IF_ERROR(check(number));
    }
  }
  return OkStatus();
}

StatusOr<std::unique_ptr<ir::Module>> CheckModule(std::unique_ptr<ir::Module> module) {
  if (module->main() == nullptr) return InvalidArgument("The program has no function main.");
  const Status verified = ir::Verify(*module);
  if (!verified.ok()) return InvalidArgument(verified.message()).WithContext("The program is not valid.");
  return module;
}

Status RaisePrecision(int64_t precision, ir::Attributes& attributes) {
  if (precision < 0 || precision > static_cast<int64_t>(Precision::kHighest)) {
    return InvalidArgument(Format("A precision of {} does not exist.", precision));
  }
  const int64_t so_far = attributes.IntOr(ir::AttrKey::kPrecision, static_cast<int64_t>(Precision::kDefault));
  attributes.Set(ir::AttrKey::kPrecision, std::max(precision, so_far));
  return OkStatus();
}

std::string Describe(std::string_view name, const std::vector<std::string>& operands,
                     const std::vector<std::string>& results) {
  return Format("The operation {} {}", name, ir::Signature(operands, results));
}

Status RefuseOperation(const std::string& description) { return Unimplemented(description + " is not supported."); }

std::string WhileReading(std::string_view name, std::string_view place) {
  return Format("While reading {}.{}{}{}", name, place.empty() ? "" : " At ", place, place.empty() ? "" : ".");
}

std::string PlaceText(std::string_view file, int64_t line, std::string_view name) {
  file = file.substr(file.find_last_of("/\\") + 1);
  std::string place = file.empty() ? "" : Format("{}:{}", file, line);
  if (!name.empty()) place += (place.empty() ? "" : " in ") + std::string(name);
  return place;
}

}  // namespace dragoman::read
