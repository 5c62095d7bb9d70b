// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <gtest/gtest.h>

#include "compiler/build_id.h"

namespace dragoman::compiler {
namespace {

// What stands for the linker's hash where there is none.
TEST(HashOfBinary, TellsFilesApartByTheirContents) {
  const auto* self = reinterpret_cast<const void*>(&HashOfBinary);
  const auto* library = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");  // which no sanitizer puts its own before
  EXPECT_NE(HashOfBinary(self), HashOfBinary(library));
}

}  // namespace
}  // namespace dragoman::compiler
