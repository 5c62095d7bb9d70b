// SPDX-License-Identifier: Apache-2.0
#ifndef DRAGOMAN_TENSORFLOW_TENSORFLOW_CLIENT_H_
#define DRAGOMAN_TENSORFLOW_TENSORFLOW_CLIENT_H_

#include <string>

namespace dragoman_tensorflow {

// Lets TensorFlow make a PJRT client of the engine registered for this device type, and keep it for that type's copies
// and programs. Returns what went wrong, or an empty string.
std::string MakeTensorFlowsClient(const std::string& device_type);

}  // namespace dragoman_tensorflow

#endif  // DRAGOMAN_TENSORFLOW_TENSORFLOW_CLIENT_H_
