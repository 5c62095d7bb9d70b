// SPDX-License-Identifier: Apache-2.0
// From a schedule with planned storage to a program: kernels generated once each, slots, steps, and the barriers
// between them.
#pragma once

#include "compiler/compiler.h"
#include "compiler/schedule.h"
#include "compiler/storage.h"
#include "program/program.h"

namespace dragoman::compiler {

StatusOr<program::Program> EmitProgram(const ir::Module& module, const BlockSchedule& schedule,
                                       const StoragePlan& storage, const target::DeviceProfile& profile,
                                       const Options& options);

}  // namespace dragoman::compiler
