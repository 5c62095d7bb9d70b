// SPDX-License-Identifier: Apache-2.0
#include "compiler/loop_joiner.h"

#include <algorithm>

#include "base/arithmetic.h"
#include "base/format.h"
#include "kernel/builder.h"
#include "kernel/loop_bound.h"

namespace dragoman::compiler {
namespace {

using program::Step;
using program::StepKind;

// A dispatch costs lavapipe some 25 microseconds, in which one thread does so many instructions of invocations; other
// threads idle while one goes round, so a round may be no dearer than what it saves.
constexpr double kWorkADispatch = 50'000;
// Of a whole dispatch: some tenths of a second, for the host wants to look in.
constexpr double kMaxWork = 1e9;
constexpr int64_t kMaxRounds = 1 << 16;
constexpr size_t kMaxParts = 64;
constexpr int64_t kMaxInstructions = 8192;  // a driver compiles a kernel as a whole
constexpr int kCopyWorkgroup = 64;

// A dispatch that does what the loop's body does.
Step OneRound(const Step& loop) {
  Step round;
  round.barrier_before = true;
  round.workgroups = 1;
  round.place = loop.place;
  for (const std::vector<Step>& body : loop.bodies) {
    for (const Step& step : body) {
      round.flops += step.flops;
      round.bytes += step.bytes;
    }
  }
  return round;
}

}  // namespace

StatusOr<std::vector<Step>> LoopJoiner::Join(Step loop) {
  const std::optional<Parts> parts = Gather(loop);
  if (!parts.has_value()) return std::vector<Step>{std::move(loop)};
  int64_t most_rounds = RoundsADispatch(parts->sequence);
  if (loop.kind == StepKind::kRepeat) most_rounds = std::min(most_rounds, static_cast<int64_t>(loop.count));
  if (most_rounds < 2) return std::vector<Step>{std::move(loop)};

  Step joined = OneRound(loop);
  joined.buffers = parts->slots;
  const auto with_rounds = [&](uint64_t rounds) {
    Step step = joined;
    step.params = {static_cast<uint32_t>(rounds)};
    step.flops *= static_cast<double>(rounds);
    step.bytes *= static_cast<double>(rounds);
    step.label = Format("{} rounds of {} dispatches", rounds, parts->sequence.parts.size());
    return step;
  };
  const kernel::Kernel kernel = kernel::JoinSequence(parts->sequence, most_rounds, profile_);
  if (!kernel::FitsLoopLimit(kernel, profile_)) return std::vector<Step>{std::move(loop)};
  ASSIGN_OR_RETURN(joined.kernel, kernels_.Get(kernel));
  const auto most = static_cast<uint64_t>(most_rounds);
  if (loop.kind == StepKind::kWhile) {
    loop.bodies[1] = {with_rounds(most)};
    loop.count = most;
    return std::vector<Step>{std::move(loop)};
  }
  std::vector<Step> steps;
  const uint64_t rest = loop.count % most;
  loop.count /= most;
  loop.bodies[0] = {with_rounds(most)};
  if (loop.count == 1) {
    steps = std::move(loop.bodies[0]);
  } else {
    steps.push_back(std::move(loop));
  }
  if (rest != 0) steps.push_back(with_rounds(rest));
  return steps;
}

std::optional<LoopJoiner::Parts> LoopJoiner::Gather(const Step& loop) const {
  if (profile_.type != target::DeviceType::kCpu) return std::nullopt;
  Parts parts;
  if (!AddSteps(loop.bodies.back(), parts)) return std::nullopt;
  if (loop.kind == StepKind::kWhile) {
    if (!AddSteps(loop.bodies[0], parts)) return std::nullopt;
    parts.sequence.predicate = BufferOf(loop.slot_a, {.memory = DType::kPred, .is_read = true}, parts);
  }
  const auto num_parts = static_cast<double>(parts.sequence.parts.size());
  const bool is_cheap = kernel::SequenceWork(parts.sequence) <= kWorkADispatch * num_parts;
  const bool is_small = kernel::SequenceInstructions(parts.sequence) <= kMaxInstructions;
  if (num_parts < 1 || !is_cheap || !is_small || !kernel::CanJoin(parts.sequence, profile_)) return std::nullopt;
  return parts;
}

bool LoopJoiner::AddSteps(const std::vector<Step>& steps, Parts& parts) const {
  for (const Step& step : steps) {
    if (parts.sequence.parts.size() == kMaxParts) return false;
    if (step.kind == StepKind::kCopy) {
      const auto has_words = [&](uint32_t slot) {
        return program_.slots[slot].offset_bytes % 4 == 0 && program_.slots[slot].size_bytes % 4 == 0;
      };
      const uint64_t size_bytes = program_.slots[step.slot_b].size_bytes;
      const bool is_in_words = has_words(step.slot_a) && has_words(step.slot_b);
      const auto count = static_cast<int64_t>(is_in_words ? size_bytes / 4 : size_bytes);
      AddPart({.kernel = CopyKernel(size_bytes, is_in_words),
               .workgroups = CeilDiv(count, int64_t{kCopyWorkgroup}),
               .barrier_before = step.barrier_before},
              {step.slot_a, step.slot_b}, parts);
      continue;
    }
    if (step.kind != StepKind::kDispatch || step.num_segments != 1) return false;
    AddPart({.kernel = kernels_.Source(step.kernel),
             .params = step.params,
             .workgroups = step.workgroups,
             .barrier_before = step.barrier_before},
            step.buffers, parts);
  }
  return true;
}

void LoopJoiner::AddPart(kernel::SequencePart part, const std::vector<uint32_t>& slots, Parts& parts) const {
  for (size_t i = 0; i < slots.size(); ++i) {
    part.buffers.push_back(BufferOf(slots[i], part.kernel.buffers[i], parts));
  }
  parts.sequence.parts.push_back(std::move(part));
}

int LoopJoiner::BufferOf(uint32_t slot, const kernel::BufferBinding& binding, Parts& parts) const {
  const auto [entry, is_new] = parts.buffer_of.emplace(std::pair(slot, binding.memory), parts.slots.size());
  if (is_new) {
    parts.slots.push_back(slot);
    parts.sequence.buffers.push_back(binding);
  }
  return entry->second;
}

kernel::Kernel LoopJoiner::CopyKernel(uint64_t size_bytes, bool has_words) const {
  kernel::Builder b(profile_);
  const DType memory = has_words ? DType::kU32 : DType::kU8;
  const int source = b.AddBuffer({.memory = memory, .is_read = true});
  const int target = b.AddBuffer({.memory = memory, .is_written = true});
  const kernel::V i = b.GlobalIndex(kCopyWorkgroup);
  const auto count = static_cast<int64_t>(has_words ? size_bytes / 4 : size_bytes);
  b.If(b.ULt(i, b.I32(count)), [&] { b.Store(target, i, b.Load(source, i)); });
  return std::move(b).Finish(kCopyWorkgroup);
}

int64_t LoopJoiner::RoundsADispatch(const kernel::Sequence& sequence) const {
  const double work = std::max(kernel::SequenceWork(sequence), 1.0);
  const auto rounds = static_cast<int64_t>(std::clamp(kMaxWork / work, 1.0, static_cast<double>(kMaxRounds)));
  const int64_t limit = profile_.max_loop_iterations;
  if (limit == 0) return rounds;
  // A kernel of n rounds takes no more than n times what one of a single round takes.
  const int64_t iterations = kernel::LoopIterations(kernel::JoinSequence(sequence, 1, profile_));
  return std::min(rounds, (limit - 64) / std::max<int64_t>(iterations, 1));
}

}  // namespace dragoman::compiler
