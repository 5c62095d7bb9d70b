// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "kernel/loop_bound.h"
#include "lower/order/kinds.h"
#include "lower/order/scan_kernels.h"

namespace dragoman::kernel {
namespace {

// Rows shorter than this are not worth a workgroup.
constexpr int64_t kMaxSerialExtent = 32;
// So many rows next to each other keep a device busy with one invocation each.
constexpr int64_t kManyRows = 8192;
// Fewer rows than this leave most of a device idle with one workgroup each.
constexpr int64_t kFewRows = 128;

}  // namespace

StatusOr<LoweredGroup> LowerScan(const fusion::Group& group, const target::CompileContext& context) {
  const ir::Op& hero = *group.hero;
  LoweredGroup lowered;
  const int64_t count = hero.type().num_elements();
  if (count == 0) return lowered;
  if (count >= int64_t{1} << 31) {
    return Unimplemented(
        Format("Operation scan on {} has no kernel; the limit is 2^31 - 1 elements.", hero.type().ToString()));
  }
  using Emit = StatusOr<Dispatch> (ScanKernel::*)(int);
  const ScanKernel shape(group, context.profile);
  const bool is_serial = shape.extent() <= kMaxSerialExtent || (!shape.is_innermost() && shape.rows() >= kManyRows);
  if (is_serial || shape.rows() >= kFewRows || shape.chunks_per_row() <= 2) {
    ScanKernel kernel(group, context.profile);
    ASSIGN_OR_RETURN(Dispatch dispatch, is_serial ? kernel.EmitSerialRows() : kernel.EmitRows());
    if (FitsLoopLimit(dispatch.kernel, context.profile)) {
      lowered.dispatches.push_back(std::move(dispatch));
      return lowered;
    }
  }
  for (const auto& result : hero.results) {
    lowered.temporaries.push_back(shape.rows() * shape.chunks_per_row() * SizeBytes(result->type.dtype));
  }
  for (const Emit emit : {&ScanKernel::EmitTotals, &ScanKernel::EmitCarries, &ScanKernel::EmitChunks}) {
    ScanKernel kernel(group, context.profile);
    ASSIGN_OR_RETURN(Dispatch dispatch, (kernel.*emit)(0));
    lowered.dispatches.push_back(std::move(dispatch));
  }
  return lowered;
}

}  // namespace dragoman::kernel
