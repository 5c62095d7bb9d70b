// SPDX-License-Identifier: Apache-2.0
// For tests: what spirv-val cannot know of a module, since it does not know the device.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>

#include "target/profile.h"

namespace dragoman::codegen {

std::set<uint32_t> CapabilitiesOf(std::span<const uint32_t> words);

// The first capability that the module declares and the device does not have, as a sentence; empty where there is none.
std::string CapabilityBeyond(std::span<const uint32_t> words, const target::DeviceProfile& profile);

// Where the module computes an address otherwise than by indices into what was loaded as one: by arithmetic on its
// bits, a comparison or a difference; empty where it does not. Dozen's addresses have an offset in the lower word, so
// such arithmetic may end in another buffer.
std::string AddressArithmetic(std::span<const uint32_t> words);

}  // namespace dragoman::codegen
