// SPDX-License-Identifier: Apache-2.0
#include "kernel/shared_memory.h"

namespace dragoman::kernel {

int SharedBytes(KType type) { return type == KType::kBool ? 4 : SizeBytes(MemoryOf(type)); }

int64_t SharedBytes(const Kernel& kernel) {
  int64_t bytes = 0;
  for (const SharedArray& array : kernel.shared) bytes += int64_t{array.count} * SharedBytes(array.type);
  return bytes;
}

}  // namespace dragoman::kernel
