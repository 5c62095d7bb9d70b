// SPDX-License-Identifier: Apache-2.0
// Identifies a device and its driver in cache keys and serialized executables.
#pragma once

#include "base/hash.h"
#include "target/profile.h"

namespace dragoman::pjrt {

// Equal profiles, equal hashes; any difference that the compiler could see changes it.
Hash128 ProfileHash(const target::DeviceProfile& profile);

}  // namespace dragoman::pjrt
