// SPDX-License-Identifier: Apache-2.0
// What was measured on a device, kept in the cache's folder from run to run.
#pragma once

#include "base/cache_folder.h"
#include "target/compile_context.h"

namespace dragoman::compiler {

// Empty where nothing was measured on a device with this profile, or `folder` is null.
target::Tuning LoadTuning(const CacheFolder* folder, const target::DeviceProfile& profile);
// Adds to what is there; what was measured last counts. False where nothing was written.
bool AddTuning(const CacheFolder& folder, const target::DeviceProfile& profile, const target::Tuning& tuning);

}  // namespace dragoman::compiler
