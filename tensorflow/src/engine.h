// SPDX-License-Identifier: Apache-2.0
#ifndef DRAGOMAN_TENSORFLOW_ENGINE_H_
#define DRAGOMAN_TENSORFLOW_ENGINE_H_

#include <cstdint>
#include <string>

#include "xla/pjrt/c/pjrt_c_api.h"

namespace dragoman_tensorflow {

// The name of TensorFlow's device type: $DRAGOMAN_TENSORFLOW_DEVICE_TYPE, or "DirectML".
const std::string& DeviceType();

// The PJRT functions of Dragoman's library, which is the file that $DRAGOMAN_LIBRARY names or the one of the Python
// package beside TensorFlow. Never null: where there is no such library, a table whose one function initialises
// nothing.
const PJRT_Api* EngineApi();

// Whether there is an engine, and a bridge to this TensorFlow.
bool HasEngine();

// How many devices TensorFlow may have. The first call makes the PJRT client and gives it to TensorFlow; where that
// fails, one log line says why and how to mend it, and the answer is 0.
int DeviceCount();

// What the device is called, for people; an empty string where there is no such device.
std::string DeviceKind(int index);

// Bytes in use and the most that were, or false where the engine does not tell.
bool DeviceMemory(int index, int64_t& current, int64_t& peak);

// Whether devices are kept from TensorFlow (`set_visible_devices([], ...)`) when its context is made.
void SetHidden(bool is_hidden);

}  // namespace dragoman_tensorflow

#endif  // DRAGOMAN_TENSORFLOW_ENGINE_H_
