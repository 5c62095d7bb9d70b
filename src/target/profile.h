// SPDX-License-Identifier: Apache-2.0
// DeviceProfile: what one device can do, as plain data. The compile half sees devices only through this struct, so a
// profile recorded from a card drives the compiler on a machine without it. Filled by vulkan/ from the driver's
// answers, then adjusted by the quirks table (quirks.h). Profiles have a JSON form (profile_json.h); tests/profiles/
// holds recorded ones.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "types/dtype.h"

namespace dragoman::target {

enum class DeviceType : uint8_t { kOther = 0, kIntegratedGpu = 1, kDiscreteGpu = 2, kVirtualGpu = 3, kCpu = 4 };

// How generated code forms the address of an element. Measured over the zoo: AMD and Adreno want kByteOffset32, NVIDIA
// and Apple kAccessChain.
enum class AddressForm : uint8_t { kAccessChain = 0, kByteOffset32 = 1 };

// One shape that the device's matrix unit multiplies: A[m,k] x B[k,n] + C[m,n] in one subgroup.
struct MatrixShape {
  int m = 0, n = 0, k = 0;
  DType input = DType::kF16;
  DType accumulator = DType::kF32;
  bool operator==(const MatrixShape&) const = default;
};

struct DeviceProfile {
  // Identity.
  std::string name;         // as the driver says it
  std::string driver_name;  // "radv", "NVIDIA", "llvmpipe", ...
  std::string driver_info;
  uint32_t vendor_id = 0;  // PCI vendor; 0x1002 AMD, 0x8086 Intel, 0x10de NVIDIA, 0x5143 Qualcomm, 0x10005 Mesa
  uint32_t device_id = 0;
  uint32_t driver_version = 0;
  uint32_t api_version = 0;  // VK_MAKE_API_VERSION encoding
  DeviceType type = DeviceType::kOther;

  // Arithmetic and storage.
  bool float16 = false;  // shaderFloat16: arithmetic on f16
  bool float64 = false;
  bool int8 = false;  // shaderInt8
  bool int16 = false;
  bool int64 = false;
  bool storage8 = false;  // storageBuffer8BitAccess: loads and stores of 8-bit values
  bool storage16 = false;
  bool denorm_preserve_f32 = false;      // shaderDenormPreserveFloat32
  bool signed_zero_inf_nan_f32 = false;  // shaderSignedZeroInfNanPreserveFloat32
  bool signed_zero_inf_nan_f16 = false;
  bool signed_zero_inf_nan_f64 = false;
  bool rounding_rte_f16 = false;  // shaderRoundingModeRTEFloat16

  // Subgroups. Code works for every size in [min, max] unless it requires one through subgroup_size_control.
  int subgroup_size = 32;  // the default
  int subgroup_min_size = 32;
  int subgroup_max_size = 32;
  bool subgroup_size_control = false;  // a pipeline can require a size (compute stage)
  bool compute_full_subgroups = false;
  bool subgroup_basic = false;
  bool subgroup_shuffle = false;

  // Memory model and matrix units.
  bool vulkan_memory_model = false;
  bool cooperative_matrix = false;  // VK_KHR_cooperative_matrix
  bool shader_bfloat16 = false;     // VK_KHR_shader_bfloat16
  std::vector<MatrixShape> matrix_shapes;

  // Limits.
  int max_workgroup_invocations = 128;
  std::array<uint32_t, 3> max_workgroup_size = {128, 128, 64};
  // Invocations of a workgroup that lie along x, as all of ours do.
  int widest_workgroup() const {
    return static_cast<int>(std::min(static_cast<uint32_t>(max_workgroup_invocations), max_workgroup_size[0]));
  }
  int shared_memory_bytes = 16384;
  uint64_t max_allocation_bytes = 1ull << 30;
  uint64_t max_buffer_bytes = 1ull << 30;
  uint64_t device_memory_bytes = 0;  // of the largest device-local heap
  bool unified_memory = false;       // device memory is host memory (integrated, CPU)

  // Choices the compiler reads; set from the above and the quirks table, never by lowering code.
  AddressForm address_form = AddressForm::kAccessChain;
  int vector_bytes = 16;  // bytes one invocation should move at once in streaming kernels
  bool unrolling_is_costly =
      false;  // code is compiled at its first dispatch by a slow compiler (lavapipe): keep kernels short
  // A load or store is a loop over the lanes of a subgroup, some 50 ns whether of 4 bytes or of 8 a lane, even where
  // all lanes read alike. Subgroups are of one size, and full ones of neighbouring invocations.
  bool loads_visit_lanes = false;
  // Of all loops of an invocation together, before the driver stops them without a word; kernel/loop_bound.h counts. 0:
  // no limit.
  int max_loop_iterations = 0;
  bool drops_zero_products = false;  // the driver takes x * 0, 0 / x and x / 0 of a constant 0 for 0
  bool misrounds_f64 =
      false;  // trunc and round_even of f64 lose digits or the sign of a zero; floor and ceil are right
  bool misreads_widened_comparisons = false;  // a comparison of what was sign-extended to 64 bits with a constant
  int tile_registers = 128;     // 32-bit values that an invocation of a tile product may hold across its inner loop
  int matrix_registers = 128;   // the same of a product on matrix units
  int multiply_add_cycles = 1;  // at least, from one multiply-add of an invocation to its next
  int compute_units = 16;       // a guess of how many workgroups of 256 keep the device busy, divided by 4

  bool operator==(const DeviceProfile&) const = default;
};

}  // namespace dragoman::target
