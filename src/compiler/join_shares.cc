// SPDX-License-Identifier: Apache-2.0
#include "compiler/join_shares.h"

#include <algorithm>
#include <numeric>

#include "fusion/update.h"
#include "kernel/sequence.h"

namespace dragoman::compiler {
namespace {

using kernel::Pieces;

// Workgroups that one of the joined dispatch stands for: more would run one after the other for too long.
constexpr int64_t kMostInTurn = 4;
constexpr int64_t kMostInvocations = 1024;
constexpr size_t kMostParts = 8;

class ShareJoiner {
 public:
  ShareJoiner(BlockSchedule& schedule, const target::DeviceProfile& profile)
      : items_(schedule.items), profile_(profile) {
    for (const Item& item : items_) {
      if (item.view_of != nullptr) origins_[item.group->outputs[0]] = Origin(item.view_of);
    }
  }

  void Run() {
    int id = 0;
    for (size_t i = 0; i < items_.size();) {
      const size_t end = Grow(i);
      if (conflicts_.empty() || !CanJoin()) {
        ++i;
        continue;
      }
      for (size_t j = i; j < end; ++j) items_[j].join = {id, workgroups_};
      i = end;
      ++id;
    }
  }

 private:
  const ir::Value* Origin(const ir::Value* value) const {
    const auto found = origins_.find(value);
    return found == origins_.end() ? value : found->second;
  }

  // The end of the longest run of items from `first` on that may be one dispatch. Views have no dispatch.
  size_t Grow(size_t first) {
    run_.clear();
    conflicts_.clear();
    size_t end = first;
    for (size_t i = first; i < items_.size() && run_.size() < kMostParts; ++i) {
      if (items_[i].view_of != nullptr) continue;
      if (!Add(items_[i])) break;
      end = i + 1;
    }
    return end;
  }

  bool Add(const Item& item) {
    const auto& launches = item.lowered.launches;
    if (launches.size() != 1 || launches[0].division.shares == 0 || item.batch >= 0) return false;
    if (!item.lowered.temporaries.empty()) return false;
    const size_t num_conflicts = conflicts_.size();
    for (const Item* earlier : run_) {
      if (Overwrites(item, *earlier) || Overwrites(*earlier, item)) return false;
      AddConflicts(earlier->lowered.launches[0], launches[0]);
    }
    run_.push_back(&item);
    if (Agree()) return true;
    run_.pop_back();
    conflicts_.resize(num_conflicts);
    (void)Agree();
    return false;
  }

  // The update starts in memory that the other item knows.
  bool Overwrites(const Item& update, const Item& other) const {
    if (!StartsFromOperands(*update.group)) return false;
    const ir::Op& hero = *update.group->hero;
    for (size_t i = 0; i < hero.results.size(); ++i) {
      for (const kernel::Argument& argument : other.lowered.launches[0].arguments) {
        if (Origin(argument.value) == Origin(hero.operands[i])) return true;
      }
    }
    return false;
  }

  // Pieces of what both know and one of them writes.
  void AddConflicts(const Launch& a, const Launch& b) {
    for (size_t i = 0; i < a.arguments.size(); ++i) {
      for (size_t j = 0; j < b.arguments.size(); ++j) {
        const bool is_written = a.kernel->buffers[i].is_written || b.kernel->buffers[j].is_written;
        if (!is_written || Origin(a.arguments[i].value) != Origin(b.arguments[j].value)) continue;
        conflicts_.emplace_back(a.division.pieces[i], b.division.pieces[j]);
      }
    }
  }

  // As many workgroups as all can be cut into, and each is of use.
  bool Agree() {
    int64_t count = 0;
    for (const Item* item : run_) count = std::gcd(count, item->lowered.launches[0].division.shares);
    for (const auto& [a, b] : conflicts_) count = std::gcd(count, std::gcd(a.count(), b.count()));
    workgroups_ = count;
    if (count * 2 < profile_.compute_units) return false;
    const bool is_short = std::all_of(run_.begin(), run_.end(), [&](const Item* item) {
      const kernel::Division& division = item->lowered.launches[0].division;
      return division.shares / count <= (division.by_invocations ? kMostInvocations : kMostInTurn);
    });
    return is_short && std::all_of(conflicts_.begin(), conflicts_.end(), [&](const auto& conflict) {
             const auto a = Coarsened(conflict.first, count), b = Coarsened(conflict.second, count);
             return a.has_value() && a == b;
           });
  }

  bool CanJoin() const {
    std::vector<kernel::SharedPart> parts;
    for (const Item* item : run_) {
      const Launch& launch = item->lowered.launches[0];
      parts.push_back({{.kernel = *launch.kernel, .workgroups = launch.workgroups},
                       launch.division.shares,
                       launch.division.by_invocations});
    }
    return kernel::CanJoinShares(parts, profile_);
  }

  std::vector<Item>& items_;
  const target::DeviceProfile& profile_;
  std::unordered_map<const ir::Value*, const ir::Value*> origins_;  // of views
  std::vector<const Item*> run_;
  std::vector<std::pair<Pieces, Pieces>> conflicts_;
  int64_t workgroups_ = 0;
};

}  // namespace

void JoinShares(BlockSchedule& schedule, const target::DeviceProfile& profile) {
  if (profile.type == target::DeviceType::kCpu || profile.max_loop_iterations != 0) return;
  ShareJoiner(schedule, profile).Run();
}

}  // namespace dragoman::compiler
