// SPDX-License-Identifier: Apache-2.0
// Group kinds that no kernel serves yet: said at compile time, with the op and its types.
#include "base/format.h"
#include "ir/ir.h"
#include "lower/kinds.h"

namespace dragoman::kernel {
namespace {

StatusOr<LoweredGroup> NoKernel(const fusion::Group& group) {
  std::string types;
  for (const ir::Value* operand : group.hero->operands) types += " " + operand->type.ToString();
  return Unimplemented(Format("Operation {} on{} has no kernel.", ir::Info(group.hero->code).name, types));
}

}  // namespace

// Passes write random bits as elementwise operations.
StatusOr<LoweredGroup> LowerRngBitGenerator(const fusion::Group& group, const target::CompileContext&) {
  return NoKernel(group);
}
StatusOr<LoweredGroup> LowerFft(const fusion::Group& group, const target::CompileContext&) { return NoKernel(group); }

}  // namespace dragoman::kernel
