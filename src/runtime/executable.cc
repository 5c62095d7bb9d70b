// SPDX-License-Identifier: Apache-2.0
#include "runtime/executable.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/format.h"
#include "runtime/builtin_kernels.h"
#include "runtime/event.h"
#include "runtime/host_driver.h"
#include "runtime/transfer.h"

namespace dragoman::runtime {
namespace {

using vulkan::MemoryKind;

Placement PlacementOf(const program::TensorSpec& output) {
  return output.space == MemorySpace::kDevice ? Placement::kDevice : Placement::kHost;
}

bool IsDonated(const ExecuteOptions& options, size_t parameter) {
  return parameter < options.is_donated.size() && options.is_donated[parameter];
}

const BufferImpl& Impl(const std::shared_ptr<Buffer>& buffer) { return static_cast<const BufferImpl&>(*buffer); }
BufferImpl& MutableImpl(const std::shared_ptr<Buffer>& buffer) { return static_cast<BufferImpl&>(*buffer); }

void PutAddresses(const std::vector<Patch>& patches, uint64_t base, std::byte* table) {
  for (const Patch& patch : patches) {
    const uint64_t address = base + patch.add;
    std::memcpy(table + patch.table_offset, &address, sizeof(address));
  }
}

void PutIndexedAddresses(const std::vector<Patch>& patches, const std::vector<std::shared_ptr<Allocation>>& bases,
                         std::byte* table) {
  for (const Patch& patch : patches) {
    const uint64_t address = bases[patch.index]->address() + patch.add;
    std::memcpy(table + patch.table_offset, &address, sizeof(address));
  }
}

// One command buffer does it all.
bool IsOneRun(const Plan& plan) {
  if (plan.nodes.empty()) return true;
  const Node& node = plan.nodes[0];
  if (plan.nodes.size() != 1 || node.kind != NodeKind::kRun || node.count != 1) return false;
  const auto add = [](double seconds, const Op& op) { return seconds + op.seconds; };
  return std::accumulate(node.ops.begin(), node.ops.end(), 0.0, add) <= plan.max_submission_seconds;
}

bool IsBarrier(const Op& op) { return op.kind == OpKind::kBarrier || op.kind == OpKind::kBarrierBeforeIndirect; }

uint32_t CountDispatches(const std::vector<Node>& nodes) {
  uint32_t count = 0;
  for (const Node& node : nodes) {
    for (const auto* ops : {&node.ops, &node.iteration_ops, &node.check_ops}) {
      for (const Op& op : *ops) count += IsBarrier(op) ? 0 : 1;
    }
    for (const auto& body : node.bodies) count += CountDispatches(body);
  }
  return count;
}

const std::vector<Patch>& PatchesOf(const Plan& plan, Base base) { return plan.patches[static_cast<int>(base)]; }

}  // namespace

StatusOr<std::shared_ptr<Executable>> ExecutableImpl::Load(const std::shared_ptr<Core>& core,
                                                           const program::ValidProgram& program) {
  RETURN_IF_ERROR(core->CheckUsable());
  std::shared_ptr<ExecutableImpl> executable(new ExecutableImpl(core, program));
  RETURN_IF_ERROR(executable->Initialize());
  return std::shared_ptr<Executable>(std::move(executable));
}

ExecutableImpl::ExecutableImpl(std::shared_ptr<Core> core, const program::ValidProgram& program)
    : core_(std::move(core)), program_(program) {}

Status ExecutableImpl::Initialize() {
  const auto& profile = core_->device->profile();
  const uint64_t max_chunk_bytes = std::min(profile.max_allocation_bytes, profile.max_buffer_bytes) / 256 * 256;
  PlanOptions options{.max_chunk_bytes = max_chunk_bytes, .speed = core_->speed};
  ASSIGN_OR_RETURN(plan_, MakePlan(program_, options));
  RETURN_IF_ERROR(MakePipelines());
  for (const auto& spec : program_->parameters) parameter_bytes_.push_back(spec.type.size_bytes());
  for (const auto& spec : program_->outputs) output_bytes_.push_back(spec.type.size_bytes());
  RETURN_IF_ERROR(UploadConstants());
  // The first execution should find everything ready.
  ASSIGN_OR_RETURN(std::unique_ptr<Instance> instance, MakeInstance(/*is_timed=*/false));
  instances_.push_back(std::move(instance));
  return OkStatus();
}

Status ExecutableImpl::MakePipelines() {
  std::vector<KernelRequest> requests;
  std::vector<std::string> labels = KernelLabels(*program_);
  for (size_t i = 0; i < labels.size(); ++i) requests.push_back({&program_->kernels[i], std::move(labels[i])});
  for (const program::Kernel& kernel : BuiltinKernels())
    requests.push_back({.kernel = &kernel, .label = kBuiltinLabel, .is_lasting = true});
  for (const uint32_t kernel : plan_.kernels_in_pieces) requests[kernel].takes_base = true;
  ASSIGN_OR_RETURN(pipelines_, core_->kernels->Get(requests));
  return OkStatus();
}

Status ExecutableImpl::UploadConstants() {
  for (const auto& constant : program_->constants) {
    const TensorType type{DType::kU8, {static_cast<int64_t>(constant.size())}};
    ASSIGN_OR_RETURN(const std::shared_ptr<Buffer> buffer,
                     TransferFromHost(core_, type, {constant.data(), {}}, Placement::kDevice, Stay::kLasting));
    constants_.push_back(MutableImpl(buffer).Take());
  }
  return OkStatus();
}

ExecutableImpl::~ExecutableImpl() {
  if (core_->IsForked()) return;
  core_->scratch->Release(plan_.arena);
  Uses uses;
  for (const auto& instance : instances_) uses.Add(instance->last_use);
  struct Resources {
    std::vector<SharedPipeline> pipelines;
    std::vector<std::unique_ptr<Instance>> instances;
  };
  auto resources = std::make_shared<Resources>(Resources{std::move(pipelines_), std::move(instances_)});
  core_->queue->Retire(uses, std::move(resources));
}

StatusOr<VkCommandBuffer> ExecutableImpl::RecordOps(std::span<const Op> ops, Instance& instance, bool is_first,
                                                    bool is_last) {
  ASSIGN_OR_RETURN(const VkCommandBuffer buffer, instance.command_pool->Allocate());
  ASSIGN_OR_RETURN(vulkan::Recorder recorder, vulkan::Recorder::Begin(*core_->device, buffer, /*is_reusable=*/true));
  recorder.Wait(is_first ? vulkan::Barrier::kStart : vulkan::Barrier::kBeforeIndirect);
  bool needs_barrier = false;  // the one just recorded covers what the first steps ask for
  for (const Op& op : ops) {
    if (!needs_barrier && (op.kind == OpKind::kBarrier || op.kind == OpKind::kBarrierBeforeIndirect)) continue;
    needs_barrier = true;
    switch (op.kind) {
      case OpKind::kBarrier:
        recorder.Wait(vulkan::Barrier::kBetweenSteps);
        continue;
      case OpKind::kBarrierBeforeIndirect:
        recorder.Wait(vulkan::Barrier::kBeforeIndirect);
        continue;
      case OpKind::kDispatch:
        break;
      case OpKind::kDispatchIndirect:
        break;
    }
    RecordDispatch(op, instance, recorder);
  }
  // Where the host does not see tensors it reads only what copies bring it.
  if (is_last && (core_->device->IsHostVisible(MemoryKind::kDevice) || !plan_.is_asynchronous || HasHostOutputs())) {
    recorder.Wait(vulkan::Barrier::kEnd);
  }
  RETURN_IF_ERROR(recorder.End());
  return buffer;
}

void ExecutableImpl::RecordDispatch(const Op& op, const Instance& instance, vulkan::Recorder& recorder) const {
  const Allocation& table = *instance.table;
  recorder.Bind(pipelines_[op.kernel]->get());
  recorder.SetRecords(table.address() + op.record_offset, op.num_segments, op.num_workgroups);
  if (op.kind == OpKind::kDispatch) {
    recorder.Dispatch(op.x, op.y, op.base_y);
  } else {
    recorder.DispatchIndirect(table.memory(), table.offset_bytes() + op.sizes_offset);
  }
}

Status ExecutableImpl::RecordTimed(std::span<const Op> ops, Instance& instance, RecordedRun& run) {
  run.first_timestamp = instance.num_timestamps;
  for (const Op& op : ops) {
    if (!IsBarrier(op)) run.timed.push_back({op.step, op.base_y > 0});
  }
  const auto num_timestamps = static_cast<uint32_t>(2 * run.timed.size());
  instance.num_timestamps += num_timestamps;
  ASSIGN_OR_RETURN(run.buffer, instance.command_pool->Allocate());
  ASSIGN_OR_RETURN(vulkan::Recorder recorder,
                   vulkan::Recorder::Begin(*core_->device, run.buffer, /*is_reusable=*/true));
  if (num_timestamps != 0) recorder.Reset(*instance.timestamps, run.first_timestamp, num_timestamps);
  uint32_t timestamp = run.first_timestamp;
  for (const Op& op : ops) {
    if (IsBarrier(op)) continue;
    recorder.Wait(vulkan::Barrier::kBeforeIndirect);
    recorder.Write(*instance.timestamps, timestamp++);
    RecordDispatch(op, instance, recorder);
    recorder.Write(*instance.timestamps, timestamp++);
  }
  return recorder.End();
}

Status ExecutableImpl::RecordRuns(std::span<const Op> ops, Instance& instance, std::vector<RecordedRun>& runs) {
  for (size_t begin = 0; begin < ops.size();) {
    size_t end = begin + 1;
    double seconds = ops[begin].seconds;
    while (end < ops.size() && seconds + ops[end].seconds <= plan_.max_submission_seconds)
      seconds += ops[end++].seconds;
    const std::span<const Op> part = ops.subspan(begin, end - begin);
    RecordedRun& run = runs.emplace_back(RecordedRun{.seconds = seconds});
    if (instance.timestamps.has_value()) {
      RETURN_IF_ERROR(RecordTimed(part, instance, run));
    } else {
      ASSIGN_OR_RETURN(run.buffer, RecordOps(part, instance, /*is_first=*/false, /*is_last=*/false));
    }
    begin = end;
  }
  return OkStatus();
}

Status ExecutableImpl::RecordNodes(const std::vector<Node>& nodes, Instance& instance,
                                   std::vector<RecordedNode>& recorded) {
  recorded.reserve(nodes.size());
  for (const Node& node : nodes) {
    RecordedNode& target = recorded.emplace_back();
    RETURN_IF_ERROR(RecordRuns(node.ops, instance, target.ops));
    RETURN_IF_ERROR(RecordRuns(node.iteration_ops, instance, target.iteration_ops));
    RETURN_IF_ERROR(RecordRuns(node.check_ops, instance, target.check_ops));
    for (const auto& body : node.bodies) RETURN_IF_ERROR(RecordNodes(body, instance, target.bodies.emplace_back()));
  }
  return OkStatus();
}

Status ExecutableImpl::RecordAll(Instance& instance) {
  const auto& nodes = plan_.nodes;
  if (IsOneRun(plan_) && !instance.timestamps.has_value()) {
    const std::span<const Op> ops = nodes.empty() ? std::span<const Op>() : nodes[0].ops;
    ASSIGN_OR_RETURN(const VkCommandBuffer buffer, RecordOps(ops, instance, /*is_first=*/true, /*is_last=*/true));
    instance.submissions = {{buffer}};
    return OkStatus();
  }
  ASSIGN_OR_RETURN(instance.start, RecordOps({}, instance, true, false));
  ASSIGN_OR_RETURN(instance.end, RecordOps({}, instance, false, true));
  RETURN_IF_ERROR(RecordNodes(nodes, instance, instance.nodes));
  if (!plan_.is_asynchronous || instance.timestamps.has_value()) return OkStatus();
  SubmissionList list(plan_.max_submission_seconds);
  list.Add({instance.start, 0});
  list.Add(nodes, instance.nodes);
  list.Add({instance.end, 0});
  instance.submissions = list.Take();
  return OkStatus();
}

StatusOr<std::unique_ptr<Instance>> ExecutableImpl::MakeInstance(bool is_timed) {
  auto instance = std::make_unique<Instance>();
  if (is_timed) {
    const uint32_t count = std::max(2 * CountDispatches(plan_.nodes), 1u);
    ASSIGN_OR_RETURN(instance->timestamps, vulkan::Timestamps::Create(*core_->device, count));
  }
  ASSIGN_OR_RETURN(instance->command_pool, vulkan::CommandPool::Create(*core_->device));
  ASSIGN_OR_RETURN(instance->table, core_->heap(MemoryKind::kTable).Allocate(plan_.table.size()));
  std::memcpy(instance->table->host(), plan_.table.data(), plan_.table.size());
  std::byte* table = instance->table->host();
  PutAddresses(PatchesOf(plan_, Base::kTable), instance->table->address(), table);
  PutIndexedAddresses(PatchesOf(plan_, Base::kConstant), constants_, table);
  if (plan_.readback_bytes != 0) {
    ASSIGN_OR_RETURN(instance->readback, core_->heap(MemoryKind::kReadback).Allocate(plan_.readback_bytes));
    PutAddresses(PatchesOf(plan_, Base::kReadback), instance->readback->address(), table);
  }
  if (plan_.upload_bytes != 0) {
    ASSIGN_OR_RETURN(instance->upload, core_->heap(MemoryKind::kUpload).Allocate(plan_.upload_bytes));
    PutAddresses(PatchesOf(plan_, Base::kUpload), instance->upload->address(), table);
  }
  RETURN_IF_ERROR(RecordAll(*instance));
  return instance;
}

StatusOr<Instance*> ExecutableImpl::TakeInstance(bool is_timed) {
  while (true) {
    std::optional<Moment> oldest;
    {
      const std::lock_guard lock(instances_mutex_);
      size_t num_alike = 0;
      for (const auto& instance : instances_) {
        if (instance->timestamps.has_value() != is_timed) continue;
        ++num_alike;
        if (instance->is_taken) continue;
        if (core_->queue->IsComplete(instance->last_use)) {
          instance->is_taken = true;
          return instance.get();
        }
        oldest = std::min(oldest.value_or(instance->last_use), instance->last_use);
      }
      if (num_alike < kMaxInstances || !oldest) {
        ASSIGN_OR_RETURN(std::unique_ptr<Instance> made, MakeInstance(is_timed));
        made->is_taken = true;
        instances_.push_back(std::move(made));
        return instances_.back().get();
      }
    }
    RETURN_IF_ERROR(core_->queue->Wait(*oldest));
  }
}

void ExecutableImpl::ReleaseInstance(Instance& instance, const StatusOr<Moment>& done) {
  // What failed may have been submitted in part.
  const Moment last_use = done.ok() ? *done : core_->queue->current_uses().on(QueueId::kMain);
  const std::lock_guard lock(instances_mutex_);
  instance.last_use = std::max(instance.last_use, last_use);
  instance.is_taken = false;
}

Status ExecutableImpl::CheckArguments(std::span<const std::shared_ptr<Buffer>> arguments,
                                      const ExecuteOptions& options) const {
  if (arguments.size() != parameter_bytes_.size()) {
    return InvalidArgument(Format("Program {} takes {} arguments, and {} are given.", program_->name,
                                  parameter_bytes_.size(), arguments.size()));
  }
  if (!options.is_donated.empty() && options.is_donated.size() != arguments.size()) {
    return InvalidArgument(Format("Program {} takes {} arguments, and donation is stated for {}.", program_->name,
                                  parameter_bytes_.size(), options.is_donated.size()));
  }
  const bool may_have_failed = core_->queue->has_failures();
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == nullptr) return InvalidArgument(Format("Argument {} is missing.", i));
    const BufferImpl& buffer = Impl(arguments[i]);
    if (buffer.core() != core_) return InvalidArgument(Format("Argument {} is on another device.", i));
    if (may_have_failed && buffer.ready()->IsReady()) RETURN_IF_ERROR(buffer.ready()->Await());
    if (buffer.type() == program_->parameters[i].type) continue;
    return InvalidArgument(Format("Argument {} of program {} has the type {}, expected {}.", i, program_->name,
                                  buffer.type().ToString(), program_->parameters[i].type.ToString()));
  }
  return OkStatus();
}

