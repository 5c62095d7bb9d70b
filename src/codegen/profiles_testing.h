// SPDX-License-Identifier: Apache-2.0
// For tests: profiles at the corners of what devices can do.
#pragma once

#include <string>
#include <vector>

#include "target/profile.h"

namespace dragoman::codegen {

// Everything: access chains.
target::DeviceProfile FullProfile();
// Nothing optional: no 8, 16 or 64-bit anything, no subgroups.
target::DeviceProfile BareProfile();
// The full profile, the bare one, and the full one with each feature (or family of features) taken away; both address
// forms.
std::vector<target::DeviceProfile> ProfileMatrix();

}  // namespace dragoman::codegen
