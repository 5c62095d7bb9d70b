// SPDX-License-Identifier: Apache-2.0
#include "codegen/profiles_testing.h"

namespace dragoman::codegen {

using target::AddressForm;
using target::DeviceProfile;

DeviceProfile FullProfile() {
  DeviceProfile profile;
  profile.name = "full";
  profile.float16 = profile.float64 = true;
  profile.int8 = profile.int16 = profile.int64 = true;
  profile.storage8 = profile.storage16 = true;
  profile.denorm_preserve_f32 = true;
  profile.signed_zero_inf_nan_f32 = profile.signed_zero_inf_nan_f16 = profile.signed_zero_inf_nan_f64 = true;
  profile.rounding_rte_f16 = true;
  profile.subgroup_basic = profile.subgroup_shuffle = true;
  profile.max_workgroup_invocations = 1024;
  profile.max_workgroup_size = {1024, 1024, 64};
  profile.shared_memory_bytes = 49152;
  return profile;
}

DeviceProfile BareProfile() {
  DeviceProfile profile;
  profile.name = "bare";
  return profile;
}

std::vector<DeviceProfile> ProfileMatrix() {
  struct Removal {
    const char* name;
    std::vector<bool DeviceProfile::*> features;
  };
  const std::vector<Removal> removals = {
      {"no float16", {&DeviceProfile::float16}},
      {"no int8 and int16", {&DeviceProfile::int8, &DeviceProfile::int16}},
      {"no int64", {&DeviceProfile::int64}},
      {"no storage8", {&DeviceProfile::storage8}},
      {"no storage16", {&DeviceProfile::storage16}},
      {"no storage16 and float16", {&DeviceProfile::storage16, &DeviceProfile::float16}},
      {"no rounding of f16", {&DeviceProfile::rounding_rte_f16}},
      {"no float controls",
       {&DeviceProfile::signed_zero_inf_nan_f16, &DeviceProfile::signed_zero_inf_nan_f32,
        &DeviceProfile::signed_zero_inf_nan_f64, &DeviceProfile::denorm_preserve_f32,
        &DeviceProfile::rounding_rte_f16}},
  };
  std::vector<DeviceProfile> profiles = {FullProfile(), BareProfile()};
  for (const Removal& removal : removals) {
    DeviceProfile profile = FullProfile();
    profile.name = removal.name;
    for (bool DeviceProfile::*feature : removal.features) profile.*feature = false;
    profiles.push_back(profile);
  }
  profiles.push_back(FullProfile());
  profiles.back().name = "misreads widened comparisons";
  profiles.back().misreads_widened_comparisons = true;
  profiles.push_back(FullProfile());
  profiles.back().name = "visits lanes";
  profiles.back().loads_visit_lanes = true;
  const size_t count = profiles.size();
  for (size_t i = 0; i < count; ++i) {
    profiles.push_back(profiles[i]);
    profiles.back().address_form = AddressForm::kByteOffset32;
    profiles.back().name += ", by offset";
  }
  return profiles;
}

}  // namespace dragoman::codegen
