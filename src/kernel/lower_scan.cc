// SPDX-License-Identifier: Apache-2.0
#include "kernel/lowering.h"

namespace dragoman::kernel {

StatusOr<LoweredGroup> LowerScan(const fusion::Group&, const target::DeviceProfile&) {
  return Unimplemented("Operation scan has no kernel.");
}

}  // namespace dragoman::kernel
