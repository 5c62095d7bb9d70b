// SPDX-License-Identifier: Apache-2.0
// Profiles as JSON: recorded from a card, they drive the compiler on machines without it.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "target/profile.h"

namespace dragoman::target {

// All fields, indented, ending in a newline. FromJson gives an equal profile back.
std::string ToJson(const DeviceProfile& profile);
// Missing fields keep their defaults. INVALID_ARGUMENT for text that is not JSON, unknown fields (a misspelt feature
// would silently be off) and values of the wrong kind.
StatusOr<DeviceProfile> FromJson(std::string_view text);
// Of a file; NOT_FOUND when it cannot be read.
StatusOr<DeviceProfile> LoadProfile(const std::string& path);

}  // namespace dragoman::target
