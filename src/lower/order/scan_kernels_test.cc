// SPDX-License-Identifier: Apache-2.0
#include "lower/order/scan_kernels.h"

#include <gtest/gtest.h>

#include "base/format.h"
#include "lower/hero_testing.h"

namespace dragoman::kernel {
namespace {

std::string RunningBody(const std::string& dims, const std::string& dtype, int dimension, bool is_reverse,
                        const std::string& region) {
  return Format(
      "(%0: tensor<{0}x{1}>, %1: tensor<{1}>) {{ %2 = scan(%0, %1) {{dimension = {2}, is_reverse = {3}}} : "
      "tensor<{0}x{1}> "
      "(%a: tensor<{1}>, %b: tensor<{1}>) {{ {4} }} return(%2) }}",
      dims, dtype, dimension, is_reverse ? 1 : 0, region);
}
std::string Running(const std::string& op, const std::string& dtype) {
  return Format("%c = {}(%a, %b) : tensor<{}> return(%c)", op, dtype);
}

// A quarter of the row, between 64 invocations and what the device allows; up to eight elements of each.
TEST(ScanKernels, TakeTilesThatTheRowIsWorth) {
  target::DeviceProfile narrow = HeroProfiles()[1];
  narrow.max_workgroup_invocations = 128;
  const struct {
    int64_t extent;
    int64_t chunk, narrow_chunk;  // elements of a tile
  } rows[] = {{1, 64, 64},     {64, 64, 64},       {65, 128, 128},     {512, 512, 512},
              {513, 768, 640}, {1024, 1024, 1024}, {2048, 2048, 1024}, {100000, 2048, 1024}};
  for (const auto& row : rows) {
    const HeroTest test(fusion::GroupKind::kScan,
                        RunningBody(Format("2x{}", row.extent), "f32", 1, false, Running("add", "f32")));
    const ScanKernel wide(test.group, HeroProfiles()[1]), small(test.group, narrow);
    EXPECT_EQ(wide.chunk(), row.chunk) << row.extent;
    EXPECT_EQ(small.chunk(), row.narrow_chunk) << row.extent;
    EXPECT_EQ(wide.rows(), 2);
    EXPECT_EQ(wide.extent(), row.extent);
    EXPECT_TRUE(wide.is_innermost());
    EXPECT_EQ(wide.chunks_per_row(), (row.extent + row.chunk - 1) / row.chunk);
  }
}

// Where one kernel ends and the next begins, in both directions and along each dimension.
TEST(ScanKernels, RunOverEveryLengthInBothDirections) {
  for (const auto& profile : HeroProfiles()) {
    for (const int extent : {31, 32, 33, 63, 65, 127, 255, 256, 511, 1023, 1025, 2047, 2049, 4095, 4096, 4097, 4100}) {
      for (const bool is_reverse : {false, true}) {
        SCOPED_TRACE(Format("{} {}", extent, is_reverse ? "backwards" : "forwards"));
        HeroTest(fusion::GroupKind::kScan,
                 RunningBody(Format("2x{}", extent), "f32", 1, is_reverse, Running("add", "f32")))
            .ExpectMatches(profile);
        HeroTest(fusion::GroupKind::kScan,
                 RunningBody(Format("{}x3", extent), "si32", 0, is_reverse, Running("maximum", "si32")))
            .ExpectMatches(profile);
      }
    }
  }
}

// Vectors of four, two and one; the lanes of a reversed row run the other way.
TEST(ScanKernels, RunOverVectorsOfEveryWidth) {
  std::vector<target::DeviceProfile> profiles = HeroProfiles();
  for (const int bytes : {8, 4}) {
    profiles.push_back(profiles[1]);
    profiles.back().vector_bytes = bytes;
  }
  // A difference of products: the order of elements shows in every one.
  const std::string region = "%c = add(%a, %a) : tensor<si32> %d = subtract(%b, %c) : tensor<si32> return(%d)";
  for (const target::DeviceProfile& profile : profiles) {
    for (const int extent : {24, 28, 30, 31}) {
      for (const bool is_reverse : {false, true}) {
        SCOPED_TRACE(Format("{} by {} bytes", extent, profile.vector_bytes));
        HeroTest(fusion::GroupKind::kScan, RunningBody(Format("5x{}", extent), "si32", 1, is_reverse, region))
            .ExpectMatches(profile);
      }
    }
    for (const char* dtype : {"si8", "ui16", "f64", "bf16", "c64", "c128", "f16", "ui64"}) {
      SCOPED_TRACE(dtype);
      const std::string op = dtype[0] == 'b' || dtype == std::string("f16") ? "minimum" : "add";
      HeroTest(fusion::GroupKind::kScan, RunningBody("3x1000", dtype, 1, true, Running(op, dtype)))
          .ExpectMatches(profile);
    }
  }
}

}  // namespace
}  // namespace dragoman::kernel
