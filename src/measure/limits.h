// SPDX-License-Identifier: Apache-2.0
// What a device reaches at most, measured on it: what its kernels are compared with.
#pragma once

#include "runtime/runtime.h"

namespace dragoman::measure {

struct Limits {
  double bytes_per_second = 0;         // read and written by a copy of what no cache holds
  double flops_per_second = 0;         // float32 multiply-adds, two operations each, from registers
  double matrix_flops_per_second = 0;  // the same on matrix units, elements of 16 bits; 0: it has none
  double launch_seconds = 0;           // of a kernel that does nothing
};
// Takes a second or less. UNIMPLEMENTED: the device has no clock for it.
StatusOr<Limits> MeasureLimits(runtime::Device& device);

}  // namespace dragoman::measure
