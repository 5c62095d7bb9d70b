// SPDX-License-Identifier: Apache-2.0
#include "pjrt/host_layout.h"

#include <cstring>
#include <span>
#include <vector>

#include "base/checked.h"
#include "base/format.h"

namespace dragoman::pjrt {
namespace {

Dims DenseByteStrides(const TensorType& type) {
  Dims strides = RowMajorStrides(type.dims);
  for (int64_t& stride : strides) stride *= SizeBytes(type.dtype);
  return strides;
}

StatusOr<Dims> StridesOfOrder(std::span<const int64_t> minor_to_major, const TensorType& type) {
  if (minor_to_major.size() != type.dims.size()) {
    return InvalidArgument(
        Format("The host layout orders {} dimensions, the buffer has {}.", minor_to_major.size(), type.dims.size()));
  }
  Dims strides(type.dims.size(), -1);
  int64_t stride = SizeBytes(type.dtype);
  for (const int64_t dim : minor_to_major) {
    if (dim < 0 || dim >= type.rank() || strides[dim] >= 0) {
      return InvalidArgument(Format("The host layout {} is no order of {} dimensions.",
                                    ToString(Dims(minor_to_major.begin(), minor_to_major.end())), type.rank()));
    }
    strides[dim] = stride;
    stride *= type.dims[dim];
  }
  return strides;
}

StatusOr<Dims> ReadStrides(std::span<const int64_t> byte_strides, const TensorType& type) {
  if (byte_strides.size() != type.dims.size()) {
    return InvalidArgument(
        Format("The host layout has {} strides, the buffer has {} dimensions.", byte_strides.size(), type.dims.size()));
  }
  for (const int64_t stride : byte_strides) {
    if (stride < 0) return InvalidArgument(Format("A stride of {} bytes would write before the host buffer.", stride));
  }
  return Dims(byte_strides.begin(), byte_strides.end());
}

StatusOr<Dims> ReadByteStrides(const PJRT_Buffer_MemoryLayout& layout, const TensorType& type) {
  if (layout.type == PJRT_Buffer_MemoryLayout_Type_Strides) {
    return ReadStrides({layout.strides.byte_strides, layout.strides.num_byte_strides}, type);
  }
  if (layout.tiled.num_tiles != 0) {
    return Unimplemented(Format("Host layouts with {} tiles are not supported.", layout.tiled.num_tiles));
  }
  return StridesOfOrder({layout.tiled.minor_to_major, layout.tiled.minor_to_major_size}, type);
}

// Extents of one place no element is moved along: their stride means nothing.
bool IsDense(const Dims& byte_strides, const TensorType& type) {
  const Dims dense = DenseByteStrides(type);
  for (int i = 0; i < type.rank(); ++i) {
    if (type.dims[i] != 1 && byte_strides[i] != dense[i]) return false;
  }
  return true;
}

}  // namespace

StatusOr<HostLayout> ReadHostLayout(const PJRT_Buffer_MemoryLayout* layout, const TensorType& type) {
  HostLayout result;
  result.size_bytes = static_cast<size_t>(type.size_bytes());
  if (layout == nullptr) {
    result.byte_strides = DenseByteStrides(type);
    return result;
  }
  ASSIGN_OR_RETURN(result.byte_strides, ReadByteStrides(*layout, type));
  if (type.num_elements() == 0) return result;
  result.is_row_major = IsDense(result.byte_strides, type);
  int64_t last = SizeBytes(type.dtype);
  for (int i = 0; i < type.rank(); ++i) {
    const auto reach = CheckedMultiply(type.dims[i] - 1, result.byte_strides[i]);
    const auto end = reach ? CheckedAdd(last, *reach) : std::nullopt;
    if (!end) return InvalidArgument("The strides of the host layout reach further than 63 bits.");
    last = *end;
  }
  result.size_bytes = static_cast<size_t>(last);
  return result;
}

void ScatterToLayout(const TensorType& type, const HostLayout& layout, const std::byte* source,
                     std::byte* destination) {
  const size_t element_bytes = SizeBytes(type.dtype);
  const int64_t num_elements = type.num_elements();
  Dims index(type.dims.size(), 0);
  for (int64_t i = 0; i < num_elements; ++i) {
    std::memcpy(destination, source, element_bytes);
    source += element_bytes;
    for (int dim = type.rank() - 1; dim >= 0; --dim) {
      destination += layout.byte_strides[dim];
      if (++index[dim] < type.dims[dim]) break;
      destination -= layout.byte_strides[dim] * type.dims[dim];
      index[dim] = 0;
    }
  }
}

}  // namespace dragoman::pjrt
