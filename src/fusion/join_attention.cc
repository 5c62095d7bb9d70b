// SPDX-License-Identifier: Apache-2.0
// Finds groups that pass scores on to each other, and makes groups of them that compute scores again wherever they need
// some: what is written in between has one value a row.
#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "base/format.h"
#include "fusion/access.h"
#include "fusion/attention.h"
#include "fusion/score_product.h"
#include "ir/access.h"
#include "target/matrix_units.h"

namespace dragoman::fusion {
namespace {

// Of rows and columns. Where they are shorter the scores of a training step take less time to write and read than to
// compute again: on NVIDIA H200 steps with 256 and 196 columns took 3 to 5 % longer so, those with 1024 and more less.
constexpr int64_t kLeastExtent = 512;
constexpr int64_t kLeastScores = 1 << 20;  // fewer stay in caches anyway

using Indices = std::vector<size_t>;  // of groups in a plan

// Who writes and who reads what lies in memory.
struct Traffic {
  explicit Traffic(const Plan& plan) {
    for (size_t i = 0; i < plan.groups.size(); ++i) {
      for (const ir::Value* output : plan.groups[i].outputs) writer[output] = i;
      for (const ir::Value* input : plan.groups[i].inputs) readers[input].push_back(i);
    }
  }
  std::unordered_map<const ir::Value*, size_t> writer;
  std::unordered_map<const ir::Value*, Indices> readers;
};

struct Taker {
  size_t group;
  ScoreProduct product;
};

// The groups around the scores of one attention.
struct Component {
  ScoreSpace space;
  Indices into;
  Indices rows;
  std::vector<Taker> takers;
  std::unordered_set<const ir::Value*> scores;  // that one of them writes
  RowShape shape() const { return {space.num_rows(), space.columns}; }
};

bool Contains(const auto& list, const auto& item) { return std::find(list.begin(), list.end(), item) != list.end(); }

// A sum or maximum of f32 along the columns.
bool IsPlainReduce(const ir::Op& op, const RowShape& shape) {
  if (op.results.size() != 1 || op.type().dtype != DType::kF32 || !(RowShapeOfReduce(op) == shape)) return false;
  const ir::Block& block = *op.regions[0];
  if (block.ops.size() != 2) return false;
  const ir::Op& combine = *block.ops[0];
  const bool is_known = combine.code == ir::OpCode::kAdd || combine.code == ir::OpCode::kMaximum;
  return is_known && Contains(combine.operands, block.arguments[0].get()) &&
         Contains(combine.operands, block.arguments[1].get());
}

class ComponentFinder {
 public:
  ComponentFinder(const Plan& plan, const Traffic& traffic, const std::unordered_set<const ir::Value*>& results)
      : plan_(plan), traffic_(traffic), results_(results) {}

  // Nothing where some group reads scores in a way that needs them in memory.
  std::optional<Component> Find(size_t row_group) {
    const Group& group = plan_.groups[row_group];
    for (const ir::Value* input : group.inputs) {
      const ir::Op* dot = input->op;
      if (dot != nullptr && dot->code == ir::OpCode::kDotGeneral && ProductIntoScores(*dot).has_value()) {
        component_.space = SpaceOf(*dot);
        if (MakesScores(input)) break;
      }
      component_.space = {};
    }
    const ScoreSpace& space = component_.space;
    if (std::min(space.rows, space.columns) < kLeastExtent || space.num_elements() < kLeastScores) return std::nullopt;
    if (!AddRows(row_group) || component_.into.empty() || component_.takers.empty()) return std::nullopt;
    return component_;
  }

 private:
  bool IsFull(const ir::Value* value) const { return value->type.num_elements() == component_.space.num_elements(); }

  // Written by a product into this space, whatever follows the product element by element.
  bool MakesScores(const ir::Value* value) const {
    const auto writer = traffic_.writer.find(value);
    if (writer == traffic_.writer.end() || !IsFull(value)) return false;
    const Group& group = plan_.groups[writer->second];
    if (group.kind != GroupKind::kDot) return false;
    const std::optional<ScoreProduct> product = ProductIntoScores(*group.hero);
    return product.has_value() && SpaceOf(*group.hero) == component_.space && LoadsPairs(group, *group.hero, 0) &&
           LoadsPairs(group, *group.hero, 1);
  }

