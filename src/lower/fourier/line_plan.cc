// SPDX-License-Identifier: Apache-2.0
#include "lower/fourier/line_plan.h"

#include <algorithm>
#include <bit>

#include "base/arithmetic.h"
#include "ir/fourier.h"

namespace dragoman::kernel {
namespace {

constexpr int kFewInvocations = 256;
constexpr int kMostInvocations = 1024;
// More subgroups of a workgroup make Intel's older GPUs take wider ones, whose registers do not suffice.
constexpr int kEasySubgroups = 32;
constexpr int64_t kBytesOfNeighbours = 64;  // that a workgroup moves at once, of lines along an outer dimension

// So that in no stage an invocation holds more than it may.
int ChooseWorkers(int64_t length, const std::vector<int>& radices, int most) {
  int64_t workers = 1;
  for (const int radix : radices) {
    const int64_t transforms = std::max(1, most / radix);
    workers = std::max(workers, CeilDiv(length / radix, transforms));
  }
  return static_cast<int>(workers);
}

}  // namespace

LinePlan PlanLines(const LineShape& shape, const target::DeviceProfile& profile) {
  LinePlan plan;
  const int64_t widest = std::min(kMostInvocations, profile.widest_workgroup());
  const int most = ir::MostHeldByTransform(shape.real, profile.unrolling_is_costly);
  if (Stretched(shape.length) * SizeBytes(shape.real) > profile.shared_memory_bytes) return plan;
  std::vector<int> radices = ir::FourierRadices(shape.length, most);
  if (radices.empty()) return plan;
  plan.workers = ChooseWorkers(shape.length, radices, most);
  if (plan.workers > widest) return plan;
  plan.radices = std::move(radices);
  plan.lines_first = shape.result_inner > 1 || plan.radices.size() == 1;
  const auto fits = [&](int64_t lines, int parts) {
    const int64_t shared = plan.radices.size() == 1 ? 0 : Stretched(lines * shape.length) * parts;
    return lines * plan.workers <= widest && shared * SizeBytes(shape.real) <= profile.shared_memory_bytes;
  };
  const bool is_cpu = profile.type == target::DeviceType::kCpu;
  const int64_t neighbours = shape.result_inner > 1 && !is_cpu ? kBytesOfNeighbours / (2 * SizeBytes(shape.real)) : 1;
  int64_t wanted = std::max<int64_t>(neighbours, kFewInvocations / plan.workers);
  wanted = std::min<int64_t>(std::bit_floor(static_cast<uint64_t>(wanted)),
                             std::bit_ceil(static_cast<uint64_t>(shape.num_lines)));
  int64_t lines = wanted;
  while (lines > 1 && !fits(lines, lines > neighbours ? 2 : 1)) lines /= 2;
  const int64_t easy = is_cpu ? widest : kEasySubgroups * profile.subgroup_min_size;
  while (lines > 1 && lines * 2 > neighbours && lines * plan.workers > easy) lines /= 2;
  plan.lines = static_cast<int>(lines);
  plan.takes_turns = !fits(lines, 2);
  return plan;
}

}  // namespace dragoman::kernel
