// SPDX-License-Identifier: Apache-2.0
#include "pjrt/buffer_types.h"

#include <array>
#include <utility>

#include "base/checked.h"
#include "base/format.h"

namespace dragoman::pjrt {
namespace {

constexpr std::array<std::pair<DType, PJRT_Buffer_Type>, 31> kTypes = {{
    {DType::kPred, PJRT_Buffer_Type_PRED},
    {DType::kS2, PJRT_Buffer_Type_S2},
    {DType::kS4, PJRT_Buffer_Type_S4},
    {DType::kS8, PJRT_Buffer_Type_S8},
    {DType::kS16, PJRT_Buffer_Type_S16},
    {DType::kS32, PJRT_Buffer_Type_S32},
    {DType::kS64, PJRT_Buffer_Type_S64},
    {DType::kU2, PJRT_Buffer_Type_U2},
    {DType::kU4, PJRT_Buffer_Type_U4},
    {DType::kU8, PJRT_Buffer_Type_U8},
    {DType::kU16, PJRT_Buffer_Type_U16},
    {DType::kU32, PJRT_Buffer_Type_U32},
    {DType::kU64, PJRT_Buffer_Type_U64},
    {DType::kF4E2M1FN, PJRT_Buffer_Type_F4E2M1FN},
    {DType::kF6E2M3FN, PJRT_Buffer_Type_INVALID},
    {DType::kF6E3M2FN, PJRT_Buffer_Type_INVALID},
    {DType::kF8E3M4, PJRT_Buffer_Type_F8E3M4},
    {DType::kF8E4M3, PJRT_Buffer_Type_F8E4M3},
    {DType::kF8E4M3B11FNUZ, PJRT_Buffer_Type_F8E4M3B11FNUZ},
    {DType::kF8E4M3FN, PJRT_Buffer_Type_F8E4M3FN},
    {DType::kF8E4M3FNUZ, PJRT_Buffer_Type_F8E4M3FNUZ},
    {DType::kF8E5M2, PJRT_Buffer_Type_F8E5M2},
    {DType::kF8E5M2FNUZ, PJRT_Buffer_Type_F8E5M2FNUZ},
    {DType::kF8E8M0FNU, PJRT_Buffer_Type_F8E8M0FNU},
    {DType::kBF16, PJRT_Buffer_Type_BF16},
    {DType::kF16, PJRT_Buffer_Type_F16},
    {DType::kF32, PJRT_Buffer_Type_F32},
    {DType::kF64, PJRT_Buffer_Type_F64},
    {DType::kC64, PJRT_Buffer_Type_C64},
    {DType::kC128, PJRT_Buffer_Type_C128},
    {DType::kToken, PJRT_Buffer_Type_TOKEN},
}};

constexpr bool RowsFollowTheEnumeration() {
  for (size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i].first != static_cast<DType>(i)) return false;
  }
  return kTypes.size() == static_cast<size_t>(DType::kToken) + 1;
}
static_assert(RowsFollowTheEnumeration(), "A DType lacks its row in kTypes, or stands in another order.");

}  // namespace

PJRT_Buffer_Type ToBufferType(DType dtype) { return kTypes[static_cast<size_t>(dtype)].second; }

StatusOr<TensorType> ToTensorType(PJRT_Buffer_Type type, const int64_t* dims, size_t num_dims) {
  TensorType tensor;
  bool is_known = false;
  for (const auto& [dtype, buffer_type] : kTypes) {
    if (buffer_type != type || type == PJRT_Buffer_Type_INVALID) continue;
    tensor.dtype = dtype;
    is_known = true;
  }
  if (!is_known) return InvalidArgument(Format("Number {} is no PJRT element type that Dragoman knows.", int(type)));
  int64_t num_elements = 1;
  for (size_t i = 0; i < num_dims; ++i) {
    if (dims[i] < 0) return InvalidArgument(Format("Extent {} of the buffer is {}.", i, dims[i]));
    const auto product = CheckedMultiply(num_elements, dims[i]);
    if (!product || *product > INT64_MAX / 16) {
      return InvalidArgument("The buffer has more elements than 63 bits count in bytes.");
    }
    num_elements = *product;
    tensor.dims.push_back(dims[i]);
  }
  return tensor;
}

}  // namespace dragoman::pjrt
