// SPDX-License-Identifier: Apache-2.0
#ifndef DRAGOMAN_TENSORFLOW_SHAPE_H_
#define DRAGOMAN_TENSORFLOW_SHAPE_H_

#include "tensorflow/core/common_runtime/next_pluggable_device/c/plugin_c_api.h"

namespace dragoman_tensorflow {

// How a tensor of this shape lies on the device: dense and row-major. `device_shape` owns its lists, as TensorFlow
// wants.
void MakeDeviceShape(XLA_Shape& shape, XLA_Shape& device_shape);

}  // namespace dragoman_tensorflow

#endif  // DRAGOMAN_TENSORFLOW_SHAPE_H_
