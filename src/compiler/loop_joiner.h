// SPDX-License-Identifier: Apache-2.0
// Loops whose dispatches cost more than what they do become one dispatch that goes round inside: on a CPU's driver,
// where each wakes threads and waits for them.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "compiler/kernel_table.h"
#include "kernel/sequence.h"
#include "program/program.h"
#include "target/profile.h"

namespace dragoman::compiler {

class LoopJoiner {
 public:
  LoopJoiner(const program::Program& program, KernelTable& kernels, const target::DeviceProfile& profile)
      : program_(program), kernels_(kernels), profile_(profile) {}

  // Steps in place of `loop`, a repeat or a while whose kernels are in the table: itself where nothing is won, or where
  // its body holds what no kernel does.
  StatusOr<std::vector<program::Step>> Join(program::Step loop);

 private:
  // A sequence under way.
  struct Parts {
    kernel::Sequence sequence;
    std::vector<uint32_t> slots;                          // by buffer of the sequence
    std::map<std::pair<uint32_t, DType>, int> buffer_of;  // by slot and element type
  };
  std::optional<Parts> Gather(const program::Step& loop) const;
  bool AddSteps(const std::vector<program::Step>& steps, Parts& parts) const;
  void AddPart(kernel::SequencePart part, const std::vector<uint32_t>& slots, Parts& parts) const;
  int BufferOf(uint32_t slot, const kernel::BufferBinding& binding, Parts& parts) const;
  kernel::Kernel CopyKernel(uint64_t size_bytes, bool has_words) const;
  // At most, in one dispatch; below 2 where it is not worth it.
  int64_t RoundsADispatch(const kernel::Sequence& sequence) const;

  const program::Program& program_;
  KernelTable& kernels_;
  const target::DeviceProfile& profile_;
};

}  // namespace dragoman::compiler
