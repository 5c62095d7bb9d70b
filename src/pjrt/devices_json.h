// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace dragoman::pjrt {

// {"devices": [{"index", "name", "driver", "driver_info", "type", "vulkan_version", "vendor_id", "device_id",
// "memory_bytes", "is_usable", "refusal"}, ...]} in Dragoman's order, or {"error": "why there are none"}. Allocated by
// new[]; never null, never throws.
char* DevicesJson() noexcept;

}  // namespace dragoman::pjrt
