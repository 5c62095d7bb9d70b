// SPDX-License-Identifier: Apache-2.0
// The walk of an invocation that is longer than the device lets its loops be: a dispatch for each stage of it, with
// what the walk carries in temporaries from one to the next. The order of the walk stays as it is.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/status.h"
#include "element/dispatch.h"
#include "element/elemental.h"

namespace dragoman::kernel {

class StagedLoop {
 public:
  // `iterations` in all, `stage` of them a dispatch. The temporaries of the carried values are numbered from
  // `first_temporary`. Adds a parameter to the kernel: the stage's first iteration.
  StagedLoop(Elemental& elemental, int64_t iterations, int64_t stage, int first_temporary);

  // Whose walk it is, before the others.
  void Begin(V invocation) { invocation_ = invocation; }
  // The part of the walk that this dispatch makes; `initial` is where the first one starts.
  std::vector<V> Run(const std::vector<V>& initial, const Builder::LoopBody& body);
  // Leaves what was carried to the next dispatch; the last one does `last` instead.
  void Finish(std::span<const V> carried, const std::function<void()>& last);

  // Element types of the temporaries, known after Run.
  const std::vector<DType>& memory() const { return memory_; }

 private:
  Elemental& e_;
  Builder& b_;
  const int64_t iterations_;
  const int64_t stage_;
  const int first_temporary_;
  const V from_;
  V invocation_;
  std::vector<DType> memory_;
};

struct StagedDispatch {
  Dispatch dispatch;
  std::vector<DType> memory;
};
using EmitStage = std::function<StatusOr<StagedDispatch>(int64_t stage, int first_temporary)>;
// Stages as long as the device allows.
Status AppendStages(LoweredGroup& lowered, const target::DeviceProfile& profile, int64_t iterations,
                    const EmitStage& emit);

}  // namespace dragoman::kernel