  bool AddScores(const ir::Value* value) {
    if (!component_.scores.insert(value).second) return true;
    if (results_.contains(value) || !IsFull(value)) return false;
    const size_t writer = traffic_.writer.at(value);
    if (plan_.groups[writer].kind == GroupKind::kDot && !Contains(component_.into, writer)) {
      component_.into.push_back(writer);
      for (const ir::Value* output : plan_.groups[writer].outputs) {
        if (!AddScores(output)) return false;
      }
    }
    if (plan_.groups[writer].kind == GroupKind::kRow && !AddRows(writer)) return false;
    const auto readers = traffic_.readers.find(value);
    if (readers == traffic_.readers.end()) return true;
    return std::all_of(readers->second.begin(), readers->second.end(), [&](size_t reader) {
      return plan_.groups[reader].kind == GroupKind::kRow ? AddRows(reader) : AddTaker(reader, value);
    });
  }

  bool AddRows(size_t index) {
    if (Contains(component_.rows, index)) return true;
    component_.rows.push_back(index);
    const Group& group = plan_.groups[index];
    for (const ir::Value* input : group.inputs) {
      if (MakesScores(input) && !AddScores(input)) return false;
    }
    for (const ir::Value* output : group.outputs) {
      const bool is_row = output->type.num_elements() == component_.space.num_rows();
      if (!is_row && !AddScores(output)) return false;
    }
    return KeepsRows(group);
  }

  // Everything computed from scores stays at its place, or in its row.
  bool KeepsRows(const Group& group) const {
    std::unordered_set<const ir::Value*> dependent;
    for (const ir::Value* input : group.inputs) {
      if (component_.scores.contains(input)) dependent.insert(input);
    }
    const RowShape shape = component_.shape();
    for (const ir::Op* op : group.members) {
      if (op->code == ir::OpCode::kReduce && !IsPlainReduce(*op, shape)) return false;
      for (const ir::Value* operand : op->operands) {
        if (!dependent.contains(operand)) continue;
        const bool keeps =
            op->code == ir::OpCode::kReduce || ir::KeepsLinearIndex(*op, operand) || IsRowBroadcast(*op, shape);
        if (!keeps) return false;
        for (const auto& result : op->results) dependent.insert(result.get());
      }
    }
    return true;
  }

  // A product one of whose operands is `value`, converted and reshaped at most.
  bool AddTaker(size_t index, const ir::Value* value) {
    const Group& group = plan_.groups[index];
    if (group.kind != GroupKind::kDot) return false;
    std::unordered_set<const ir::Value*> dependent = {value};
    int operand = -1;
    for (const ir::Op* op : group.members) {
      const auto reads = std::count_if(op->operands.begin(), op->operands.end(),
                                       [&](const ir::Value* each) { return dependent.contains(each); });
      if (reads == 0) continue;
      if (op == group.hero && reads == 1) {
        operand = dependent.contains(op->operands[0]) ? 0 : 1;
        continue;
      }
      if (op->operands.size() != 1 || !ir::KeepsLinearIndex(*op, op->operands[0])) return false;
      dependent.insert(op->result());
    }
    const bool was_taken = std::any_of(component_.takers.begin(), component_.takers.end(),
                                       [&](const Taker& taker) { return taker.group == index; });
    if (operand < 0 || was_taken || !LoadsPairs(group, *group.hero, 1 - operand)) return false;
    const auto product = ProductOutOfScores(*group.hero, operand, component_.space);
    if (product.has_value()) component_.takers.push_back({index, *product});
    return product.has_value();
  }

  const Plan& plan_;
  const Traffic& traffic_;
  const std::unordered_set<const ir::Value*>& results_;
  Component component_;
};

// A group in the making: what its outputs take, with scores computed again from the products that make them.
class Closure {
 public:
  Closure(const Plan& plan, const Traffic& traffic, const Component& component)
      : plan_(plan), traffic_(traffic), component_(component) {}

  void OwnReduces(const Group& group) {
    for (const ir::Op* op : group.members) {
      if (op->code == ir::OpCode::kReduce) own_.insert(op);
    }
  }

  // What computes `root` as a member of `from`.
  void Add(const Group& from, ir::Value* root) {
    std::vector<std::pair<const Group*, ir::Value*>> pending = {{&from, root}};
    while (!pending.empty()) {
      auto [group, value] = pending.back();
      pending.pop_back();
      if (Contains(group->inputs, value)) {
        if (!component_.scores.contains(value)) {
          reads_.push_back(value);
          continue;
        }
        group = &plan_.groups[traffic_.writer.at(value)];
      }
      ir::Op* op = value->op;
      const bool is_stored = op == nullptr || (op->code == ir::OpCode::kReduce && !own_.contains(op));
      if (is_stored) reads_.push_back(value);
      if (is_stored || !members_.insert(op).second) continue;
      for (ir::Value* operand : op->operands) pending.emplace_back(group, operand);
    }
  }

