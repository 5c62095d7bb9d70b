// SPDX-License-Identifier: Apache-2.0
#ifndef DRAGOMAN_TENSORFLOW_KERNELS_H_
#define DRAGOMAN_TENSORFLOW_KERNELS_H_

#include <string>

namespace dragoman_tensorflow {

// The kernels that are not compiled operations.
void RegisterKernels(const std::string& device_type);

}  // namespace dragoman_tensorflow

#endif  // DRAGOMAN_TENSORFLOW_KERNELS_H_
