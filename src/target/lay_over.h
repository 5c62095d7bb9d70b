// SPDX-License-Identifier: Apache-2.0
// One device compiling as another would: how the kernels that GPUs run are tried on a machine without one.
#pragma once

#include "target/profile.h"

namespace dragoman::target {

// The profile of `device` with the choices of `other`: what it compiles to runs on `device`, whatever `other` is.
// profile_fields.h says which field is a choice.
DeviceProfile LayOver(const DeviceProfile& other, const DeviceProfile& device);

}  // namespace dragoman::target
