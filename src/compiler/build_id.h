// SPDX-License-Identifier: Apache-2.0
// What tells one build of this code from another.
#pragma once

#include <string>

namespace dragoman::compiler {

// Never empty: the linker's hash over the library or program that holds this code (the GNU build id), else a hash of
// its file, else what no other process has. Computed once.
const std::string& BuildId();

// What stands for the linker's hash, for the binary that holds `address`.
std::string HashOfBinary(const void* address);

}  // namespace dragoman::compiler
