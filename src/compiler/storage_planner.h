// SPDX-License-Identifier: Apache-2.0
// The working state of PlanStorage; storage.cc has the flow, storage_control.cc loops and branches.
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compiler/lifetimes.h"
#include "compiler/storage.h"

namespace dragoman::compiler {

class StoragePlanner {
 public:
  StoragePlanner(const ir::Function& main, const BlockSchedule& schedule, uint64_t section_bytes)
      : main_(main), schedule_(schedule), section_bytes_(section_bytes), lifetimes_(schedule) {}
  StatusOr<StoragePlan> Run() &&;

 private:
  void PlanParametersAndOutputs();
  void CopyLeftoverOutputs();
  Status PlanBlock(const BlockSchedule& schedule);
  void PropagateWishes(const BlockSchedule& schedule);
  Status PlanItem(const Item& item, const BlockSchedule& schedule);
  // Results that start as a copy of the operand with their number: in-place updates and carried values.
  void PlanFromOperands(const Item& item);
  Status PlanWhile(const Item& item);
  Status PlanLoopBody(const Item& item, const BlockSchedule& body);
  Status PlanCondition(const Item& item, const BlockSchedule& condition);
  Status PlanCase(const Item& item);
  void PlanDonation();
  bool MayStartIn(StorageId storage, const ir::Value* argument) const;
  void StartIn(StorageId output, const ir::Value* argument);
  bool MayShareWithParameter(StorageId output, int parameter) const;

  StorageId NewStorage(program::SlotKind kind, uint32_t index, uint64_t size_bytes);
  StorageId NewTemporary(const TensorType& type) { return NewStorage(program::SlotKind::kArena, 0, type.size_bytes()); }
  // Where a value lives; memory constants get their storage here.
  StorageId StorageOf(const ir::Value* value);
  void Assign(const ir::Value* value, StorageId storage, int position);
  // From here on `storage` holds `value` until that is read for the last time.
  void Hold(const ir::Value* value, StorageId storage) { held_[storage].push_back(value); }
  void Touch(StorageId storage, int position);
  // The storage wished for `value` if it may be written by `item` now; -1 otherwise.
  StorageId AllowedWish(const ir::Value* value, const Item& item) const;
  bool ReadsPointwise(const fusion::Group& group, const ir::Value* value) const;
  // `operand` number i of `item` dies there and its memory may be written on.
  bool CanTakeOver(const ir::Value* operand, const Item& item) const;
  bool DiesIn(const Item& item, const ir::Value* operand) const;
  bool IsWishable(const ir::Value* value, const BlockSchedule& schedule) const;
  StorageId ChooseFor(const ir::Value* result, const ir::Value* operand, const Item& item);

  const ir::Function& main_;
  const BlockSchedule& schedule_;
  const uint64_t section_bytes_;
  const Lifetimes lifetimes_;
  StoragePlan plan_;
  std::unordered_map<const ir::Value*, StorageId> wishes_;
  std::unordered_map<StorageId, std::vector<const ir::Value*>> held_;
  std::unordered_set<StorageId> carried_;  // of the loops around
  std::vector<StorageId> outputs_;
};

}  // namespace dragoman::compiler
