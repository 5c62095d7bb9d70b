// SPDX-License-Identifier: Apache-2.0
// Element types of the ABI and ours, one row a type.
#pragma once

#include "base/status.h"
#include "pjrt/c_api.h"
#include "types/shape.h"

namespace dragoman::pjrt {

// INVALID for the 6-bit floats: the ABI has no buffers of them, programs may compute with them inside.
PJRT_Buffer_Type ToBufferType(DType dtype);
// INVALID_ARGUMENT: a number that is no type, a negative extent, or more bytes than can be counted.
StatusOr<TensorType> ToTensorType(PJRT_Buffer_Type type, const int64_t* dims, size_t num_dims);

}  // namespace dragoman::pjrt