  Group Finish(const std::unordered_map<const ir::Op*, int>& positions) const {
    Group group;
    group.kind = GroupKind::kAttention;
    group.members.assign(members_.begin(), members_.end());
    std::sort(group.members.begin(), group.members.end(),
              [&](const ir::Op* a, const ir::Op* b) { return positions.at(a) < positions.at(b); });
    for (ir::Value* value : reads_) {
      const bool is_computed = value->op != nullptr && members_.contains(value->op);
      if (!is_computed && !Contains(group.inputs, value)) group.inputs.push_back(value);
    }
    return group;
  }

 private:
  const Plan& plan_;
  const Traffic& traffic_;
  const Component& component_;
  std::unordered_set<const ir::Op*> own_;
  std::unordered_set<ir::Op*> members_;
  std::vector<ir::Value*> reads_;
};

class Joiner {
 public:
  Joiner(Plan& plan, const ir::Block& block, const target::CompileContext& context)
      : plan_(plan), profile_(context.profile) {
    const auto& operands = block.terminator()->operands;
    results_.insert(operands.begin(), operands.end());
    for (size_t i = 0; i < block.ops.size(); ++i) positions_[block.ops[i].get()] = static_cast<int>(i);
  }

  void Run() {
    size_t i = 0;
    while (i < plan_.groups.size()) {
      const Group& group = plan_.groups[i];
      const bool is_new = group.kind == GroupKind::kRow && tried_.insert(group.members.back()).second;
      i = is_new && Join(i) ? 0 : i + 1;
    }
  }

 private:
  struct Placed {
    size_t position;
    Group group;
  };

  bool Join(size_t row_group) {
    if (!traffic_.has_value()) traffic_.emplace(plan_);
    const Traffic& traffic = *traffic_;
    const std::optional<Component> component = ComponentFinder(plan_, traffic, results_).Find(row_group);
    if (!component.has_value()) return false;
    std::vector<Placed> made = RowGroups(*component, traffic);
    AddColumnGroup(*component, traffic, made);
    AddReadReduces(made);
    std::erase_if(made, [](const Placed& placed) { return placed.group.outputs.empty(); });
    const bool fit = std::all_of(made.begin(), made.end(), [&](const Placed& placed) {
      const StatusOr<Attention> attention = FindAttention(placed.group);
      return attention.ok() && ChooseAttentionTile(*attention, profile_).has_value();
    });
    return fit && Replace(*component, std::move(made));
  }

  // Each group of rows with the products that it makes factors for; other such products become groups by themselves.
  std::vector<Placed> RowGroups(const Component& component, const Traffic& traffic) {
    std::vector<Placed> made;
    std::unordered_set<size_t> done;
    for (const size_t index : component.rows) {
      const Group& rows = plan_.groups[index];
      Closure closure(plan_, traffic, component);
      closure.OwnReduces(rows);
      std::vector<ir::Value*> outputs;
      ir::Op* hero = nullptr;
      for (ir::Value* output : rows.outputs) {
        if (component.scores.contains(output)) continue;
        closure.Add(rows, output);
        outputs.push_back(output);
      }
      for (const ir::Op* op : rows.members) {
        if (op->code == ir::OpCode::kReduce) closure.Add(rows, op->result());
      }
      for (const Taker& taker : component.takers) {
        if (taker.product.sums_rows || hero != nullptr || !IsFactorOf(rows, taker)) continue;
        Take(closure, taker, outputs);
        hero = plan_.groups[taker.group].hero;
        done.insert(taker.group);
      }
      Group group = closure.Finish(positions_);
      group.hero = hero;
      group.outputs = outputs;
      made.push_back({index, std::move(group)});
    }
    for (const Taker& taker : component.takers) {
      if (!taker.product.sums_rows && !done.contains(taker.group)) made.push_back(Alone(component, traffic, {taker}));
    }
    return made;
  }

  bool IsFactorOf(const Group& rows, const Taker& taker) const {
    return std::any_of(rows.outputs.begin(), rows.outputs.end(),
                       [&](const ir::Value* output) { return Contains(plan_.groups[taker.group].inputs, output); });
  }

  void Take(Closure& closure, const Taker& taker, std::vector<ir::Value*>& outputs) const {
    const Group& group = plan_.groups[taker.group];
    for (ir::Value* output : group.outputs) {
      closure.Add(group, output);
      outputs.push_back(output);
    }
  }