Status ExecutableImpl::Bind(std::span<const std::shared_ptr<Buffer>> arguments, const ExecuteOptions& options,
                            Bindings& bindings) {
  bindings.parameters.resize(arguments.size());
  // Kept arguments first: a buffer that is also donated elsewhere in the list then has two owners and is not
  // overwritten.
  for (const bool is_donated : {false, true}) {
    if (is_donated && options.is_donated.empty()) break;
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (IsDonated(options, i) != is_donated) continue;
      bindings.parameters[i] = is_donated ? MutableImpl(arguments[i]).Take() : Impl(arguments[i]).allocation();
      if (bindings.parameters[i] == nullptr) {
        return InvalidArgument(Format("Argument {} of program {} was deleted or donated{}.", i, program_->name,
                                      is_donated ? ", or is donated twice" : ""));
      }
    }
  }
  return BindOutputs(options, bindings);
}

// Forwarded ones first: a parameter that is handed on has two owners then and is not overwritten.
Status ExecutableImpl::BindOutputs(const ExecuteOptions& options, Bindings& bindings) {
  bindings.outputs.resize(output_bytes_.size());
  bindings.is_taken.resize(bindings.parameters.size());
  for (size_t i = 0; i < program_->forwarded_parameters.size(); ++i) {
    const int forwarded = program_->forwarded_parameters[i];
    if (forwarded < 0) continue;
    RETURN_IF_ERROR(BindOutput(options, i, forwarded, bindings));
    if (bindings.outputs[i] != bindings.parameters[forwarded]) bindings.copies.emplace_back(forwarded, i);
  }
  for (size_t i = 0; i < output_bytes_.size(); ++i) {
    if (bindings.outputs[i] != nullptr) continue;
    const int alias = plan_.has_callbacks ? -1 : program_->outputs[i].aliased_parameter;
    RETURN_IF_ERROR(BindOutput(options, i, alias, bindings));
    const bool is_same = alias >= 0 && bindings.outputs[i] == bindings.parameters[alias];
    if (is_same) bindings.is_taken[alias] = true;
    const program::TensorSpec& output = program_->outputs[i];
    if (output.starts_as_parameter && !is_same) bindings.copies.emplace_back(output.aliased_parameter, i);
  }
  return OkStatus();
}

