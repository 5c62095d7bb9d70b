// SPDX-License-Identifier: Apache-2.0
// What tells one build of this code from another: the linker's hash over the library or program that holds it.
#pragma once

#include <string>

namespace dragoman::compiler {

// Hexadecimal digits of the GNU build id; empty where the binary format or the linker has none. Computed once a call.
std::string BuildId();

}  // namespace dragoman::compiler