  Placed Alone(const Component& component, const Traffic& traffic, const std::vector<Taker>& takers) const {
    Closure closure(plan_, traffic, component);
    std::vector<ir::Value*> outputs;
    for (const Taker& taker : takers) Take(closure, taker, outputs);
    Group group = closure.Finish(positions_);
    group.hero = plan_.groups[takers[0].group].hero;
    group.outputs = outputs;
    return {takers[0].group, std::move(group)};
  }

  // Products that sum over rows walk over them together.
  void AddColumnGroup(const Component& component, const Traffic& traffic, std::vector<Placed>& made) const {
    std::vector<Taker> takers;
    for (const Taker& taker : component.takers) {
      if (taker.product.sums_rows) takers.push_back(taker);
    }
    if (!takers.empty()) made.push_back(Alone(component, traffic, takers));
  }

  // Reduces that another group reads are written.
  static void AddReadReduces(std::vector<Placed>& made) {
    for (Placed& writer : made) {
      for (const ir::Op* op : writer.group.members) {
        if (op->code != ir::OpCode::kReduce || Contains(writer.group.outputs, op->result())) continue;
        const bool is_read = std::any_of(made.begin(), made.end(), [&](const Placed& reader) {
          return Contains(reader.group.inputs, op->result());
        });
        if (is_read) writer.group.outputs.push_back(op->result());
      }
    }
  }

  bool Replace(const Component& component, std::vector<Placed> made) {
    std::unordered_set<size_t> gone(component.into.begin(), component.into.end());
    gone.insert(component.rows.begin(), component.rows.end());
    for (const Taker& taker : component.takers) gone.insert(taker.group);
    for (size_t i = 0; i < plan_.groups.size(); ++i) {
      if (!gone.contains(i)) made.push_back({i, plan_.groups[i]});
    }
    std::stable_sort(made.begin(), made.end(),
                     [](const Placed& a, const Placed& b) { return a.position < b.position; });
    Plan plan;
    if (!Order(std::move(made), plan)) return false;
    for (Group& group : plan.groups) {
      if (group.kind != GroupKind::kAttention || !group.reasons.empty()) continue;
      const ScoreSpace& space = component.space;
      group.reasons.push_back(Format("attention: {} x {} x {} scores stay in the workgroups that need them",
                                     space.batch, space.rows, space.columns));
    }
    plan_ = std::move(plan);
    traffic_.reset();
    return true;
  }

  // As they stand, but for groups that wait for what they read. False where they wait for each other.
  static bool Order(std::vector<Placed> groups, Plan& plan) {
    std::unordered_map<const ir::Value*, size_t> writer;
    for (size_t i = 0; i < groups.size(); ++i) {
      for (const ir::Value* output : groups[i].group.outputs) writer[output] = i;
    }
    std::vector<bool> is_placed(groups.size(), false);
    std::vector<size_t> open;  // groups that wait for the next one
    const auto missing = [&](size_t i) -> std::optional<size_t> {
      for (const ir::Value* input : groups[i].group.inputs) {
        const auto found = writer.find(input);
        if (found != writer.end() && !is_placed[found->second]) return found->second;
      }
      return std::nullopt;
    };
    std::vector<Group> ordered;
    for (size_t i = 0; i < groups.size(); ++i) {
      if (!is_placed[i]) open.push_back(i);
      while (!open.empty()) {
        if (open.size() > groups.size()) return false;
        const size_t next = open.back();
        if (const std::optional<size_t> first = missing(next)) {
          open.push_back(*first);
          continue;
        }
        open.pop_back();
        if (!is_placed[next]) ordered.push_back(std::move(groups[next].group));
        is_placed[next] = true;
      }
    }
    plan.groups = std::move(ordered);
    return true;
  }

  Plan& plan_;
  std::optional<Traffic> traffic_;  // of the plan as it is
  const target::DeviceProfile& profile_;
  std::unordered_set<const ir::Value*> results_;
  std::unordered_map<const ir::Op*, int> positions_;
  std::unordered_set<const ir::Op*> tried_;
};

}  // namespace

void JoinAttention(Plan& plan, const ir::Block& block, const target::CompileContext& context) {
  const auto has_units = [&](DType input) { return target::HasMatrixUnits(context.profile, input, DType::kF32); };
  if (!has_units(DType::kF16) && !has_units(DType::kBF16)) return;
  Joiner(plan, block, context).Run();
}

}  // namespace dragoman::fusion