// The memory of `parameter` (-1: none) when it is donated, has no other owner and lies where the output is wanted; new
// memory otherwise.
Status ExecutableImpl::BindOutput(const ExecuteOptions& options, size_t output, int parameter, Bindings& bindings) {
  Heap& heap = core_->tensor_heap(PlacementOf(program_->outputs[output]));
  if (parameter >= 0 && IsDonated(options, parameter) && bindings.parameters[parameter].use_count() == 1 &&
      &bindings.parameters[parameter]->heap() == &heap) {
    bindings.outputs[output] = bindings.parameters[parameter];
    return OkStatus();
  }
  ASSIGN_OR_RETURN(bindings.outputs[output], heap.Allocate(output_bytes_[output]));
  return OkStatus();
}

bool ExecutableImpl::HasHostOutputs() const {
  return std::any_of(program_->outputs.begin(), program_->outputs.end(),
                     [](const program::TensorSpec& output) { return PlacementOf(output) == Placement::kHost; });
}

// Of parameters that are outputs as they are, or at first.
Status ExecutableImpl::RecordCopies(const Bindings& bindings) {
  for (const auto& [parameter, output] : bindings.copies) {
    if (output_bytes_[output] == 0) continue;
    const Allocation &source = *bindings.parameters[parameter], &target = *bindings.outputs[output];
    const auto copy = [&, size_bytes = output_bytes_[output]](vulkan::Recorder& recorder) {
      recorder.Copy(source.memory(), source.offset_bytes(), target.memory(), target.offset_bytes(), size_bytes);
    };
    RETURN_IF_ERROR(core_->queue->Record(copy, /*needs_barrier=*/true, output_bytes_[output]).status());
  }
  return OkStatus();
}

