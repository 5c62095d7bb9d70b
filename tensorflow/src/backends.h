// SPDX-License-Identifier: Apache-2.0
#ifndef DRAGOMAN_TENSORFLOW_BACKENDS_H_
#define DRAGOMAN_TENSORFLOW_BACKENDS_H_

#include <string>

#include "absl/types/span.h"
#include "tensorflow/core/framework/types.pb.h"

namespace tensorflow {
class KernelDef;
}

namespace dragoman_tensorflow {

// The element types of programs of the device.
absl::Span<const tensorflow::DataType> ElementTypes();

// Takes from a compiled kernel the types on which TensorFlow's compiler does not do what the operation means. Returns
// true, for the filters of backends.
bool RestrictTypes(tensorflow::KernelDef* kernel);

// Tells TensorFlow's compiler of the device: element types and operations of compiled functions, and that programs
// go to the device through PJRT.
void RegisterBackends(const std::string& device_type);

}  // namespace dragoman_tensorflow

#endif  // DRAGOMAN_TENSORFLOW_BACKENDS_H_
