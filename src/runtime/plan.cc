// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <unordered_map>

#include "base/format.h"
#include "runtime/builtin_kernels.h"

namespace dragoman::runtime {
namespace {

using program::Program;
using program::Step;
using program::StepKind;

constexpr uint32_t kMaxGroupsX = 32768;
constexpr double kMaxPieces = 1024;  // of one dispatch
constexpr uint64_t kTransferAlignment = 16;
constexpr uint64_t kMaxSubmission = 4096;  // command buffers; longer programs are submitted bit by bit
// A command buffer holds so many iterations of a while, if they are short.
constexpr uint64_t kIterationsOps = 128;
constexpr uint64_t kMaxIterationsTogether = 8;

// An address as a base and an offset.
struct Place {
  Base base = Base::kArena;
  uint32_t index = 0;
  uint64_t add = 0;
};

// Dispatches that run only if a predicate holds: where the predicate's word and their sizes are in the table.
struct Region {
  uint32_t predicate_offset = 0;
  uint32_t sizes_offset = 0;           // x, y, z of each, as they are when the predicate holds
  uint32_t dispatch_sizes_offset = 0;  // what the dispatches read
  uint32_t num_dispatches = 0;
  Op predicate;  // the dispatch that decides
};

// What a predicate asks of its value; 0 branches: is the low byte not zero.
struct Test {
  uint32_t num_branches = 0;
  uint32_t branch = 0;
};

bool ContainsAny(const std::vector<Step>& steps, std::initializer_list<StepKind> kinds) {
  return std::any_of(steps.begin(), steps.end(), [&](const Step& step) {
    if (std::find(kinds.begin(), kinds.end(), step.kind) != kinds.end()) return true;
    return std::any_of(step.bodies.begin(), step.bodies.end(),
                       [&](const auto& body) { return ContainsAny(body, kinds); });
  });
}

// Operations when everything is unrolled; stops counting beyond `limit`.
uint64_t CountOps(const std::vector<Step>& steps, uint64_t limit) {
  uint64_t total = 0;
  for (const Step& step : steps) {
    uint64_t own = 2;
    for (const auto& body : step.bodies) own += CountOps(body, limit) + 2;
    if (step.kind == StepKind::kRepeat) own = step.count > limit / own ? limit + 1 : own * step.count;
    total += own;
    if (total > limit) return limit + 1;
  }
  return total;
}

// Dispatches that Planner::Ops emits under the region itself, not under the branches of cases in it.
uint32_t CountRegionDispatches(const std::vector<Step>& steps) {
  uint32_t total = 0;
  for (const Step& step : steps) {
    if (step.kind == StepKind::kRepeat) {
      if (step.count != 0) total += CountRegionDispatches(step.bodies[0]);
    } else if (step.kind != StepKind::kCase) {
      ++total;
    }
  }
  return total;
}

uint64_t AlignUp(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

class Planner {
 public:
  Planner(const Program& program, const PlanOptions& options) : program_(program), options_(options) {
    for (const Step* step : program::AllSteps(program)) {
      numbers_.emplace(step, static_cast<uint32_t>(numbers_.size()));
    }
  }

  StatusOr<Plan> Run() {
    ASSIGN_OR_RETURN(plan_.arena, CutArena(program_, options_.max_chunk_bytes));
    one_offset_ = Reserve(8);
    Put32(one_offset_, 1);
    Nodes(program_.steps, plan_.nodes);
    plan_.has_callbacks = ContainsAny(program_.steps, {StepKind::kSend, StepKind::kRecv});
    plan_.is_asynchronous = CountSubmission(plan_.nodes) <= kMaxSubmission;
    plan_.max_submission_seconds = options_.max_submission_seconds;
    NoteKernelsInPieces(plan_.nodes);
    if (is_too_large_) {
      return Unimplemented(Format("Program {} needs more than {} bytes of arguments for its dispatches.", program_.name,
                                  options_.max_table_bytes));
    }
    return std::move(plan_);
  }

 private:
  // Command buffers of one submission, or more than kMaxSubmission when it cannot be one.
  static uint64_t CountSubmission(const std::vector<Node>& nodes) {
    uint64_t total = 0;
    for (const Node& node : nodes) {
      uint64_t own = kMaxSubmission + 1;
      if (node.kind == NodeKind::kRun) own = 1;
      if (node.kind == NodeKind::kHostRepeat) own = std::max<uint64_t>(1, CountSubmission(node.bodies[0]));
      if (own > kMaxSubmission || node.count > kMaxSubmission / own) return kMaxSubmission + 1;
      total += own * node.count;
    }
    return total;
  }

  bool FitsOneRun(const std::vector<Step>& steps) const {
    return !ContainsAny(steps, {StepKind::kWhile, StepKind::kSend, StepKind::kRecv}) && !ContainsLong(steps) &&
           CountOps(steps, options_.max_unrolled_ops) <= options_.max_unrolled_ops;
  }
  bool FitsOneRun(const Step& step) const {
    return std::all_of(step.bodies.begin(), step.bodies.end(), [&](const auto& body) { return FitsOneRun(body); });
  }

  // ---- Time.
  double Seconds(double flops, double size_bytes) const {
    return std::max(flops / options_.speed.flops_per_second, size_bytes / options_.speed.bytes_per_second);
  }
  double SecondsOf(const Step& step) const {
    double size_bytes = 0;
    for (const uint32_t slot : step.buffers) size_bytes += static_cast<double>(program_.slots[slot].size_bytes);
    if (step.kind == StepKind::kCopy) size_bytes = 2.0 * static_cast<double>(program_.slots[step.slot_b].size_bytes);
    return Seconds(step.flops, size_bytes);
  }
  // A dispatch that must be cut to pieces; one whose sizes the device reads cannot be.
  bool ContainsLong(const std::vector<Step>& steps) const {
    return std::any_of(steps.begin(), steps.end(), [&](const Step& step) {
      if (SecondsOf(step) > options_.max_submission_seconds) return true;
      return std::any_of(step.bodies.begin(), step.bodies.end(), [&](const auto& body) { return ContainsLong(body); });
    });
  }
  void NoteKernelsInPieces(const std::vector<Node>& nodes) {
    for (const Node& node : nodes) {
      for (const Op& op : node.ops) {
        if (op.base_y != 0) plan_.kernels_in_pieces.push_back(op.kernel);
      }
      for (const auto& body : node.bodies) NoteKernelsInPieces(body);
    }
    auto& kernels = plan_.kernels_in_pieces;
    std::sort(kernels.begin(), kernels.end());
    kernels.erase(std::unique(kernels.begin(), kernels.end()), kernels.end());
  }

  // ---- The table.
  uint32_t Reserve(uint64_t size_bytes) {
    const uint64_t offset = plan_.table.size();
    if (offset + size_bytes > options_.max_table_bytes) {
      is_too_large_ = true;
      return 0;
    }
    plan_.table.resize(AlignUp(offset + size_bytes, 8));
    return static_cast<uint32_t>(offset);
  }
  void Put32(uint64_t offset, uint32_t value) {
    if (!is_too_large_) std::memcpy(plan_.table.data() + offset, &value, sizeof(value));
  }
  void PutAddress(uint32_t offset, const Place& place) {
    plan_.patches[static_cast<int>(place.base)].push_back({offset, place.index, place.add});
  }
  Place PlaceOf(uint32_t slot_index) const {
    const program::Slot& slot = program_.slots[slot_index];
    if (slot.kind != program::SlotKind::kArena) return {static_cast<Base>(slot.kind), slot.index, slot.offset_bytes};
    const uint32_t chunk = FindChunk(plan_.arena, slot.offset_bytes);
    return {Base::kArena, chunk, slot.offset_bytes - plan_.arena[chunk].offset_bytes};
  }
  uint32_t Record(std::initializer_list<Place> places, std::initializer_list<uint32_t> params) {
    uint32_t offset = Reserve(places.size() * 8 + params.size() * 4);
    const uint32_t start = offset;
    for (const Place& place : places) PutAddress(offset, place), offset += 8;
    for (const uint32_t param : params) Put32(offset, param), offset += 4;
    return start;
  }
  uint64_t ReserveReadback(uint64_t size_bytes) {
    const uint64_t offset = plan_.readback_bytes;
    plan_.readback_bytes += AlignUp(size_bytes, kTransferAlignment);
    return offset;
  }

  // ---- Operations of one run.
  static bool IsBarrier(const Op& op) {
    return op.kind == OpKind::kBarrier || op.kind == OpKind::kBarrierBeforeIndirect;
  }
  // Two barriers in a row are one: the stronger.
  static void AddBarrier(std::vector<Op>& ops, OpKind kind = OpKind::kBarrier) {
    if (ops.empty() || !IsBarrier(ops.back())) {
      ops.push_back({.kind = kind});
    } else if (kind == OpKind::kBarrierBeforeIndirect) {
      ops.back().kind = kind;
    }
  }
  static void AddOp(const Op& op, std::vector<Op>& ops) {
    if (IsBarrier(op)) return AddBarrier(ops, op.kind);
    ops.push_back(op);
  }

  void AddDispatch(Op op, uint32_t workgroups, std::vector<Op>& ops, Region* region) {
    // A piece is some rows.
    const double pieces = std::clamp(op.seconds / options_.max_submission_seconds, 1.0, kMaxPieces);
    op.x = std::clamp(static_cast<uint32_t>(workgroups / pieces), 1u, kMaxGroupsX);
    op.y = (workgroups + op.x - 1) / op.x;
    op.num_workgroups = workgroups;
    if (region != nullptr) {
      const uint32_t position = 12 * region->num_dispatches++;
      op.kind = OpKind::kDispatchIndirect;
      op.sizes_offset = region->dispatch_sizes_offset + position;
      Put32(region->sizes_offset + position, op.x);
      Put32(region->sizes_offset + position + 4, op.y);
      Put32(region->sizes_offset + position + 8, 1);
    } else if (workgroups == 0) {
      return;
    } else if (op.seconds > options_.max_submission_seconds) {
      return AddPieces(op, static_cast<uint32_t>(op.y / pieces), ops);
    }
    ops.push_back(op);
  }

  static void AddPieces(const Op& op, uint32_t rows_each, std::vector<Op>& ops) {
    rows_each = std::max(rows_each, 1u);
    for (uint32_t row = 0; row < op.y; row += rows_each) {
      Op piece = op;
      piece.base_y = row;
      piece.y = std::min(rows_each, op.y - row);
      piece.seconds = op.seconds * piece.y / op.y;
      ops.push_back(piece);
    }
  }

  void Dispatch(const Step& step, std::vector<Op>& ops, Region* region) {
    const program::Kernel& kernel = program_.kernels[step.kernel];
    const uint64_t record_bytes = AlignUp(kernel.num_buffers * uint64_t{8} + kernel.num_params * uint64_t{4}, 8);
    const uint64_t starts_bytes = kernel.is_segmented ? (step.num_segments + uint64_t{1}) * 4 : 0;
    const uint32_t start = Reserve(record_bytes * step.num_segments + starts_bytes);
    for (uint32_t segment = 0; segment < step.num_segments; ++segment) {
      uint32_t offset = start + static_cast<uint32_t>(record_bytes) * segment;
      for (uint32_t i = 0; i < kernel.num_buffers; ++i, offset += 8) {
        PutAddress(offset, PlaceOf(step.buffers[segment * kernel.num_buffers + i]));
      }
      for (uint32_t i = 0; i < kernel.num_params; ++i, offset += 4) {
        Put32(offset, step.params[segment * kernel.num_params + i]);
      }
    }
    uint64_t offset = start + record_bytes * step.num_segments;
    for (uint32_t i = 0; kernel.is_segmented && i <= step.num_segments; ++i, offset += 4) {
      Put32(offset, step.segment_starts[i]);
    }
    AddDispatch({.kernel = step.kernel,
                 .record_offset = start,
                 .num_segments = step.num_segments,
                 .step = numbers_.at(&step),
                 .seconds = SecondsOf(step)},
                step.workgroups, ops, region);
  }

  // An invocation moves at most 32 bytes.
  void Builtin(BuiltinKernel kernel, uint32_t record_offset, uint64_t invocations, std::vector<Op>& ops,
               Region* region) {
    const Op op{.kernel = static_cast<uint32_t>(program_.kernels.size()) + static_cast<uint32_t>(kernel),
                .record_offset = record_offset,
                .seconds = Seconds(0, 32.0 * static_cast<double>(invocations))};
    AddDispatch(op, static_cast<uint32_t>((invocations + kBuiltinWorkgroup - 1) / kBuiltinWorkgroup), ops, region);
  }

  void Copy(const Place& source, const Place& target, uint64_t size_bytes, std::vector<Op>& ops, Region* region) {
    const bool is_wide = source.add % 16 == 0 && target.add % 16 == 0;
    const uint64_t unit_bytes = is_wide ? 16 : 4;
    const uint64_t num_units = size_bytes / unit_bytes, remaining = size_bytes % unit_bytes;
    const uint32_t record =
        Record({source, target}, {static_cast<uint32_t>(num_units), static_cast<uint32_t>(remaining)});
    Builtin(is_wide ? BuiltinKernel::kCopy16 : BuiltinKernel::kCopy4, record, num_units + (remaining != 0), ops,
            region);
  }

  void CopyStep(const Step& step, std::vector<Op>& ops, Region* region) {
    const size_t begin = ops.size();
    Copy(PlaceOf(step.slot_a), PlaceOf(step.slot_b), program_.slots[step.slot_b].size_bytes, ops, region);
    for (size_t i = begin; i < ops.size(); ++i) ops[i].step = numbers_.at(&step);
  }

  // A region for `capacity` dispatches, decided by a test of the slot where `parent` (or nothing) holds.
  Region MakeRegion(uint32_t value_slot, Test test, uint32_t capacity, const Region* parent) {
    Region region;
    region.predicate_offset = Reserve(8);
    region.sizes_offset = Reserve(uint64_t{12} * capacity);
    region.dispatch_sizes_offset = Reserve(uint64_t{12} * capacity);
    const auto table = [](uint32_t offset) { return Place{.base = Base::kTable, .add = offset}; };
    const uint32_t record =
        Record({PlaceOf(value_slot), table(parent != nullptr ? parent->predicate_offset : one_offset_),
                table(region.predicate_offset), table(region.sizes_offset), table(region.dispatch_sizes_offset)},
               {3 * capacity, test.num_branches, test.branch});
    region.predicate = {
        .kernel = static_cast<uint32_t>(program_.kernels.size()) + static_cast<uint32_t>(BuiltinKernel::kPredicate),
        .record_offset = record};
    return region;
  }

  void Case(const Step& step, std::vector<Op>& ops, Region* parent) {
    std::vector<Region> regions;
    AddBarrier(ops, OpKind::kBarrierBeforeIndirect);
    const auto num_branches = static_cast<uint32_t>(step.bodies.size());
    for (uint32_t branch = 0; branch < num_branches; ++branch) {
      const uint32_t capacity = CountRegionDispatches(step.bodies[branch]);
      regions.push_back(MakeRegion(step.slot_a, {num_branches, branch}, capacity, parent));
      ops.push_back(regions.back().predicate);
    }
    AddBarrier(ops, OpKind::kBarrierBeforeIndirect);
    for (uint32_t branch = 0; branch < num_branches; ++branch) Ops(step.bodies[branch], ops, &regions[branch]);
  }

  void Unroll(const Step& step, uint64_t count, std::vector<Op>& ops, Region* region) {
    if (count == 0) return;
    AddBarrier(ops);
    const size_t begin = ops.size();
    Ops(step.bodies[0], ops, region);
    const size_t end = ops.size();
    ops.reserve(end + (end - begin + 1) * (count - 1));
    for (uint64_t i = 1; i < count; ++i) {
      AddBarrier(ops);
      for (size_t op = begin; op < end; ++op) AddOp(ops[op], ops);
    }
  }

  // Steps that need no host: FitsOneRun.
  void Ops(std::span<const Step> steps, std::vector<Op>& ops, Region* region) {
    for (const Step& step : steps) {
      if (step.barrier_before) AddBarrier(ops);
      switch (step.kind) {
        case StepKind::kDispatch:
          Dispatch(step, ops, region);
          break;
        case StepKind::kCopy:
          CopyStep(step, ops, region);
          break;
        case StepKind::kRepeat:
          Unroll(step, step.count, ops, region);
          break;
        case StepKind::kCase:
          Case(step, ops, region);
          break;
        case StepKind::kWhile:
          break;
        case StepKind::kSend:
          break;
        case StepKind::kRecv:
          break;
      }
    }
  }

  // ---- Nodes.
  static std::vector<Op>& CurrentRun(std::vector<Node>& nodes) {
    if (nodes.empty() || nodes.back().kind != NodeKind::kRun || nodes.back().count != 1) nodes.emplace_back();
    return nodes.back().ops;
  }

  void Nodes(const std::vector<Step>& steps, std::vector<Node>& nodes) {
    for (const Step& step : steps) {
      switch (step.kind) {
        case StepKind::kDispatch:
        case StepKind::kCopy:
          Ops(std::span(&step, 1), CurrentRun(nodes), nullptr);
          break;
        case StepKind::kRepeat:
          Repeat(step, nodes);
          break;
        case StepKind::kCase:
          FitsOneRun(step) ? Ops(std::span(&step, 1), CurrentRun(nodes), nullptr) : HostCase(step, nodes);
          break;
        case StepKind::kWhile:
          FitsOneRun(step) ? While(step, nodes) : HostWhile(step, nodes);
          break;
        case StepKind::kSend:
          Send(step, nodes);
          break;
        case StepKind::kRecv:
          Recv(step, nodes);
          break;
      }
    }
  }

  void Repeat(const Step& step, std::vector<Node>& nodes) {
    if (step.count == 0) return;
    const uint64_t limit = options_.max_unrolled_ops;
    if (!FitsOneRun(step)) {
      Node node{.kind = NodeKind::kHostRepeat, .count = step.count};
      Nodes(step.bodies[0], node.bodies.emplace_back());
      nodes.push_back(std::move(node));
      return;
    }
    const uint64_t ops_each = CountOps(step.bodies[0], limit) + 1;
    if (step.count <= limit / ops_each) return Unroll(step, step.count, CurrentRun(nodes), nullptr);
    const uint64_t count_each = std::max<uint64_t>(1, limit / 4 / ops_each);
    Node node{.count = step.count / count_each};
    Unroll(step, count_each, node.ops, nullptr);
    nodes.push_back(std::move(node));
    Unroll(step, step.count % count_each, CurrentRun(nodes), nullptr);
  }

  // Copies what the host must know to readback memory.
  void AddCheck(uint32_t slot, uint64_t size_bytes, Node& node) {
    node.transfer_bytes = size_bytes;
    node.transfer_offset = ReserveReadback(size_bytes);
    Copy(PlaceOf(slot), {.base = Base::kReadback, .add = node.transfer_offset}, size_bytes, node.check_ops, nullptr);
  }

  void While(const Step& step, std::vector<Node>& nodes) {
    const auto& condition = step.bodies[0];
    const auto& body = step.bodies[1];
    Node node{.kind = NodeKind::kWhile};
    Region region =
        MakeRegion(step.slot_a, {}, CountRegionDispatches(condition) + CountRegionDispatches(body), nullptr);
    Ops(condition, node.ops, nullptr);
    AddBarrier(node.ops, OpKind::kBarrierBeforeIndirect);
    node.ops.push_back(region.predicate);
    AddBarrier(node.iteration_ops, OpKind::kBarrierBeforeIndirect);
    Ops(body, node.iteration_ops, &region);
    AddBarrier(node.iteration_ops);
    Ops(condition, node.iteration_ops, &region);
    AddBarrier(node.iteration_ops, OpKind::kBarrierBeforeIndirect);
    node.iteration_ops.push_back(region.predicate);
    const size_t num_ops = node.iteration_ops.size();
    const bool is_joined = step.count > 1;  // the body makes many iterations by itself
    const uint64_t copies = is_joined ? 1 : std::clamp<uint64_t>(kIterationsOps / num_ops, 1, kMaxIterationsTogether);
    node.count = is_joined ? step.count : copies;
    for (size_t i = num_ops; i < num_ops * copies; ++i) node.iteration_ops.push_back(node.iteration_ops[i - num_ops]);
    AddCheck(step.slot_a, 1, node);
    nodes.push_back(std::move(node));
  }

  void HostWhile(const Step& step, std::vector<Node>& nodes) {
    Node node{.kind = NodeKind::kHostWhile};
    node.bodies.resize(2);
    Nodes(step.bodies[0], node.bodies[0]);
    Nodes(step.bodies[1], node.bodies[1]);
    AddCheck(step.slot_a, 1, node);
    nodes.push_back(std::move(node));
  }

  void HostCase(const Step& step, std::vector<Node>& nodes) {
    Node node{.kind = NodeKind::kHostCase};
    AddCheck(step.slot_a, 4, node);
    for (const auto& body : step.bodies) Nodes(body, node.bodies.emplace_back());
    nodes.push_back(std::move(node));
  }

  void Send(const Step& step, std::vector<Node>& nodes) {
    Node node{.kind = NodeKind::kSend, .channel_id = step.channel_id};
    AddCheck(step.slot_a, program_.slots[step.slot_a].size_bytes, node);
    nodes.push_back(std::move(node));
  }

  void Recv(const Step& step, std::vector<Node>& nodes) {
    Node node{.kind = NodeKind::kRecv, .channel_id = step.channel_id};
    node.transfer_bytes = program_.slots[step.slot_a].size_bytes;
    node.transfer_offset = plan_.upload_bytes;
    plan_.upload_bytes += AlignUp(node.transfer_bytes, kTransferAlignment);
    Copy({.base = Base::kUpload, .add = node.transfer_offset}, PlaceOf(step.slot_a), node.transfer_bytes, node.ops,
         nullptr);
    nodes.push_back(std::move(node));
  }

  const Program& program_;
  const PlanOptions& options_;
  std::unordered_map<const Step*, uint32_t> numbers_;
  Plan plan_;
  uint32_t one_offset_ = 0;  // of a word that is 1: the parent of outermost predicates
  bool is_too_large_ = false;
};

}  // namespace

StatusOr<Plan> MakePlan(const program::ValidProgram& program, const PlanOptions& options) {
  return Planner(*program, options).Run();
}

}  // namespace dragoman::runtime
