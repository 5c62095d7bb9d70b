// SPDX-License-Identifier: Apache-2.0
#include "target/quirks.h"

#include <gtest/gtest.h>

#include <set>

namespace dragoman::target {
namespace {

DeviceProfile OfVendor(uint32_t vendor_id) {
  DeviceProfile profile;
  profile.vendor_id = vendor_id;
  profile.type = DeviceType::kDiscreteGpu;
  profile.int64 = true;
  ApplyQuirks(profile);
  return profile;
}

TEST(Quirks, ChooseTheAddressFormByVendor) {
  for (const uint32_t vendor : {0x1002u, 0x8086u, 0x5143u}) {
    EXPECT_EQ(OfVendor(vendor).address_form, AddressForm::kByteOffset32) << vendor;
  }
  for (const uint32_t vendor : {0x10deu, 0x106bu, 0x13b5u}) {
    EXPECT_EQ(OfVendor(vendor).address_form, AddressForm::kAccessChain) << vendor;
  }
}

TEST(Quirks, LeaveAccessChainsWhereThereAreNo64BitIntegers) {
  DeviceProfile profile;
  profile.vendor_id = 0x5143;
  ApplyQuirks(profile);
  EXPECT_EQ(profile.address_form, AddressForm::kAccessChain);
}

TEST(Quirks, LimitTheRegistersOfTilesOnIntelAndQualcomm) {
  for (const uint32_t vendor : {0x1002u, 0x10deu, 0x106bu}) {
    EXPECT_EQ(OfVendor(vendor).tile_registers, DeviceProfile().tile_registers) << vendor;
  }
  for (const uint32_t vendor : {0x8086u, 0x5143u}) EXPECT_LT(OfVendor(vendor).tile_registers, 64) << vendor;
}

TEST(Quirks, SlowTheMultiplyAddsOfAmdsWavesOf64Only) {
  DeviceProfile gcn;
  gcn.vendor_id = 0x1002;
  gcn.subgroup_size = gcn.subgroup_min_size = gcn.subgroup_max_size = 64;
  DeviceProfile rdna = gcn;
  rdna.subgroup_min_size = 32;
  DeviceProfile adreno = gcn;
  adreno.vendor_id = 0x5143;
  for (DeviceProfile* profile : {&gcn, &rdna, &adreno}) ApplyQuirks(*profile);
  EXPECT_EQ(gcn.multiply_add_cycles, 4);
  EXPECT_EQ(rdna.multiply_add_cycles, 1);
  EXPECT_EQ(adreno.multiply_add_cycles, 1);
}

TEST(Quirks, KeepKernelsShortOnLlvmpipeOnly) {
  DeviceProfile llvmpipe;
  llvmpipe.vendor_id = 0x10005;
  llvmpipe.type = DeviceType::kCpu;
  ApplyQuirks(llvmpipe);
  EXPECT_TRUE(llvmpipe.unrolling_is_costly);
  EXPECT_FALSE(OfVendor(0x10de).unrolling_is_costly);
  EXPECT_TRUE(llvmpipe.drops_zero_products);
  EXPECT_FALSE(OfVendor(0x10de).drops_zero_products);
}

TEST(Quirks, VisitLanesOnOldLlvmpipeOnly) {
  const auto visits = [](DeviceType type, const char* driver_info) {
    DeviceProfile profile;
    profile.vendor_id = 0x10005;
    profile.type = type;
    profile.driver_info = driver_info;
    ApplyQuirks(profile);
    return profile.loads_visit_lanes;
  };
  EXPECT_TRUE(visits(DeviceType::kCpu, "Mesa 22.3.6 (LLVM 15.0.6)"));
  EXPECT_FALSE(visits(DeviceType::kCpu, "Mesa 25.0.7"));
  EXPECT_FALSE(visits(DeviceType::kCpu, ""));
  EXPECT_FALSE(visits(DeviceType::kDiscreteGpu, "Mesa 22.3.6"));
}

TEST(Quirks, TellMesasVersionsApart) {
  const auto misreads = [](const char* driver_info) {
    DeviceProfile profile;
    profile.driver_info = driver_info;
    ApplyQuirks(profile);
    return profile.misreads_widened_comparisons;
  };
  EXPECT_TRUE(misreads("Mesa 22.3.6 (LLVM 15.0.6)"));
  EXPECT_TRUE(misreads("Mesa 23.2.1-1ubuntu3.1~22.04.2"));
  EXPECT_TRUE(misreads("Mesa 24.1.0-devel (git-8dc234b36b)"));
  EXPECT_FALSE(misreads("Mesa 24.2.0"));
  EXPECT_FALSE(misreads("Mesa 26.1.6-1~bpo13+1"));
  EXPECT_FALSE(misreads("580.159.04"));
  EXPECT_FALSE(misreads(""));
}

TEST(Quirks, LimitLoopsOnOldLlvmpipeOnly) {
  const auto limit = [](const char* driver_info, uint32_t vendor_id = 0x10005) {
    DeviceProfile profile;
    profile.vendor_id = vendor_id;
    profile.type = DeviceType::kCpu;
    profile.driver_info = driver_info;
    ApplyQuirks(profile);
    return profile.max_loop_iterations;
  };
  for (const char* info : {"Mesa 22.3.6 (LLVM 15.0.6)", "Mesa 24.2.8-1ubuntu1~24.04.1 (LLVM 19.1.1)", "Mesa 24.3.4"}) {
    EXPECT_EQ(limit(info), 65535) << info;
  }
  EXPECT_EQ(limit("Mesa 25.0.7-2 (LLVM 19.1.7)"), 0);
  EXPECT_EQ(limit("Mesa 26.1.6-1~bpo13+1 (LLVM 19.1.7)"), 0);
  EXPECT_EQ(limit("Mesa 27.0.0"), 0);
  EXPECT_EQ(limit("SwiftShader driver 5.0.0", 0x1ae0), 0);
  EXPECT_EQ(OfVendor(0x1002).max_loop_iterations, 0);
}

DeviceProfile OfDozen(uint32_t vendor_id) {
  DeviceProfile profile;
  profile.vendor_id = vendor_id;
  profile.driver_name = "Dozen";
  profile.type = DeviceType::kIntegratedGpu;
  profile.int64 = true;
  profile.max_allocation_bytes = profile.max_buffer_bytes = 2ull << 30;
  ApplyQuirks(profile);
  return profile;
}

TEST(Quirks, KeepBuffersOfDozenWithinOneView) {
  EXPECT_EQ(OfDozen(0x1002).max_buffer_bytes, 512ull << 20);
  EXPECT_EQ(OfDozen(0x1002).max_allocation_bytes, 2ull << 30);
  DeviceProfile small;
  small.driver_name = "Dozen";
  small.max_buffer_bytes = 128ull << 20;
  ApplyQuirks(small);
  EXPECT_EQ(small.max_buffer_bytes, 128ull << 20);
  EXPECT_EQ(OfVendor(0x1002).max_buffer_bytes, DeviceProfile().max_buffer_bytes);
}

TEST(Quirks, GiveDozenAccessChainsWhoeverMadeTheGpu) {
  for (const uint32_t vendor : {0x1002u, 0x8086u, 0x5143u, 0x10deu}) {
    EXPECT_EQ(OfDozen(vendor).address_form, AddressForm::kAccessChain) << vendor;
  }
  EXPECT_LT(OfDozen(0x8086).tile_registers, 64);
  EXPECT_TRUE(OfDozen(0x1002).drops_zero_products);
}

TEST(Quirks, DoNothingTheSecondTime) {
  for (const uint32_t vendor : {0x1002u, 0x8086u, 0x5143u, 0x10deu, 0x10005u}) {
    DeviceProfile once = OfVendor(vendor);
    DeviceProfile twice = once;
    ApplyQuirks(twice);
    EXPECT_EQ(once, twice);
    once = twice = OfDozen(vendor);
    ApplyQuirks(twice);
    EXPECT_EQ(once, twice);
  }
}

TEST(Quirks, HaveNamesOfTheirOwnAndReasons) {
  std::set<std::string_view> names;
  for (const Quirk& quirk : Quirks()) {
    EXPECT_TRUE(names.insert(quirk.name).second) << quirk.name;
    EXPECT_FALSE(quirk.reason.empty()) << quirk.name;
  }
}

}  // namespace
}  // namespace dragoman::target
