// SPDX-License-Identifier: Apache-2.0
#include "codegen/legalize.h"

namespace dragoman::codegen {

bool NeedsLegalization(const kernel::Kernel&, const target::DeviceProfile&) { return false; }

StatusOr<kernel::Kernel> Legalize(const kernel::Kernel&, const target::DeviceProfile&) {
  return Unimplemented("Legalization is missing.");
}

}  // namespace dragoman::codegen
