// SPDX-License-Identifier: Apache-2.0
// What the shared library exports; the build says how DRAGOMAN_EXPORTED is said on a system.
#include "pjrt/api.h"
#include "pjrt/devices_json.h"

extern "C" {

DRAGOMAN_EXPORTED const PJRT_Api* GetPjrtApi() { return dragoman::pjrt::Api(); }

// The machine's Vulkan devices as JSON, for the Python package and for people; freed by dragoman_free.
DRAGOMAN_EXPORTED char* dragoman_devices_json() { return dragoman::pjrt::DevicesJson(); }
DRAGOMAN_EXPORTED void dragoman_free(char* text) { delete[] text; }

}  // extern "C"
