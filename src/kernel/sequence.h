// SPDX-License-Identifier: Apache-2.0
// Dispatches in turn as one kernel of one workgroup, round after round. Where a dispatch costs more than what it does,
// a loop of small ones belongs inside one.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernel/kernel_ir.h"
#include "target/profile.h"

namespace dragoman::kernel {

// One of the dispatches. Its values do not change by the join: each invocation computes what it would have.
struct SequencePart {
  Kernel kernel;
  std::vector<int> buffers;      // of the sequence, one a Kernel::buffers
  std::vector<uint32_t> params;  // become constants
  int64_t workgroups = 0;
  bool barrier_before = false;  // it depends on the part before; the first one of a round has to
};

struct Sequence {
  std::vector<BufferBinding> buffers;
  std::vector<SequencePart> parts;
  int predicate = -1;  // a buffer of one i1: no further round once it is false. -1: none
};

// What a round costs: instructions of all invocations.
double SequenceWork(const Sequence& sequence);
// Its code, of all parts.
int64_t SequenceInstructions(const Sequence& sequence);
// Whether every part can run in one workgroup with the others: none uses matrices or segments, those that share memory
// or wait for each other have workgroups of one size, those that use subgroups are made of whole ones of one size that
// is known, and the device's shared memory suffices.
bool CanJoin(const Sequence& sequence, const target::DeviceProfile& profile);
// A kernel whose only parameter is the number of rounds, from 1 to `most_rounds`. Its buffers are those of the
// sequence.
Kernel JoinSequence(const Sequence& sequence, int64_t most_rounds, const target::DeviceProfile& profile);

// A part of which workgroup i of n runs the i-th n-th: of its workgroups, or of its invocations, which then need no
// other. `shares` is how many of these there are, a multiple of n.
struct SharedPart {
  SequencePart part;
  int64_t shares = 0;
  bool by_invocations = false;
};
// The parts in turn in each of so many workgroups, which do not wait for each other.
bool CanJoinShares(const std::vector<SharedPart>& parts, const target::DeviceProfile& profile);
Kernel JoinShares(std::vector<BufferBinding> buffers, const std::vector<SharedPart>& parts, int64_t workgroups,
                  const target::DeviceProfile& profile);

}  // namespace dragoman::kernel
