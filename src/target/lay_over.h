// SPDX-License-Identifier: Apache-2.0
// One device compiling as another would: how the kernels that GPUs run are tried on a machine without one.
#pragma once

#include "target/profile.h"

namespace dragoman::target {

// The profile of `device` with the choices of `other`: what it compiles to runs on `device`, whatever `other` is.
// profile_fields.h says which field is a choice.
DeviceProfile LayOver(const DeviceProfile& other, const DeviceProfile& device);

// What is left of the device where it may do no more than `other` can: features of both, the lesser limits. Such a
// device is what runs those programs, so that its driver and the validation layers hold them to what `other` has.
DeviceProfile Confine(const DeviceProfile& device, const DeviceProfile& other);

}  // namespace dragoman::target
