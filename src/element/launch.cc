// SPDX-License-Identifier: Apache-2.0
#include "element/launch.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace dragoman::kernel {

V GlobalInvocation(Builder& builder, int workgroup_size, int64_t count) {
  const KType type = IndexType(count);
  const V workgroup = ToIndexType(builder, builder.WorkgroupIndex(), type);
  return builder.MulAdd(workgroup, workgroup_size, ToIndexType(builder, builder.LocalIndex(), type));
}

int DefaultWorkgroupSize(const target::DeviceProfile& profile) {
  return static_cast<int>(std::bit_floor(static_cast<unsigned>(std::min(256, profile.widest_workgroup()))));
}

Dispatch FinishDispatch(Builder&& builder, const Elemental& elemental, int workgroup_size, int64_t workgroups,
                        std::string label) {
  Dispatch dispatch;
  dispatch.kernel = std::move(builder).Finish(workgroup_size);
  dispatch.arguments = elemental.arguments();
  dispatch.workgroups = workgroups;
  dispatch.label = std::move(label);
  return dispatch;
}

}  // namespace dragoman::kernel
