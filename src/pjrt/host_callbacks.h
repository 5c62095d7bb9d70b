// SPDX-License-Identifier: Apache-2.0
// Python functions inside programs: the framework's send and recv callbacks as the runtime's HostCallbacks.
#pragma once

#include <memory>

#include "pjrt/c_api.h"
#include "runtime/runtime.h"

namespace dragoman::pjrt {

// Copies the callback tables, which the framework only keeps during the call; the functions in them stay valid until
// the execution completes, and so must the result. Null when there are none.
std::shared_ptr<const runtime::HostCallbacks> MakeHostCallbacks(const PJRT_ExecuteOptions& options,
                                                                size_t device_index);

}  // namespace dragoman::pjrt
