// SPDX-License-Identifier: Apache-2.0
// The SPIR-V specification's enumerations, and those newer than the oldest headers we build with.
#pragma once

#include <spirv/unified1/GLSL.std.450.h>

#include <spirv/unified1/spirv.hpp11>

namespace dragoman::spirv {

// SPV_KHR_cooperative_matrix, SPV_KHR_bfloat16: absent from headers older than 1.3.250 and 1.4.309.
inline constexpr auto kOpTypeCooperativeMatrixKHR = static_cast<spv::Op>(4456);
inline constexpr auto kOpCooperativeMatrixLoadKHR = static_cast<spv::Op>(4457);
inline constexpr auto kOpCooperativeMatrixStoreKHR = static_cast<spv::Op>(4458);
inline constexpr auto kOpCooperativeMatrixMulAddKHR = static_cast<spv::Op>(4459);
inline constexpr auto kOpCooperativeMatrixLengthKHR = static_cast<spv::Op>(4460);
inline constexpr auto kCapabilityCooperativeMatrixKHR = static_cast<spv::Capability>(6022);
inline constexpr auto kCapabilityBFloat16TypeKHR = static_cast<spv::Capability>(5116);
inline constexpr auto kCapabilityBFloat16CooperativeMatrixKHR = static_cast<spv::Capability>(5118);
inline constexpr uint32_t kFPEncodingBFloat16KHR = 0;

}  // namespace dragoman::spirv
