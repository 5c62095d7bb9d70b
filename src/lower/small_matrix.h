// SPDX-License-Identifier: Apache-2.0
// Linear algebra on matrices small enough for the shared memory of one workgroup. Passes cut larger ones into such
// blocks (passes/decompose_cholesky.cc, decompose_triangular_solve.cc).
#pragma once

#include <cstdint>

#include "base/status.h"
#include "ir/ir.h"
#include "target/profile.h"

namespace dragoman::kernel {

// Columns of the right-hand side that a workgroup solves for, one an invocation.
inline constexpr int64_t kSolvedColumns = 64;

// UNIMPLEMENTED unless the op is on f32 or f64 and `shared_elements` of that type fit the device's shared memory.
Status ExpectSmallMatrix(const ir::Op& op, int64_t shared_elements, const target::DeviceProfile& profile);

}  // namespace dragoman::kernel
