// SPDX-License-Identifier: Apache-2.0
// For tests: small kernels with their inputs, one or more for every op, machine type and memory type. The same cases
// are validated as SPIR-V, legalised and interpreted, and run on a device.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/kernel_ir.h"
#include "target/profile.h"

namespace dragoman::codegen {

inline constexpr int kCaseWorkgroupSize = 32;

struct KernelCase {
  std::string name;
  kernel::Kernel kernel;
  std::vector<std::vector<std::byte>> buffers;  // first contents; multiples of 16 bytes
  std::vector<uint32_t> params;
  uint32_t workgroups = 1;
  // Of floats in written buffers, relative to the expected value; 0 asks for equal bits (any NaN equals any NaN, and a
  // subnormal may be flushed).
  double tolerance = 0;
  bool needs_subgroups = false;
};

// Only ops and types that the profile has or codegen emulates.
std::vector<KernelCase> ScalarCases(const target::DeviceProfile& profile);
std::vector<KernelCase> ConversionCases(const target::DeviceProfile& profile);
std::vector<KernelCase> MemoryCases(const target::DeviceProfile& profile);
std::vector<KernelCase> StructureCases(const target::DeviceProfile& profile);
std::vector<KernelCase> AllCases(const target::DeviceProfile& profile);

// Empty when the contents of a buffer of the given type agree within the case's tolerance; otherwise what differs.
std::string Difference(DType memory, const std::vector<std::byte>& expected, const std::vector<std::byte>& actual,
                       double tolerance);

}  // namespace dragoman::codegen
