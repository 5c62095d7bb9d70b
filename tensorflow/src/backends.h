// SPDX-License-Identifier: Apache-2.0
#ifndef DRAGOMAN_TENSORFLOW_BACKENDS_H_
#define DRAGOMAN_TENSORFLOW_BACKENDS_H_

#include <string>

namespace dragoman_tensorflow {

// Tells TensorFlow's compiler of the device: element types and operations of compiled functions, the kernels that
// compile and run one operation each, and that programs go to the device through PJRT.
void RegisterBackends(const std::string& device_type);

}  // namespace dragoman_tensorflow

#endif  // DRAGOMAN_TENSORFLOW_BACKENDS_H_
