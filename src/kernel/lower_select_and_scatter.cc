// SPDX-License-Identifier: Apache-2.0
#include "kernel/lowering.h"

namespace dragoman::kernel {

StatusOr<LoweredGroup> LowerSelectAndScatter(const fusion::Group&, const target::DeviceProfile&) {
  return Unimplemented("Operation select_and_scatter has no kernel.");
}

}  // namespace dragoman::kernel
