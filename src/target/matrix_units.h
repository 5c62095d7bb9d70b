// SPDX-License-Identifier: Apache-2.0
// What passes and lowerings ask of a device's matrix units.
#pragma once

#include <algorithm>

#include "target/profile.h"

namespace dragoman::target {

// Whether kernels may multiply matrices of `input` elements into `accumulator` ones.
inline bool HasMatrixUnits(const DeviceProfile& profile, DType input, DType accumulator) {
  const bool has_subgroups = profile.subgroup_size_control || profile.subgroup_min_size == profile.subgroup_max_size;
  return profile.cooperative_matrix && profile.vulkan_memory_model && profile.subgroup_basic && has_subgroups &&
         profile.matrix_registers > 0 &&
         std::any_of(profile.matrix_shapes.begin(), profile.matrix_shapes.end(), [&](const MatrixShape& shape) {
           return shape.input == input && shape.accumulator == accumulator;
         });
}

// Whether float32 products gain by being three products of bf16: on devices of 128 matrix registers tiles are small,
// and the units at most four times as fast as scalar ones.
inline bool SplitsFloat32(const DeviceProfile& profile) {
  constexpr int kLeastRegisters = 192;
  return profile.matrix_registers >= kLeastRegisters && HasMatrixUnits(profile, DType::kBF16, DType::kF32);
}

}  // namespace dragoman::target
