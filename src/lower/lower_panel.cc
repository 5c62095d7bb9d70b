// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "kernel/shared_memory.h"
#include "lower/held_panel.h"
#include "lower/kinds.h"
#include "lower/panel.h"

namespace dragoman::kernel {
namespace {

using Emit = StatusOr<Dispatch> (*)(const fusion::Group&, const target::DeviceProfile&);
constexpr struct {
  ir::OpCode code;
  Emit emit;
  Emit emit_held;  // where a workgroup can hold the panel in registers
} kPanelKernels[] = {
    {ir::OpCode::kJacobiRotations, JacobiRotationsKernel, nullptr},
    {ir::OpCode::kRotateBlocks, RotateBlocksKernel, nullptr},
    {ir::OpCode::kCholeskyPanel, CholeskyPanelKernel, nullptr},
    {ir::OpCode::kLuUpdate, LuUpdateKernel, nullptr},
    {ir::OpCode::kLuPanel, LuPanelKernel, HeldLuPanelKernel},
    {ir::OpCode::kQrPanel, QrPanelKernel, HeldQrPanelKernel},
};

}  // namespace

StatusOr<LoweredGroup> LowerPanel(const fusion::Group& group, const target::CompileContext& context) {
  LoweredGroup lowered;
  const ir::Op& op = *group.hero;
  const TensorType& type = op.operands[0]->type;
  if (type.num_elements() == 0) return lowered;
  const DType real = RealPart(type.dtype);
  if ((real != DType::kF32 && real != DType::kF64) || type.num_elements() >= int64_t{1} << 31) {
    return Unimplemented(Format("Operation {} on {} has no kernel.", ir::Info(op.code).name, type.ToString()));
  }
  for (const auto& [code, emit, emit_held] : kPanelKernels) {
    if (code != op.code) continue;
    const bool is_held = emit_held != nullptr && HeldPanelFor(op, context.profile).rows > 0;
    ASSIGN_OR_RETURN(Dispatch dispatch, (is_held ? emit_held : emit)(group, context.profile));
    const int64_t shared_bytes = SharedBytes(dispatch.kernel);
    if (shared_bytes > context.profile.shared_memory_bytes) {
      return Unimplemented(Format("Operation {} on {} has no kernel; it needs {} bytes of shared memory of {}.",
                                  ir::Info(op.code).name, type.ToString(), shared_bytes,
                                  context.profile.shared_memory_bytes));
    }
    lowered.dispatches.push_back(std::move(dispatch));
    if (emit_held == nullptr || is_held) continue;
    lowered.temporaries = {type.size_bytes()};
    if (code == ir::OpCode::kLuPanel) lowered.temporaries.push_back(op.type(2).size_bytes());
  }
  return lowered;
}

}  // namespace dragoman::kernel
