// SPDX-License-Identifier: Apache-2.0
#include "types/dtype.h"

#include <array>

namespace dragoman {
namespace {

constexpr DTypeInfo kInfos[] = {
#define X(name, text, bits, bytes, kind) {text, bits, bytes, DTypeKind::kind},
    DRAGOMAN_DTYPES(X)
#undef X
};

}  // namespace

const DTypeInfo& Info(DType dtype) { return kInfos[static_cast<int>(dtype)]; }

std::optional<DType> DTypeFromName(std::string_view name) {
  for (size_t i = 0; i < std::size(kInfos); ++i) {
    if (kInfos[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

DType RealPart(DType dtype) {
  if (dtype == DType::kC64) return DType::kF32;
  if (dtype == DType::kC128) return DType::kF64;
  return dtype;
}

std::optional<SmallFloatFormat> SmallFloat(DType dtype) {
  switch (dtype) {
    case DType::kF4E2M1FN:
      return SmallFloatFormat{1, 2, 1, 1, false, false, false};
    case DType::kF6E2M3FN:
      return SmallFloatFormat{1, 2, 3, 1, false, false, false};
    case DType::kF6E3M2FN:
      return SmallFloatFormat{1, 3, 2, 3, false, false, false};
    case DType::kF8E3M4:
      return SmallFloatFormat{1, 3, 4, 3, true, true, false};
    case DType::kF8E4M3:
      return SmallFloatFormat{1, 4, 3, 7, true, true, false};
    case DType::kF8E4M3B11FNUZ:
      return SmallFloatFormat{1, 4, 3, 11, false, true, true};
    case DType::kF8E4M3FN:
      return SmallFloatFormat{1, 4, 3, 7, false, true, false};
    case DType::kF8E4M3FNUZ:
      return SmallFloatFormat{1, 4, 3, 8, false, true, true};
    case DType::kF8E5M2:
      return SmallFloatFormat{1, 5, 2, 15, true, true, false};
    case DType::kF8E5M2FNUZ:
      return SmallFloatFormat{1, 5, 2, 16, false, true, true};
    case DType::kF8E8M0FNU:
      return SmallFloatFormat{0, 8, 0, 127, false, true, false};
    case DType::kBF16:
      return SmallFloatFormat{1, 8, 7, 127, true, true, false};
    case DType::kF16:
      return SmallFloatFormat{1, 5, 10, 15, true, true, false};
    default:
      return std::nullopt;
  }
}

}  // namespace dragoman
