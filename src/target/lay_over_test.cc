// SPDX-License-Identifier: Apache-2.0
#include "target/lay_over.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "target/profile_json.h"

namespace dragoman::target {
namespace {

using Json = nlohmann::ordered_json;

DeviceProfile Recorded(const std::string& name) {
  auto profile = LoadProfile("tests/profiles/" + name + ".json");
  EXPECT_TRUE(profile.ok()) << profile.status().message();
  return profile.ok() ? *profile : DeviceProfile();
}

std::vector<DeviceProfile> AllRecorded() {
  std::vector<DeviceProfile> profiles;
  for (const auto& entry : std::filesystem::directory_iterator("tests/profiles")) {
    profiles.push_back(Recorded(entry.path().stem().string()));
  }
  return profiles;
}

// What changes which right program is made, and asks nothing of the device that runs it.
const std::set<std::string> kFree = {"type",
                                     "address_form",
                                     "vector_bytes",
                                     "unrolling_is_costly",
                                     "loads_visit_lanes",
                                     "drops_zero_products",
                                     "misreads_widened_comparisons",
                                     "misrounds_f64",
                                     "tile_registers",
                                     "matrix_registers",
                                     "multiply_add_cycles",
                                     "compute_units"};

bool IsWithin(const std::string& field, const Json& value, const Json& device) {
  if (value == device || kFree.count(field) != 0) return true;
  if (field == "max_loop_iterations") return value > 0 && (device == 0 || value < device);
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value < device;
  if (!value.is_array()) return false;
  if (field == "matrix_shapes") {
    return std::all_of(value.begin(), value.end(), [&](const Json& shape) {
      return std::find(device.begin(), device.end(), shape) != device.end();
    });
  }
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] > device[i]) return false;
  }
  return value.size() == device.size();
}

TEST(LayOver, NeverExceedsTheRealDevice) {
  const std::vector<DeviceProfile> profiles = AllRecorded();
  ASSERT_GE(profiles.size(), 6u);
  for (const DeviceProfile& device : profiles) {
    const Json real = Json::parse(ToJson(device));
    for (const DeviceProfile& other : profiles) {
      const DeviceProfile merged = LayOver(other, device);
      const Json fields = Json::parse(ToJson(merged));
      for (const auto& [field, value] : fields.items()) {
        EXPECT_TRUE(IsWithin(field, value, real[field]))
            << other.name << " over " << device.name << ": " << field << " is " << value;
      }
      EXPECT_GE(merged.drops_zero_products, device.drops_zero_products);
      EXPECT_GE(merged.misreads_widened_comparisons, device.misreads_widened_comparisons);
      EXPECT_GE(merged.misrounds_f64, device.misrounds_f64);
      EXPECT_EQ(merged.cooperative_matrix, !merged.matrix_shapes.empty());
      EXPECT_TRUE(merged.int64 || merged.address_form == AddressForm::kAccessChain);
    }
  }
}

TEST(Confine, LeavesFeaturesAndLimitsOfBothAndTheDevicesOwnRest) {
  const DeviceProfile lavapipe = Recorded("lavapipe"), dozen = Recorded("dzn");
  const DeviceProfile confined = Confine(lavapipe, dozen);
  EXPECT_FALSE(confined.int8 || confined.storage8 || confined.vulkan_memory_model);
  EXPECT_TRUE(confined.int64 && confined.storage16 && confined.float16);
  EXPECT_EQ(confined.max_buffer_bytes, 512ull << 20);
  EXPECT_EQ(confined.shared_memory_bytes, 32768);
  EXPECT_EQ(confined.max_loop_iterations, 65535);
  EXPECT_EQ(confined.name, lavapipe.name);
  EXPECT_EQ(confined.type, DeviceType::kCpu);
  EXPECT_EQ(confined.unrolling_is_costly, lavapipe.unrolling_is_costly);
  for (const DeviceProfile& other : AllRecorded()) {
    // What is compiled for it is what is compiled for the whole device.
    EXPECT_EQ(LayOver(other, Confine(lavapipe, other)), LayOver(other, lavapipe)) << other.name;
    EXPECT_EQ(Confine(other, other), other) << other.name;
  }
}

TEST(LayOver, ADeviceOverItselfIsItself) {
  for (const DeviceProfile& device : AllRecorded()) EXPECT_EQ(LayOver(device, device), device) << device.name;
}

TEST(LayOver, LavapipeChoosesAsAGpuDoes) {
  const DeviceProfile lavapipe = Recorded("lavapipe"), gpu = Recorded("navi31");
  const DeviceProfile merged = LayOver(gpu, lavapipe);
  EXPECT_EQ(merged.type, DeviceType::kDiscreteGpu);
  EXPECT_FALSE(merged.unrolling_is_costly);
  EXPECT_EQ(merged.address_form, AddressForm::kByteOffset32);
  EXPECT_EQ(merged.compute_units, gpu.compute_units);
  EXPECT_EQ(merged.tile_registers, gpu.tile_registers);
  // And stays what it is.
  EXPECT_EQ(merged.name, lavapipe.name);
  EXPECT_EQ(merged.subgroup_size, 8);
  EXPECT_EQ(merged.max_loop_iterations, 65535);
  EXPECT_TRUE(merged.misrounds_f64);
  EXPECT_FALSE(merged.cooperative_matrix);
  EXPECT_EQ(merged.shared_memory_bytes, lavapipe.shared_memory_bytes);
}

TEST(LayOver, TakesTheLesserLoopLimitOfWhichZeroIsNone) {
  DeviceProfile other, device;
  device.max_loop_iterations = 100;
  EXPECT_EQ(LayOver(other, device).max_loop_iterations, 100);
  EXPECT_EQ(LayOver(device, other).max_loop_iterations, 100);
  other.max_loop_iterations = 50;
  EXPECT_EQ(LayOver(other, device).max_loop_iterations, 50);
}

}  // namespace
}  // namespace dragoman::target