bool ExecutableImpl::Unbind(std::span<const std::shared_ptr<Buffer>> arguments, const ExecuteOptions& options,
                            Bindings& bindings) {
  bool is_any_lost = false;
  for (size_t i = 0; i < bindings.parameters.size(); ++i) {
    if (!IsDonated(options, i) || bindings.parameters[i] == nullptr) continue;
    if (bindings.has_started && bindings.is_taken[i]) {
      is_any_lost = true;
    } else {
      MutableImpl(arguments[i]).GiveBack(std::move(bindings.parameters[i]));
    }
  }
  return is_any_lost;
}

void ExecutableImpl::FillTable(Instance& instance, const Bindings& bindings, const Allocations& arena) const {
  std::byte* table = instance.table->host();
  PutIndexedAddresses(PatchesOf(plan_, Base::kParameter), bindings.parameters, table);
  PutIndexedAddresses(PatchesOf(plan_, Base::kOutput), bindings.outputs, table);
  bool has_moved = instance.arena.size() != arena.size();
  for (size_t i = 0; !has_moved && i < arena.size(); ++i) has_moved = instance.arena[i] != arena[i]->address();
  if (!has_moved) return;
  PutIndexedAddresses(PatchesOf(plan_, Base::kArena), arena, table);
  instance.arena.clear();
  for (const auto& chunk : arena) instance.arena.push_back(chunk->address());
}

