// SPDX-License-Identifier: Apache-2.0
#include "kernel/lowering.h"

namespace dragoman::kernel {

StatusOr<LoweredGroup> LowerRngBitGenerator(const fusion::Group&, const target::DeviceProfile&) {
  return Unimplemented("Operation rng_bit_generator has no kernel.");
}

}  // namespace dragoman::kernel
