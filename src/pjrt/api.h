// SPDX-License-Identifier: Apache-2.0
// The table a framework gets. One per process, never changes, every slot callable.
#pragma once

#include "pjrt/c_api.h"

namespace dragoman::pjrt {

const PJRT_Api* Api();

}  // namespace dragoman::pjrt