// Programs that the host drives are many submissions, between which others may run: they cannot share the scratch
// arena.
StatusOr<Allocations> ExecutableImpl::GetArena(bool is_shared) const {
  if (is_shared) return core_->scratch->Get(plan_.arena);
  Allocations arena;
  for (const ArenaChunk& chunk : plan_.arena) {
    ASSIGN_OR_RETURN(arena.emplace_back(), core_->heap(MemoryKind::kDevice).Allocate(chunk.size_bytes));
  }
  return arena;
}

StatusOr<Moment> ExecutableImpl::RunWith(Instance& instance, const Allocations& arena, Bindings& bindings,
                                         const ExecuteOptions& options) {
  RETURN_IF_ERROR(RecordCopies(bindings));
  FillTable(instance, bindings, arena);
  if (plan_.is_asynchronous && options.runs == nullptr) {
    return core_->queue->Submit(instance.submissions, bindings.has_started);
  }
  HostDriver driver(*core_->queue, instance, options);
  const StatusOr<Moment> done = driver.Run(plan_);
  bindings.has_started = driver.has_started();
  return done;
}

StatusOr<Moment> ExecutableImpl::Run(Bindings& bindings, const ExecuteOptions& options) {
  const bool is_timed = options.runs != nullptr;
  ASSIGN_OR_RETURN(const Allocations arena, GetArena(plan_.is_asynchronous && !is_timed));
  ASSIGN_OR_RETURN(Instance* const instance, TakeInstance(is_timed));
  const StatusOr<Moment> done = RunWith(*instance, arena, bindings, options);
  ReleaseInstance(*instance, done);
  return done;
}

