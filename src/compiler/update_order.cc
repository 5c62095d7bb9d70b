// SPDX-License-Identifier: Apache-2.0
#include "compiler/update_order.h"

#include <algorithm>

namespace dragoman::compiler {
namespace {

using fusion::Group;

class UpdateOrder {
 public:
  explicit UpdateOrder(std::vector<Item>& items) : items_(items) {
    Renumber(0, items_.size());
    for (const Item& item : items_) {
      for (const ir::Value* output : item.group->outputs) writers_[output] = item.group;
      for (const ir::Value* input : item.group->inputs) readers_[Origin(input)].push_back(item.group);
      if (item.view_of != nullptr) origins_[item.group->outputs[0]] = Origin(item.view_of);
    }
  }

  void Run() {
    std::vector<const Group*> updates;
    for (const Item& item : items_) {
      if (StartsFromOperands(*item.group)) updates.push_back(item.group);
    }
    for (const Group* update : updates) {
      for (size_t i = 0; i < update->hero->results.size(); ++i) RunReadersBefore(*update, update->hero->operands[i]);
    }
  }

 private:
  const ir::Value* Origin(const ir::Value* value) const {
    const auto found = origins_.find(value);
    return found == origins_.end() ? value : found->second;
  }

  bool StartsFrom(const Group& group, const ir::Value* origin) const {
    if (!StartsFromOperands(group)) return false;
    const auto end = group.hero->operands.begin() + static_cast<std::ptrdiff_t>(group.hero->results.size());
    return std::any_of(group.hero->operands.begin(), end,
                       [&](const ir::Value* operand) { return Origin(operand) == origin; });
  }

  void RunReadersBefore(const Group& update, const ir::Value* operand) {
    const ir::Value* origin = Origin(operand);
    const size_t first = positions_.at(&update);
    size_t last = first;
    for (const Group* reader : readers_[origin]) {
      const size_t position = positions_.at(reader);
      if (position <= first) continue;
      if (StartsFrom(*reader, origin)) return;
      last = std::max(last, position);
    }
    if (last > first) MoveReaders(origin, first, last);
  }

  // Of the items after the one at `first` up to `last`: those that read `origin`, and what these need.
  void MoveReaders(const ir::Value* origin, size_t first, size_t last) {
    std::vector<bool> is_moved(last - first + 1, false);
    for (const Group* reader : readers_[origin]) {
      const size_t position = positions_.at(reader);
      if (position > first) is_moved[position - first] = true;
    }
    for (size_t i = last; i > first; --i) {
      if (!is_moved[i - first]) continue;
      for (const ir::Value* input : items_[i].group->inputs) {
        const auto writer = writers_.find(input);
        if (writer == writers_.end() || positions_.at(writer->second) < first) continue;
        if (positions_.at(writer->second) == first) return;  // computed from the update
        is_moved[positions_.at(writer->second) - first] = true;
      }
    }
    const auto begin = items_.begin() + static_cast<std::ptrdiff_t>(first);
    std::stable_partition(begin, begin + static_cast<std::ptrdiff_t>(is_moved.size()),
                          [&](const Item& item) { return is_moved[positions_.at(item.group) - first]; });
    Renumber(first, last + 1);
  }

  void Renumber(size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) positions_[items_[i].group] = i;
  }

  std::vector<Item>& items_;
  std::unordered_map<const Group*, size_t> positions_;
  std::unordered_map<const ir::Value*, const Group*> writers_;
  std::unordered_map<const ir::Value*, const ir::Value*> origins_;           // of views
  std::unordered_map<const ir::Value*, std::vector<const Group*>> readers_;  // by origin
};

}  // namespace

void RunReadersFirst(BlockSchedule& schedule) { UpdateOrder(schedule.items).Run(); }

}  // namespace dragoman::compiler
