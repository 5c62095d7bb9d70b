// SPDX-License-Identifier: Apache-2.0
// For the tests of passes that make products fit for matrix units.
#pragma once

#include <string>
#include <string_view>

#include "base/format.h"
#include "target/profile.h"

namespace dragoman::passes {

inline target::DeviceProfile WithMatrixUnits(int compute_units = 16) {
  target::DeviceProfile profile;
  profile.cooperative_matrix = profile.vulkan_memory_model = profile.subgroup_basic = true;
  profile.matrix_shapes = {{16, 16, 16, DType::kF16, DType::kF32}, {16, 16, 16, DType::kBF16, DType::kF32}};
  profile.compute_units = compute_units;
  return profile;
}

// A program of one product, [m, k] by [k, n].
inline std::string DotProgram(int64_t m, int64_t k, int64_t n, int precision = 0, std::string_view type = "f32") {
  return Format(
      "module @m func public @main(%a: tensor<{0}x{1}x{4}>, %b: tensor<{1}x{2}x{4}>) {{\n"
      "%c = dot_general(%a, %b) {{lhs_batching_dimensions = [], rhs_batching_dimensions = [], "
      "lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = {3}}} : tensor<{0}x{2}x{4}>\n"
      "return(%c) }}",
      m, k, n, precision, type);
}

}  // namespace dragoman::passes
