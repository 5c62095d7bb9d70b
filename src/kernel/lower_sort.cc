// SPDX-License-Identifier: Apache-2.0
#include "kernel/lowering.h"

namespace dragoman::kernel {

StatusOr<LoweredGroup> LowerSort(const fusion::Group&, const target::DeviceProfile&) {
  return Unimplemented("Operation sort has no kernel.");
}

}  // namespace dragoman::kernel
