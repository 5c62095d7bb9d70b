// SPDX-License-Identifier: Apache-2.0
#include "element/run_group_testing.h"

#include "base/format.h"

namespace dragoman::kernel {
namespace {

constexpr std::byte kGarbage{0xcd};

Status RunDispatch(const Dispatch& dispatch, std::vector<std::vector<std::byte>>& temporaries, Memory& memory,
                   const InterpretOptions& options) {
  std::vector<std::vector<std::byte>*> buffers;
  if (dispatch.arguments.size() != dispatch.kernel.buffers.size()) {
    return Internal(Format("Dispatch '{}' has {} arguments for {} buffers.", dispatch.label, dispatch.arguments.size(),
                           dispatch.kernel.buffers.size()));
  }
  for (size_t i = 0; i < dispatch.arguments.size(); ++i) {
    const Argument& argument = dispatch.arguments[i];
    if (argument.value == nullptr) {
      buffers.push_back(&temporaries[argument.temporary]);
      continue;
    }
    const auto [entry, is_new] = memory.try_emplace(argument.value);
    if (is_new && !dispatch.kernel.buffers[i].is_written) {
      return Internal(Format("Dispatch '{}' reads a value that is in no memory.", dispatch.label));
    }
    if (is_new) entry->second.assign(static_cast<size_t>(argument.value->type.size_bytes()), kGarbage);
    buffers.push_back(&entry->second);
  }
  return Interpret(dispatch.kernel, buffers, dispatch.params, dispatch.workgroups, options)
      .WithContext(Format("In dispatch '{}'.", dispatch.label));
}

}  // namespace

Status RunLoweredGroup(const LoweredGroup& group, Memory& memory, const InterpretOptions& options) {
  std::vector<std::vector<std::byte>> temporaries;
  for (const int64_t bytes : group.temporaries) temporaries.emplace_back(static_cast<size_t>(bytes), kGarbage);
  for (const Dispatch& dispatch : group.dispatches)
    RETURN_IF_ERROR(RunDispatch(dispatch, temporaries, memory, options));
  return OkStatus();
}

}  // namespace dragoman::kernel
