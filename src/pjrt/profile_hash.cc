// SPDX-License-Identifier: Apache-2.0
#include "pjrt/profile_hash.h"

#include <type_traits>

#include "base/format.h"

namespace dragoman::pjrt {
namespace {

// Text in which no field can be taken for its neighbour.
class FieldText {
 public:
  template <typename... Ts>
  void Add(const Ts&... values) {
    (AddOne(values), ...);
  }
  const std::string& text() const { return text_; }

 private:
  void AddOne(const std::string& value) { text_ += Format("{}:{};", value.size(), value); }
  template <typename T>
  void AddOne(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      text_ += Format("{};", static_cast<int>(value));
    } else {
      text_ += Format("{};", value);
    }
  }

  std::string text_;
};

}  // namespace

// profile_hash_test.cc changes every byte of a profile, so a field that is missing here does not go unnoticed.
Hash128 ProfileHash(const target::DeviceProfile& p) {
  FieldText fields;
  fields.Add(p.name, p.driver_name, p.driver_info, p.vendor_id, p.device_id, p.driver_version, p.api_version, p.type);
  fields.Add(p.float16, p.float64, p.int8, p.int16, p.int64, p.storage8, p.storage16, p.denorm_preserve_f32,
             p.signed_zero_inf_nan_f32, p.signed_zero_inf_nan_f16, p.signed_zero_inf_nan_f64, p.rounding_rte_f16,
             p.buffer_int64_atomics, p.float_atomic_add_f32, p.integer_dot_product);
  fields.Add(p.subgroup_size, p.subgroup_min_size, p.subgroup_max_size, p.subgroup_size_control,
             p.compute_full_subgroups, p.subgroup_basic, p.subgroup_arithmetic, p.subgroup_shuffle, p.subgroup_ballot);
  fields.Add(p.vulkan_memory_model, p.cooperative_matrix, p.shader_bfloat16, p.matrix_shapes.size());
  for (const target::MatrixShape& shape : p.matrix_shapes) {
    fields.Add(shape.m, shape.n, shape.k, shape.input, shape.accumulator);
  }
  fields.Add(p.max_workgroup_invocations);
  for (const uint32_t limit : p.max_workgroup_size) fields.Add(limit);
  for (const uint32_t limit : p.max_workgroup_count) fields.Add(limit);
  fields.Add(p.shared_memory_bytes, p.push_constant_bytes, p.max_allocation_bytes, p.max_buffer_bytes,
             p.device_memory_bytes, p.unified_memory);
  fields.Add(p.address_form, p.vector_bytes, p.unrolling_is_costly, p.compute_units);
  return HashString(fields.text());
}

}  // namespace dragoman::pjrt
