// SPDX-License-Identifier: Apache-2.0
// The byte form of a compiled executable: what it was made for and by, its compile options and its program.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/status.h"

namespace dragoman::pjrt {

struct Serialized {
  Hash128 profile;           // of the device it was compiled for
  Hash128 version;           // of the compiler's version
  std::string_view options;  // a CompileOptionsProto
  std::string_view program;  // as program::Save gives it
};

std::string WriteSerialized(const Serialized& serialized);
// The views point into `bytes`. INVALID_ARGUMENT: other bytes, cut or changed ones.
StatusOr<Serialized> ReadSerialized(std::string_view bytes);

}  // namespace dragoman::pjrt
