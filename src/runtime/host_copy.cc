// SPDX-License-Identifier: Apache-2.0
#include "runtime/host_copy.h"

#include <cstring>
#include <vector>

namespace dragoman::runtime {
namespace {

struct Loop {
  int64_t extent;
  int64_t byte_stride;
};

// The dimensions, outermost first, without those of extent 1, neighbours joined where one loop does for both.
std::vector<Loop> Loops(const TensorType& type, std::span<const int64_t> byte_strides) {
  std::vector<Loop> loops;
  for (size_t i = 0; i < type.dims.size(); ++i) {
    if (type.dims[i] == 1) continue;
    const Loop loop{type.dims[i], byte_strides[i]};
    if (!loops.empty() && loops.back().byte_stride == loop.extent * loop.byte_stride) {
      loops.back() = {loops.back().extent * loop.extent, loop.byte_stride};
    } else {
      loops.push_back(loop);
    }
  }
  return loops;
}

template <size_t kSize>
std::byte* CopyElements(const std::byte* source, const Loop& loop, std::byte* target) {
  for (int64_t i = 0; i < loop.extent; ++i, source += loop.byte_stride, target += kSize) {
    std::memcpy(target, source, kSize);
  }
  return target;
}

std::byte* CopyInnermost(const std::byte* source, const Loop& loop, size_t element_bytes, std::byte* target) {
  if (loop.byte_stride == static_cast<int64_t>(element_bytes)) {
    const size_t size_bytes = element_bytes * static_cast<size_t>(loop.extent);
    std::memcpy(target, source, size_bytes);
    return target + size_bytes;
  }
  switch (element_bytes) {
    case 1:
      return CopyElements<1>(source, loop, target);
    case 2:
      return CopyElements<2>(source, loop, target);
    case 4:
      return CopyElements<4>(source, loop, target);
    case 8:
      return CopyElements<8>(source, loop, target);
    case 16:
      return CopyElements<16>(source, loop, target);
  }
  return target;
}

std::byte* CopyLoops(const std::byte* source, std::span<const Loop> loops, size_t element_bytes, std::byte* target) {
  if (loops.size() == 1) return CopyInnermost(source, loops[0], element_bytes, target);
  for (int64_t i = 0; i < loops[0].extent; ++i) {
    target = CopyLoops(source + i * loops[0].byte_stride, loops.subspan(1), element_bytes, target);
  }
  return target;
}

}  // namespace

void CopyToDense(const TensorType& type, const void* source, std::span<const int64_t> byte_strides, std::byte* target) {
  const int64_t size_bytes = type.size_bytes();
  if (size_bytes == 0) return;
  const size_t element_bytes = static_cast<size_t>(SizeBytes(type.dtype));
  std::vector<Loop> loops;
  if (!byte_strides.empty()) loops = Loops(type, byte_strides);
  const bool is_dense =
      loops.empty() || (loops.size() == 1 && loops[0].byte_stride == static_cast<int64_t>(element_bytes));
  if (is_dense) {
    std::memcpy(target, source, static_cast<size_t>(size_bytes));
  } else {
    CopyLoops(static_cast<const std::byte*>(source), loops, element_bytes, target);
  }
}

}  // namespace dragoman::runtime
