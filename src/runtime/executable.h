// SPDX-License-Identifier: Apache-2.0
// A loaded program. Its recorded command buffers exist in up to kMaxInstances copies, each with its own argument table,
// so that executions follow each other without waiting.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/core.h"
#include "runtime/plan.h"
#include "runtime/runtime.h"
#include "vulkan/command_buffer.h"
#include "vulkan/timestamps.h"

namespace dragoman::runtime {

inline constexpr size_t kMaxInstances = 4;  // that are timed, and as many that are not

struct TimedOp {
  uint32_t step = kNoStepNumber;
  bool is_further_piece = false;  // of the dispatch before it
};

// A command buffer, and how long the device may take for it. Where kernels are timed: a timestamp before and after each
// operation that is no barrier, from `first_timestamp` on.
struct RecordedRun {
  VkCommandBuffer buffer = VK_NULL_HANDLE;
  double seconds = 0;
  uint32_t first_timestamp = 0;
  std::vector<TimedOp> timed;  // these operations
};

// The command buffers of one Node, in Node's fields' order: one for each, or several where one would take too long.
struct RecordedNode {
  std::vector<RecordedRun> ops;
  std::vector<RecordedRun> iteration_ops;
  std::vector<RecordedRun> check_ops;
  std::vector<std::vector<RecordedNode>> bodies;
};

// One copy of what an execution needs. Used by one execution at a time; free again after
// `last_use`.
struct Instance {
  std::shared_ptr<Allocation> table;
  std::shared_ptr<Allocation> readback;
  std::shared_ptr<Allocation> upload;
  std::optional<vulkan::CommandPool> command_pool;
  std::vector<RecordedNode> nodes;
  std::optional<vulkan::Timestamps> timestamps;  // kernels are timed, and run one after the other
  uint32_t num_timestamps = 0;                   // taken
  VkCommandBuffer start = VK_NULL_HANDLE;        // go first and last in each submission of several command buffers
  VkCommandBuffer end = VK_NULL_HANDLE;
  std::vector<std::vector<VkCommandBuffer>> submissions;  // when the plan is asynchronous: all of it, mostly one
  std::vector<uint64_t> arena;                            // addresses of its chunks that the table holds
  Moment last_use;
  bool is_taken = false;
};

class ExecutableImpl final : public Executable {
 public:
  static StatusOr<std::shared_ptr<Executable>> Load(const std::shared_ptr<Core>& core,
                                                    const program::ValidProgram& program);
  ~ExecutableImpl() override;

  const program::Program& program() const override { return *program_; }
  Device& device() const override { return *core_->owner; }
  StatusOr<ExecuteResult> Execute(std::span<const std::shared_ptr<Buffer>> arguments,
                                  const ExecuteOptions& options) override;

 private:
  // What an execution reads and writes.
  struct Bindings {
    std::vector<std::shared_ptr<Allocation>> parameters;
    std::vector<std::shared_ptr<Allocation>> outputs;
    std::vector<bool> is_taken;                     // by parameter: an output lives in its memory
    bool has_started = false;                       // the device may have written outputs
    std::vector<std::pair<size_t, size_t>> copies;  // (parameter, output), before the program runs
  };

  ExecutableImpl(std::shared_ptr<Core> core, const program::ValidProgram& program);
  Status Initialize();
  Status MakePipelines();
  Status UploadConstants();

  StatusOr<Instance*> TakeInstance(bool is_timed);
  StatusOr<std::unique_ptr<Instance>> MakeInstance(bool is_timed);
  Status RecordNodes(const std::vector<Node>& nodes, Instance& instance, std::vector<RecordedNode>& recorded);
  Status RecordRuns(std::span<const Op> ops, Instance& instance, std::vector<RecordedRun>& runs);
  // With the barriers that a submission starts or ends with, where asked.
  StatusOr<VkCommandBuffer> RecordOps(std::span<const Op> ops, Instance& instance, bool is_first, bool is_last);
  void RecordDispatch(const Op& op, const Instance& instance, vulkan::Recorder& recorder) const;
  // Each operation by itself, between two timestamps.
  Status RecordTimed(std::span<const Op> ops, Instance& instance, RecordedRun& run);
  Status RecordAll(Instance& instance);
  // `done`: when its execution ends, if it did not fail.
  void ReleaseInstance(Instance& instance, const StatusOr<Moment>& done);

  Status CheckArguments(std::span<const std::shared_ptr<Buffer>> arguments, const ExecuteOptions& options) const;
  Status Bind(std::span<const std::shared_ptr<Buffer>> arguments, const ExecuteOptions& options, Bindings& bindings);
  Status BindOutputs(const ExecuteOptions& options, Bindings& bindings);
  Status BindOutput(const ExecuteOptions& options, size_t output, int parameter, Bindings& bindings);
  // After a failure. Gives back what was donated, except memory that may have been overwritten; says whether there was
  // any.
  bool Unbind(std::span<const std::shared_ptr<Buffer>> arguments, const ExecuteOptions& options, Bindings& bindings);
  bool HasHostOutputs() const;
  Status RecordCopies(const Bindings& bindings);
  StatusOr<Allocations> GetArena(bool is_shared) const;
  StatusOr<Moment> Run(Bindings& bindings, const ExecuteOptions& options);
  StatusOr<Moment> RunWith(Instance& instance, const Allocations& arena, Bindings& bindings,
                           const ExecuteOptions& options);
  void FillTable(Instance& instance, const Bindings& bindings, const Allocations& arena) const;
  std::vector<std::shared_ptr<Buffer>> WrapOutputs(Bindings& bindings, const std::shared_ptr<Event>& ready,
                                                   const Moment& ready_moment) const;

  const std::shared_ptr<Core> core_;
  const program::ValidProgram program_;
  Plan plan_;
  std::vector<SharedPipeline> pipelines_;  // of the program's kernels, then the built-in ones
  std::vector<std::shared_ptr<Allocation>> constants_;
  std::vector<uint64_t> parameter_bytes_;
  std::vector<uint64_t> output_bytes_;

  std::mutex instances_mutex_;
  std::vector<std::unique_ptr<Instance>> instances_;
};

}  // namespace dragoman::runtime
