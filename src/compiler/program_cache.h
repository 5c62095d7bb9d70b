// SPDX-License-Identifier: Apache-2.0
// Compile, through the disk cache. Programs are found by what they compute: moving a script's lines, which changes the
// source locations inside an artifact, compiles nothing again.
#pragma once

#include <memory>

#include "base/status.h"
#include "compiler/compiler.h"
#include "ir/ir.h"
#include "program/disk_cache.h"
#include "program/program.h"
#include "target/profile.h"

namespace dragoman::compiler {

// As Compile, and fails as it does. Safe to call from many threads; two that compile the same program at once both
// compile it.
StatusOr<program::ValidProgram> CompileCached(const Artifact& artifact, const target::DeviceProfile& profile,
                                              const Options& options, const program::DiskCache& cache);
// The same for a module, however a front end came by it: equal modules are one program in the cache, and one with an
// artifact that reads as they are. INVALID_ARGUMENT: it does not verify (ir/ir.h).
StatusOr<program::ValidProgram> CompileCached(std::unique_ptr<ir::Module> module, const target::DeviceProfile& profile,
                                              const Options& options, const program::DiskCache& cache);

}  // namespace dragoman::compiler
