// SPDX-License-Identifier: Apache-2.0
#include "kernel/loop_bound.h"

#include <algorithm>

#include "base/format.h"

namespace dragoman::kernel {
namespace {

constexpr int64_t kSegmentSearch = 33;  // halvings of 2^32 segments, and the last test

int64_t Add(int64_t a, int64_t b) { return a > kUnknownIterations - b ? kUnknownIterations : a + b; }
int64_t Multiply(int64_t a, int64_t b) { return b != 0 && a > kUnknownIterations / b ? kUnknownIterations : a * b; }

struct Count {
  int64_t running = 0;  // while an invocation is in the region
  int64_t left = 0;     // when all have left it, but the code runs on
};

Count CountOf(const Region& region);

Count CountOf(const Instruction& instruction) {
  Count regions;
  for (const auto& region : instruction.regions) {
    const Count count = CountOf(*region);
    regions.running = Add(regions.running, count.running);
    regions.left = Add(regions.left, count.left);
  }
  if (instruction.op == KOp::kIf) return regions;
  Count loop;
  const auto most = static_cast<int64_t>(instruction.imm);
  loop.left = Add(regions.left, 1);
  // The condition of a while runs before the last test as well.
  const int64_t last = instruction.op == KOp::kWhile ? regions.running : regions.left;
  loop.running = most <= 0 ? kUnknownIterations : Add(Multiply(most, Add(regions.running, 1)), Add(last, 1));
  return loop;
}

Count CountOf(const Region& region) {
  Count total;
  for (const Instruction& instruction : region.body) {
    if (instruction.regions.empty()) continue;
    const Count count = CountOf(instruction);
    total.running = Add(total.running, count.running);
    total.left = Add(total.left, count.left);
  }
  return total;
}

}  // namespace

int64_t LoopIterations(const Kernel& kernel) {
  return Add(CountOf(kernel.body).running, kernel.is_segmented ? kSegmentSearch : 0);
}

bool FitsLoopLimit(const Kernel& kernel, const target::DeviceProfile& profile) {
  const int64_t limit = profile.max_loop_iterations;
  return limit == 0 || Add(CountOf(kernel.body).running, kSegmentSearch) <= limit;
}

Status Verify(const Kernel& kernel, const target::DeviceProfile& profile) {
  RETURN_IF_ERROR(Verify(kernel));
  const int64_t limit = profile.max_loop_iterations;
  const int64_t iterations = LoopIterations(kernel);
  if (limit == 0 || iterations <= limit) return OkStatus();
  if (iterations == kUnknownIterations) {
    return Internal(Format("A kernel does not say how often its loops come round; {} stops them after {} iterations.",
                           profile.name, limit));
  }
  return Internal(Format("The loops of a kernel come round up to {} times; {} stops them after {} iterations.",
                         iterations, profile.name, limit));
}

}  // namespace dragoman::kernel
