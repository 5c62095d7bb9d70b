// SPDX-License-Identifier: Apache-2.0
#include "element/staged_loop.h"

#include <algorithm>

#include "base/format.h"
#include "kernel/loop_bound.h"

namespace dragoman::kernel {

StagedLoop::StagedLoop(Elemental& elemental, int64_t iterations, int64_t stage, int first_temporary)
    : e_(elemental),
      b_(elemental.builder()),
      iterations_(iterations),
      stage_(stage),
      first_temporary_(first_temporary),
      from_(b_.Param(b_.AddParam())) {}

std::vector<V> StagedLoop::Run(const std::vector<V>& initial, const Builder::LoopBody& body) {
  for (const V value : initial) memory_.push_back(MemoryOf(value.type));
  const auto load = [&] {
    std::vector<V> values;
    for (size_t i = 0; i < memory_.size(); ++i) {
      values.push_back(
          b_.Load(e_.BindTemporary(first_temporary_ + static_cast<int>(i), memory_[i], true, false), invocation_));
    }
    return values;
  };
  std::vector<V> carried = b_.IfValue(
      b_.IEq(from_, b_.I32(0)), [&] { return initial; }, load);
  return b_.For({from_, b_.EndOfPart(from_, stage_, iterations_), b_.I32(1), stage_}, std::move(carried), body);
}

void StagedLoop::Finish(std::span<const V> carried, const std::function<void()>& last) {
  const V is_last = b_.SLe(b_.I32(iterations_ - stage_), from_);
  b_.If(
      is_last,
      [&] {
        Elemental::Scope scope(e_);
        last();
      },
      [&] {
        for (size_t i = 0; i < memory_.size(); ++i) {
          const int buffer = e_.BindTemporary(first_temporary_ + static_cast<int>(i), memory_[i], false, true);
          b_.Store(buffer, invocation_, carried[i]);
        }
      });
}

Status AppendStages(LoweredGroup& lowered, const target::DeviceProfile& profile, int64_t iterations,
                    const EmitStage& emit) {
  if (iterations >= int64_t{1} << 31) {
    return Unimplemented(Format("A walk of {} steps has no kernel; the limit is 2^31 - 1.", iterations));
  }
  const int first_temporary = static_cast<int>(lowered.temporaries.size());
  const int64_t limit = profile.max_loop_iterations;
  int64_t stage = std::min(iterations, limit / 2);
  ASSIGN_OR_RETURN(StagedDispatch staged, emit(stage, first_temporary));
  while (!FitsLoopLimit(staged.dispatch.kernel, profile) && stage > 1) {
    const int64_t times = LoopIterations(staged.dispatch.kernel) / limit + 1;
    stage = std::max<int64_t>(stage / (times + 1), 1);
    ASSIGN_OR_RETURN(staged, emit(stage, first_temporary));
  }
  const int64_t invocations = staged.dispatch.workgroups * staged.dispatch.kernel.workgroup_size;
  for (const DType dtype : staged.memory) lowered.temporaries.push_back(invocations * SizeBytes(dtype));
  for (int64_t from = 0; from < iterations; from += stage) {
    lowered.dispatches.push_back(staged.dispatch);
    lowered.dispatches.back().params = {static_cast<uint32_t>(from)};
  }
  return OkStatus();
}

}  // namespace dragoman::kernel
