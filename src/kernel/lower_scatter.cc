// SPDX-License-Identifier: Apache-2.0
#include "kernel/lowering.h"

namespace dragoman::kernel {

StatusOr<LoweredGroup> LowerScatter(const fusion::Group&, const target::DeviceProfile&) {
  return Unimplemented("Operation scatter has no kernel.");
}

}  // namespace dragoman::kernel
