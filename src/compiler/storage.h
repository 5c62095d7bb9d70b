// SPDX-License-Identifier: Apache-2.0
// Where every tensor lives. A storage is a stretch of memory that one or several values take one after the other: the
// carried values of a loop, an in-place update and its operand, an output and what is written there.
// Decided here: what shares a storage, which copies remain, which outputs may take a donated parameter's memory, and
// the offsets of temporaries in the arena (first fit over lifetimes).
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "compiler/schedule.h"
#include "ir/ir.h"
#include "program/program.h"

namespace dragoman::compiler {

using StorageId = int;

struct Storage {
  program::SlotKind kind = program::SlotKind::kArena;
  uint32_t index = 0;
  uint64_t size_bytes = 0;
  uint64_t offset_bytes = 0;  // in the arena
  int first = -1;             // positions, both included; -1: never written
  int last = -1;
};

// A copy of a whole value that could not be planned away.
struct CopyPlan {
  StorageId from;
  StorageId to;
};

// Copies by place: before an item, or at the end of a block.
struct StoragePlan {
  std::vector<Storage> storages;
  std::unordered_map<const ir::Value*, StorageId> of_value;
  std::unordered_map<const Item*, std::vector<StorageId>> temporaries;  // one a LoweredGroup::temporaries
  std::unordered_map<const Item*, std::vector<CopyPlan>> before_item;
  std::unordered_map<const BlockSchedule*, std::vector<CopyPlan>> at_end;
  std::unordered_map<const BlockSchedule*, StorageId> predicates;  // of while conditions
  std::vector<int> aliased_parameters;                             // per output, -1 for none
  std::vector<bool> starts_as_parameter;                           // per output: it is where that parameter lives
  std::vector<int> forwarded_parameters;                           // per output, -1 for none
  std::vector<ir::Literal> constants;
  uint64_t arena_bytes = 0;
};

// `section_bytes` as PlaceInArena has it.
StatusOr<StoragePlan> PlanStorage(const ir::Function& main, const BlockSchedule& schedule, uint64_t section_bytes);

// Offsets for storages of kind kArena so that those whose lifetimes meet do not overlap. Returns the arena's size.
// No storage of at most `section_bytes`, a multiple of 256, lies across a multiple of it: where one allocation is no
// larger than that, the runtime makes the arena of several.
uint64_t PlaceInArena(std::vector<Storage>& storages, uint64_t section_bytes);

}  // namespace dragoman::compiler
