// SPDX-License-Identifier: Apache-2.0
// Every field of DeviceProfile by name, and what becomes of it where one profile is laid over another (lay_over.h).
#pragma once

namespace dragoman::target {

enum class FieldKind {
  kOwn,      // who the device is, its memory and its subgroups: always the real device's
  kFeature,  // what it can do: only what both can
  kLimit,    // how much of something it takes: the lesser of both
  kFault,    // what its driver does wrongly: whatever either does
  kChoice,   // which of several right programs it is given: the other device's
};

// clang-format off
#define DRAGOMAN_PROFILE_FIELDS(X) \
  X(name, kOwn) X(driver_name, kOwn) X(driver_info, kOwn) X(vendor_id, kOwn) X(device_id, kOwn) \
  X(driver_version, kOwn) X(api_version, kOwn) X(type, kChoice) X(float16, kFeature) X(float64, kFeature) \
  X(int8, kFeature) X(int16, kFeature) X(int64, kFeature) X(storage8, kFeature) X(storage16, kFeature) \
  X(denorm_preserve_f32, kFeature) X(signed_zero_inf_nan_f32, kFeature) X(signed_zero_inf_nan_f16, kFeature) \
  X(signed_zero_inf_nan_f64, kFeature) X(rounding_rte_f16, kFeature) X(subgroup_size, kOwn) \
  X(subgroup_min_size, kOwn) X(subgroup_max_size, kOwn) X(subgroup_size_control, kFeature) \
  X(compute_full_subgroups, kFeature) X(subgroup_basic, kFeature) X(subgroup_shuffle, kFeature) \
  X(vulkan_memory_model, kFeature) X(cooperative_matrix, kFeature) X(shader_bfloat16, kFeature) \
  X(matrix_shapes, kFeature) X(max_workgroup_invocations, kLimit) X(max_workgroup_size, kLimit) \
  X(shared_memory_bytes, kLimit) X(max_allocation_bytes, kLimit) X(max_buffer_bytes, kLimit) \
  X(device_memory_bytes, kOwn) X(unified_memory, kOwn) X(address_form, kChoice) X(vector_bytes, kChoice) \
  X(unrolling_is_costly, kChoice) X(loads_visit_lanes, kChoice) X(drops_zero_products, kFault) X(max_loop_iterations, kLimit) \
  X(misreads_widened_comparisons, kFault) X(misrounds_f64, kFault) X(tile_registers, kChoice) \
  X(matrix_registers, kChoice) X(multiply_add_cycles, kChoice) X(compute_units, kChoice)
// clang-format on

}  // namespace dragoman::target
