// SPDX-License-Identifier: Apache-2.0
#include "kernel/shared_memory.h"

namespace dragoman::kernel {

int SharedBytes(KType type) {
  switch (type) {
    case KType::kVoid:
    case KType::kMatrixA:
    case KType::kMatrixB:
    case KType::kMatrixC:
      return 0;
    case KType::kF16:
      return 2;
    case KType::kBool:
    case KType::kI32:
    case KType::kF32:
      return 4;
    case KType::kI64:
    case KType::kF64:
      return 8;
  }
  return 0;
}

int64_t SharedBytes(const Kernel& kernel) {
  int64_t bytes = 0;
  for (const SharedArray& array : kernel.shared) bytes += int64_t{array.count} * SharedBytes(array.type);
  return bytes;
}

}  // namespace dragoman::kernel
