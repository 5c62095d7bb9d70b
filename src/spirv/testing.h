// SPDX-License-Identifier: Apache-2.0
// For tests: every module we emit passes the validator.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"

namespace dragoman::spirv {

// Runs `spirv-val --target-env vulkan1.2` on the words, after a look for valid forms that a driver is known to die of:
// a phi whose incoming values are all one value (NVIDIA 580.159). The complaint is the error's message;
// FAILED_PRECONDITION when the program is not on the PATH, UNIMPLEMENTED when it is too old to know the module's
// capabilities.
Status Validate(std::span<const uint32_t> words);
// Why a test is skipped that asks it, where os::WantsValidation says no.
inline constexpr const char* kNotValidated = "There is no spirv-val here (DRAGOMAN_VALIDATION=0).";
// The text form by spirv-dis; empty when that is not on the PATH.
std::string Disassemble(std::span<const uint32_t> words);

}  // namespace dragoman::spirv
