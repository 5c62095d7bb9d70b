// SPDX-License-Identifier: Apache-2.0
// Pipelines by the hash of their kernel: equal kernels of all loaded programs share one.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "program/program.h"
#include "vulkan/pipeline.h"

namespace dragoman::runtime {

using SharedPipeline = std::shared_ptr<const vulkan::OwnedPipeline>;

// How a driver is asked for a kernel.
vulkan::PipelineOptions PipelineOptionsOf(const program::Kernel& kernel, bool takes_base = false);
// What the first step that runs each of its kernels is called.
std::vector<std::string> KernelLabels(const program::Program& program);
inline constexpr const char* kBuiltinLabel = "copying";

struct KernelRequest {
  const program::Kernel* kernel;  // of a valid program: with its hash
  std::string label;              // names its operation, for people
  bool takes_base = false;        // to be dispatched piece by piece
  bool is_lasting = false;        // the cache keeps it alive

  Hash128 key() const;
  vulkan::PipelineOptions options() const { return PipelineOptionsOf(*kernel, takes_base); }
};

// Thread-safe. Keeps no pipeline alive that nobody uses, unless it is to last; the files of the cache make such a one
// quickly again.
//
// What several loads want at once is made once: a load makes what nobody makes yet and waits for the rest. What is to
// be made stands in one queue of all loads. Their helper threads, as many as the machine has processors less one, take
// one kernel at a time from its front; each load's own thread takes those of its own, so that a small load need not
// wait for a large one's to be made.
//
// A driver that dies on a kernel takes the process along. A mark in the cache folder (base/cache_mark.h) stands while a
// kernel that the cache does not know is in the driver's hands; who finds the mark of a dead process has that kernel
// made by a process of its own first (kernel_trial.h) and refuses it, by its operation's name, when that one dies too.
class KernelCache {
 public:
  KernelCache(vulkan::Device& device, const vulkan::PipelineCache& cache);

  // One pipeline a request. The error is that of the first that cannot be made.
  StatusOr<std::vector<SharedPipeline>> Get(std::span<const KernelRequest> requests);

 private:
  // A pipeline that is being made or waits for it. The requesting load stays until it is made.
  struct Job {
    const KernelRequest* request;
    bool is_taken = false;                            // these two under jobs_mutex_
    std::optional<StatusOr<SharedPipeline>> outcome;  // does not change any more once it is there
  };
  using Jobs = std::vector<std::shared_ptr<Job>>;

  // By request, one that exists already or else the job that makes it; the jobs that are new go to `own` as well.
  void Find(std::span<const KernelRequest> requests, std::vector<SharedPipeline>& found, Jobs& jobs, Jobs& own);
  void MakeAll(const Jobs& own);
  bool Take(Job& job);
  std::shared_ptr<Job> TakeFirst();
  void Run(Job& job);
  const StatusOr<SharedPipeline>& Wait(const Job& job);
  size_t ReserveHelpers(size_t wanted);
  void Help(const std::atomic<bool>& is_done);
  void SweepExpired();

  StatusOr<vulkan::OwnedPipeline> Make(const KernelRequest& request);
  StatusOr<vulkan::OwnedPipeline> MakeMarked(const KernelRequest& request, const Hash128& key);
  Status Refusal(std::string_view label) const;

  vulkan::Device& device_;
  const vulkan::PipelineCache& cache_;
  const size_t max_helpers_;

  std::mutex jobs_mutex_;
  std::condition_variable job_done_;
  std::unordered_map<Hash128, std::weak_ptr<const vulkan::OwnedPipeline>, Hash128Hasher> pipelines_;
  std::unordered_map<Hash128, std::shared_ptr<Job>, Hash128Hasher> in_work_;
  std::vector<SharedPipeline> lasting_;
  std::deque<std::shared_ptr<Job>> queue_;  // also some that a load took itself
  size_t num_helpers_ = 0;
  size_t sweep_size_ = 1024;
};

}  // namespace dragoman::runtime
