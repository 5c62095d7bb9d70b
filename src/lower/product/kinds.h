// SPDX-License-Identifier: Apache-2.0
// The group kinds that this room lowers: rows of the table in lower/lowering.cc.
#pragma once

#include "base/status.h"
#include "element/dispatch.h"
#include "fusion/plan.h"
#include "target/compile_context.h"

namespace dragoman::kernel {

StatusOr<LoweredGroup> LowerDot(const fusion::Group& group, const target::CompileContext& context);
StatusOr<LoweredGroup> LowerConvolution(const fusion::Group& group, const target::CompileContext& context);
StatusOr<LoweredGroup> LowerAttention(const fusion::Group& group, const target::CompileContext& context);

}  // namespace dragoman::kernel
