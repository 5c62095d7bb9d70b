// SPDX-License-Identifier: Apache-2.0
// What the shared library exports.
#include "pjrt/api.h"
#include "pjrt/devices_json.h"

extern "C" {

__attribute__((visibility("default"))) const PJRT_Api* GetPjrtApi() { return dragoman::pjrt::Api(); }

// The machine's Vulkan devices as JSON, for the Python package and for people; freed by dragoman_free.
__attribute__((visibility("default"))) char* dragoman_devices_json() { return dragoman::pjrt::DevicesJson(); }
__attribute__((visibility("default"))) void dragoman_free(char* text) { delete[] text; }

}  // extern "C"
