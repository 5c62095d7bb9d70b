// SPDX-License-Identifier: Apache-2.0
#include "kernel/lowering.h"

namespace dragoman::kernel {

StatusOr<LoweredGroup> LowerReduceWindow(const fusion::Group&, const target::DeviceProfile&) {
  return Unimplemented("Operation reduce_window has no kernel.");
}

}  // namespace dragoman::kernel