std::vector<std::shared_ptr<Buffer>> ExecutableImpl::WrapOutputs(Bindings& bindings,
                                                                 const std::shared_ptr<Event>& ready,
                                                                 const Moment& ready_moment) const {
  std::vector<std::shared_ptr<Buffer>> outputs;
  outputs.reserve(bindings.outputs.size());
  for (size_t i = 0; i < bindings.outputs.size(); ++i) {
    const std::shared_ptr<const TensorType> type(program_.shared(), &program_->outputs[i].type);
    outputs.push_back(std::make_shared<BufferImpl>(core_, type, std::move(bindings.outputs[i]), ready, ready_moment));
  }
  return outputs;
}

StatusOr<ExecuteResult> ExecutableImpl::Execute(std::span<const std::shared_ptr<Buffer>> arguments,
                                                const ExecuteOptions& options) {
  RETURN_IF_ERROR(core_->CheckUsable());
  RETURN_IF_ERROR(CheckArguments(arguments, options));
  Bindings bindings;
  StatusOr<Moment> done = Moment();
  if (const Status bound = Bind(arguments, options, bindings); bound.ok()) {
    done = Run(bindings, options);
  } else {
    done = bound;
  }
  if (!done.ok()) {
    const bool is_any_lost = Unbind(arguments, options, bindings);
    return done.status().WithContext(
        Format("While executing program {}.{}", program_->name,
               is_any_lost ? " It had begun: donated arguments that it overwrites are deleted." : ""));
  }
  ExecuteResult result;
  result.done = MakeTimelineEvent(core_, *done);
  result.outputs = WrapOutputs(bindings, result.done, *done);
  return result;
}

}  // namespace dragoman::runtime
