// SPDX-License-Identifier: Apache-2.0
#include "codegen/codegen.h"

#include <optional>

#include "codegen/emitter.h"
#include "codegen/legalize.h"
#include "kernel/loop_bound.h"

namespace dragoman::codegen {

StatusOr<program::Kernel> GenerateSpirv(const kernel::Kernel& kernel, const target::DeviceProfile& profile) {
  RETURN_IF_ERROR(CheckSupported(kernel, profile));
  std::optional<kernel::Kernel> legal;
  if (NeedsLegalization(kernel, profile)) {
    ASSIGN_OR_RETURN(legal, Legalize(kernel, profile));
  }
  RETURN_IF_ERROR(kernel::Verify(legal.has_value() ? *legal : kernel, profile));
  program::Kernel out;
  ASSIGN_OR_RETURN(out.spirv, Emitter(legal.has_value() ? *legal : kernel, profile).Run());
  out.workgroup_size = static_cast<uint32_t>(kernel.workgroup_size);
  out.num_buffers = static_cast<uint32_t>(kernel.buffers.size());
  out.num_params = static_cast<uint32_t>(kernel.num_params);
  // A size that the device always has is not asked for: not every device can be asked.
  const bool has_one_size = profile.subgroup_min_size == profile.subgroup_max_size;
  const bool is_given = has_one_size && profile.subgroup_size == kernel.required_subgroup_size;
  out.required_subgroup_size = is_given ? 0 : static_cast<uint32_t>(kernel.required_subgroup_size);
  out.is_segmented = kernel.is_segmented;
  out.hash = program::HashKernel(out);
  return out;
}

}  // namespace dragoman::codegen
