// SPDX-License-Identifier: Apache-2.0
#ifndef DRAGOMAN_TENSORFLOW_SINGLE_OPS_H_
#define DRAGOMAN_TENSORFLOW_SINGLE_OPS_H_

#include <string>

namespace dragoman_tensorflow {

// The kernels that compile and run one operation each. Which operations have one is decided by types alone; what an
// operation's attributes or shapes, or a device without some type, keep from being compiled runs on the CPU.
void RegisterSingleOps(const std::string& device_type);

}  // namespace dragoman_tensorflow

#endif  // DRAGOMAN_TENSORFLOW_SINGLE_OPS_H_
