// SPDX-License-Identifier: Apache-2.0
// What the shared library exports.
#include "pjrt/api.h"
#include "pjrt/devices_json.h"

#if defined(_WIN32)
#define DRAGOMAN_EXPORTED __declspec(dllexport)
#else
#define DRAGOMAN_EXPORTED __attribute__((visibility("default")))
#endif

extern "C" {

DRAGOMAN_EXPORTED const PJRT_Api* GetPjrtApi() { return dragoman::pjrt::Api(); }

// The machine's Vulkan devices as JSON, for the Python package and for people; freed by dragoman_free.
DRAGOMAN_EXPORTED char* dragoman_devices_json() { return dragoman::pjrt::DevicesJson(); }
DRAGOMAN_EXPORTED void dragoman_free(char* text) { delete[] text; }

}  // extern "C"
