// SPDX-License-Identifier: Apache-2.0
#ifndef DRAGOMAN_TENSORFLOW_HOST_KERNELS_H_
#define DRAGOMAN_TENSORFLOW_HOST_KERNELS_H_

#include <string>

namespace dragoman_tensorflow {

// TensorFlow's operations on lists of tensors, as kernels of the device that keep the tensors in the host's memory.
void RegisterHostKernels(const std::string& device_type);

}  // namespace dragoman_tensorflow

#endif  // DRAGOMAN_TENSORFLOW_HOST_KERNELS_H_
