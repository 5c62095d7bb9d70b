// SPDX-License-Identifier: Apache-2.0
// When values are read last, in schedule positions. A read inside a loop of a value from outside of it counts for the
// loop's end; a read of a view is one of what it is a view of.
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compiler/schedule.h"

namespace dragoman::compiler {

class Lifetimes {
 public:
  explicit Lifetimes(const BlockSchedule& main);

  // The value whose memory this one is: of a view what it is a view of, else the value itself.
  const ir::Value* Origin(const ir::Value* value) const;
  // The position of the last read; -1 if never.
  int LastRead(const ir::Value* value) const;
  const BlockSchedule* DefiningSchedule(const ir::Value* value) const;

 private:
  void Visit(const BlockSchedule& schedule);
  void Read(const ir::Value* value, const BlockSchedule& reader, int position);

  std::unordered_map<const ir::Value*, const BlockSchedule*> definitions_;
  std::unordered_map<const ir::Value*, const ir::Value*> origins_;  // of views
  std::unordered_map<const ir::Value*, int> last_read_;
};

// Every element of the group's results that depends on `value` depends on its element at the same row-major position,
// so that one may be written over the other. Epilogues count: a hero keeps no positions. True also when the group does
// not read it.
bool GroupReadsPointwise(const fusion::Group& group, const ir::Value* value);

}  // namespace dragoman::compiler
