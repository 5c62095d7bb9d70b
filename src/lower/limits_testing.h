// SPDX-License-Identifier: Apache-2.0
// For tests: what every lowered group owes the device, whatever it computes, and devices whose limits differ.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "element/dispatch.h"
#include "kernel/shared_memory.h"
#include "target/profile.h"
#include "target/profile_json.h"

namespace dragoman::kernel {

inline bool Uses(const Region& region, KOp op) {
  return std::any_of(region.body.begin(), region.body.end(), [op](const Instruction& instruction) {
    return instruction.op == op ||
           std::any_of(instruction.regions.begin(), instruction.regions.end(),
                       [op](const auto& inner) { return inner != nullptr && Uses(*inner, op); });
  });
}

inline bool UsesSubgroups(const Kernel& kernel) {
  for (int op = 0; op <= static_cast<int>(KOp::kYield); ++op) {
    if (Name(static_cast<KOp>(op)).starts_with("subgroup_") && Uses(kernel.body, static_cast<KOp>(op))) return true;
  }
  return false;
}

inline void ExpectWithinLimits(const Dispatch& dispatch, const target::DeviceProfile& profile) {
  SCOPED_TRACE(dispatch.label);
  const Kernel& kernel = dispatch.kernel;
  EXPECT_GT(kernel.workgroup_size, 0);
  EXPECT_LE(kernel.workgroup_size, profile.widest_workgroup());
  EXPECT_LE(SharedBytes(kernel), profile.shared_memory_bytes);
  EXPECT_GT(dispatch.workgroups, 0);
  // The number of a workgroup is unsigned and has 32 bits.
  EXPECT_LT(dispatch.workgroups, int64_t{1} << 32);
  EXPECT_EQ(dispatch.params.size(), static_cast<size_t>(kernel.num_params));
  if (kernel.required_subgroup_size > 0) {
    EXPECT_GE(kernel.required_subgroup_size, profile.subgroup_min_size);
    EXPECT_LE(kernel.required_subgroup_size, profile.subgroup_max_size);
    EXPECT_EQ(kernel.workgroup_size % kernel.required_subgroup_size, 0);
  }
  if (!profile.subgroup_basic) {
    EXPECT_FALSE(UsesSubgroups(kernel));
  }
  if (!profile.float16) {
    EXPECT_EQ(std::count(kernel.value_types.begin(), kernel.value_types.end(), KType::kF16), 0);
  }
}

inline void ExpectWithinLimits(const LoweredGroup& lowered, const target::DeviceProfile& profile) {
  for (const Dispatch& dispatch : lowered.dispatches) {
    ExpectWithinLimits(dispatch, profile);
    ASSERT_EQ(dispatch.arguments.size(), dispatch.kernel.buffers.size());
    for (const Argument& argument : dispatch.arguments) {
      if (argument.value != nullptr) continue;
      ASSERT_GE(argument.temporary, 0);
      ASSERT_LT(argument.temporary, static_cast<int>(lowered.temporaries.size()));
    }
  }
}

// Devices of every limit that a lowering looks at, on both sides of it.
inline std::vector<target::DeviceProfile> LimitProfiles() {
  struct Row {
    const char* name;
    int workgroup;
    int shared_kib;
    int subgroup_min;
    int subgroup_max;
    bool has_subgroups;
    bool has_f16;
  };
  constexpr Row kRows[] = {
      {"least of Vulkan", 128, 16, 4, 4, false, false},
      {"odd workgroup", 192, 16, 16, 16, true, true},
      {"small", 256, 16, 8, 32, true, true},
      {"subgroup of 8", 256, 32, 8, 8, true, true},
      {"no subgroup operations", 512, 32, 16, 16, false, true},
      {"usual", 1024, 48, 32, 32, true, true},
      {"wide subgroups", 1024, 64, 64, 64, true, false},
      {"wider workgroup", 2048, 32, 64, 128, true, true},
  };
  std::vector<target::DeviceProfile> profiles;
  for (const Row& row : kRows) {
    target::DeviceProfile profile;
    profile.name = row.name;
    profile.type = target::DeviceType::kDiscreteGpu;
    profile.max_workgroup_invocations = row.workgroup;
    profile.max_workgroup_size[0] = static_cast<uint32_t>(std::min(row.workgroup, 1024));
    profile.shared_memory_bytes = row.shared_kib * 1024;
    profile.subgroup_min_size = row.subgroup_min;
    profile.subgroup_max_size = profile.subgroup_size = row.subgroup_max;
    profile.subgroup_basic = profile.subgroup_shuffle = row.has_subgroups;
    profile.float16 = row.has_f16;
    profile.float64 = profile.int64 = true;
    profiles.push_back(profile);
  }
  return profiles;
}

// What tests/profiles has of a device.
inline target::DeviceProfile RecordedProfile(const std::string& name) {
  const auto profile = target::LoadProfile("tests/profiles/" + name + ".json");
  EXPECT_TRUE(profile.ok()) << profile.status().message();
  return profile.ok() ? *profile : target::DeviceProfile();
}

}  // namespace dragoman::kernel
