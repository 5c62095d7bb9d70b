// SPDX-License-Identifier: Apache-2.0
// Which devices a client uses: a pure decision on the list of what there is.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "runtime/runtime.h"

namespace dragoman::runtime {

// Sorts as ListDevices says; gives positions in `reports`.
std::vector<size_t> OrderDevices(std::span<const DeviceReport> reports);

// `reports` in ListDevices' order. Without a text: the first usable device alone. INVALID_ARGUMENT when the text
// matches nothing, FAILED_PRECONDITION when it matches only devices that cannot be used, UNAVAILABLE when none can be
// used at all.
StatusOr<std::vector<size_t>> ChooseDevices(std::span<const DeviceReport> reports,
                                            std::optional<std::string_view> visible_devices);

}  // namespace dragoman::runtime
