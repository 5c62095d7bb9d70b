// SPDX-License-Identifier: Apache-2.0
// Kernels that do one thing as fast as the device can. Both write a number of f32 for each invocation.
#pragma once

#include "kernel/kernel_ir.h"
#include "target/profile.h"

namespace dragoman::measure {

// Sums that do not wait for each other, of an invocation or a subgroup.
inline constexpr int kProbeSums = 8;

// Each invocation does `rounds` multiply-adds for each of its sums.
kernel::Kernel MultiplyAdds(const target::DeviceProfile& profile, int workgroup, int rounds);
// Each subgroup does as many of matrices of 16-bit elements that stay in registers; sums are of f32.
kernel::Kernel MatrixMultiplyAdds(const target::DeviceProfile& profile, const target::MatrixShape& shape, int workgroup,
                                  int rounds);
// Of shared memory that the latter takes.
int MatrixProbeBytes(const target::DeviceProfile& profile, const target::MatrixShape& shape, int workgroup);

}  // namespace dragoman::measure
