// SPDX-License-Identifier: Apache-2.0
#include "types/limits.h"

namespace dragoman {

bool IsTooLarge(const TensorType& type) {
  constexpr int64_t kMaxBytes = int64_t{1} << 48;
  int64_t bytes = SizeBytes(type.dtype);
  for (const int64_t extent : type.dims) {
    if (extent > kMaxBytes || (extent > 0 && bytes > kMaxBytes / extent)) return true;
    // An extent of zero must not hide the product of the others: strides are computed from those.
    bytes *= extent > 0 ? extent : 1;
  }
  return false;
}

}  // namespace dragoman
