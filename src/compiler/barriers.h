// SPDX-License-Identifier: Apache-2.0
// Decides which steps need a barrier before them: those that read what was written, or write what was read or written,
// since the last one.
#pragma once

#include <cstdint>
#include <vector>

#include "program/program.h"

namespace dragoman::compiler {

struct Access {
  uint32_t slot;
  bool is_write;
};

class BarrierPlanner {
 public:
  explicit BarrierPlanner(const program::Program& program) : program_(program) {}
  // True when a step with these accesses needs a barrier first. Remembers them.
  bool Step(const std::vector<Access>& accesses);
  // The next step needs a barrier whatever it does (loop heads, branches).
  void Force() { forced_ = true; }

 private:
  struct Range {
    program::SlotKind kind;
    uint32_t index;
    uint64_t begin;
    uint64_t end;
    bool is_write;
  };
  Range RangeOf(const Access& access) const;

  const program::Program& program_;
  std::vector<Range> pending_;
  bool forced_ = false;
};

}  // namespace dragoman::compiler
