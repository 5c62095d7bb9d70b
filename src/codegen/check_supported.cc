// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/format.h"
#include "codegen/legalize.h"
#include "kernel/shared_memory.h"

namespace dragoman::codegen {

using kernel::KOp;
using kernel::KType;
using target::DeviceProfile;

namespace {

// Ops that stand on an optional feature of the device.
struct OpFeature {
  KOp op;
  bool DeviceProfile::*feature;
  std::string_view name;
};
constexpr OpFeature kOpFeatures[] = {
    {KOp::kSubgroupIndex, &DeviceProfile::subgroup_basic, "basic subgroup operations"},
    {KOp::kSubgroupLane, &DeviceProfile::subgroup_basic, "basic subgroup operations"},
    {KOp::kSubgroupShuffleXor, &DeviceProfile::subgroup_shuffle, "subgroup shuffles"},
};

Status CheckOps(const kernel::Region& region, const DeviceProfile& profile) {
  for (const kernel::Instruction& inst : region.body) {
    for (const OpFeature& row : kOpFeatures) {
      if (row.op == inst.op && !(profile.*row.feature)) {
        return Unimplemented(
            Format("The device '{}' lacks {}, which {} needs.", profile.name, row.name, Name(inst.op)));
      }
    }
    for (const auto& inner : inst.regions) {
      if (inner != nullptr) RETURN_IF_ERROR(CheckOps(*inner, profile));
    }
  }
  return OkStatus();
}

Status CheckMatrices(const kernel::Kernel& kernel, const DeviceProfile& profile) {
  const target::MatrixShape& shape = kernel.matrix_shape;
  if (shape.m == 0) return OkStatus();
  const auto& shapes = profile.matrix_shapes;
  if (std::find(shapes.begin(), shapes.end(), shape) != shapes.end()) return OkStatus();
  return Unimplemented(
      Format("The device '{}' does not multiply matrices of {}x{}x{}.", profile.name, shape.m, shape.n, shape.k));
}

Status CheckTypes(const kernel::Kernel& kernel, const DeviceProfile& profile) {
  const auto has = [&kernel](KType type) {
    return std::find(kernel.value_types.begin(), kernel.value_types.end(), type) != kernel.value_types.end();
  };
  const bool binds_f64 = std::any_of(kernel.buffers.begin(), kernel.buffers.end(),
                                     [](const kernel::BufferBinding& b) { return b.memory == DType::kF64; });
  if ((has(KType::kF64) || binds_f64) && !profile.float64) {
    return Unimplemented(Format("The device '{}' lacks 64-bit floats, so f64 is not available on it.", profile.name));
  }
  if (has(KType::kF16) && !profile.float16) {
    return Internal(Format("A kernel computes in f16, which the device '{}' lacks.", profile.name));
  }
  return OkStatus();
}

}  // namespace

Status CheckSupported(const kernel::Kernel& kernel, const DeviceProfile& profile) {
  RETURN_IF_ERROR(CheckTypes(kernel, profile));
  RETURN_IF_ERROR(CheckMatrices(kernel, profile));
  if (kernel.workgroup_size > profile.widest_workgroup()) {
    return Unimplemented(Format("A workgroup has {} invocations, but the device '{}' allows {}.", kernel.workgroup_size,
                                profile.name, profile.widest_workgroup()));
  }
  const int64_t shared_bytes = SharedBytes(kernel);
  if (shared_bytes > profile.shared_memory_bytes) {
    return Unimplemented(Format("A workgroup uses {} bytes of shared memory, but the device '{}' has {}.", shared_bytes,
                                profile.name, profile.shared_memory_bytes));
  }
  return CheckOps(kernel.body, profile);
}

}  // namespace dragoman::codegen
