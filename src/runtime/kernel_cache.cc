// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_cache.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "base/cache_mark.h"
#include "base/format.h"
#include "base/log.h"
#include "runtime/kernel_trial.h"

namespace dragoman::runtime {
namespace {

// What the steps that run each kernel are called.
void AddLabels(const std::vector<program::Step>& steps, std::vector<std::string>& labels) {
  for (const program::Step& step : steps) {
    if (step.kind == program::StepKind::kDispatch && labels[step.kernel].empty()) labels[step.kernel] = step.label;
    for (const auto& body : step.bodies) AddLabels(body, labels);
  }
}

}  // namespace

std::vector<std::string> KernelLabels(const program::Program& program) {
  std::vector<std::string> labels(program.kernels.size());
  AddLabels(program.steps, labels);
  for (std::string& label : labels) {
    if (label.empty()) label = "no step";
  }
  return labels;
}

Hash128 KernelRequest::key() const {
  Hash128 key = kernel->hash;
  if (takes_base) key.high = ~key.high;  // another pipeline of the same kernel
  return key;
}

vulkan::PipelineOptions PipelineOptionsOf(const program::Kernel& kernel, bool takes_base) {
  const uint32_t subgroup_size = kernel.required_subgroup_size;
  return {.spirv = kernel.spirv,
          .required_subgroup_size = subgroup_size,
          .is_full_subgroups = subgroup_size != 0 && kernel.workgroup_size % subgroup_size == 0,
          .takes_base = takes_base};
}

KernelCache::KernelCache(vulkan::Device& device, const vulkan::PipelineCache& cache)
    : device_(device), cache_(cache), max_helpers_(std::max(1u, std::thread::hardware_concurrency()) - 1) {}

Status KernelCache::Refusal(std::string_view label) const {
  const auto& profile = device_.profile();
  return Unimplemented(Format(
      "The driver {} {} of {} ends the process when it is given the kernel of {}, as it did before, so it is not "
      "given it again. Update the driver, or try once more after `dragoman cache clear --refused`.",
      profile.driver_name, profile.driver_info, profile.name, label));
}

StatusOr<vulkan::OwnedPipeline> KernelCache::MakeMarked(const KernelRequest& request, const Hash128& key) {
  const auto& profile = device_.profile();
  const std::string text =
      Format("{} on {} ({} {})", request.label, profile.name, profile.driver_name, profile.driver_info);
  CacheMark mark = CacheMark::Set(*cache_.folder(), key, text);
  if (mark.state() == MarkState::kRefused) return Refusal(request.label);
  if (mark.state() == MarkState::kLeft) {
    Log(LogLevel::kInfo, Format("A process ended while the driver made the kernel of {}; a process of its own tries it "
                                "first.",
                                text));
    mark.SetTrying();
    if (TryKernel(*request.kernel, vulkan::DriverKey(device_.physical())) != TrialOutcome::kSurvived) {
      mark.Refuse();
      return Refusal(request.label);
    }
  }
  // Whoever held the mark, here or in another process, has made it meanwhile.
  ASSIGN_OR_RETURN(std::optional<vulkan::OwnedPipeline> found, cache_.Find(key, request.options()));
  if (found) return *std::move(found);
  return cache_.Make(key, request.options());
}

StatusOr<vulkan::OwnedPipeline> KernelCache::Make(const KernelRequest& request) {
  const Hash128 key = cache_.KeyOf(request.key());
  const vulkan::PipelineOptions options = request.options();
  if (cache_.folder() == nullptr) return cache_.Make(key, options);
  ASSIGN_OR_RETURN(std::optional<vulkan::OwnedPipeline> found, cache_.Find(key, options));
  if (found) return *std::move(found);
  return MakeMarked(request, key);
}

bool KernelCache::Take(Job& job) {
  const std::lock_guard lock(jobs_mutex_);
  return !std::exchange(job.is_taken, true);
}

std::shared_ptr<KernelCache::Job> KernelCache::TakeFirst() {
  const std::lock_guard lock(jobs_mutex_);
  while (!queue_.empty()) {
    std::shared_ptr<Job> job = std::move(queue_.front());
    queue_.pop_front();
    if (!std::exchange(job->is_taken, true)) return job;
  }
  return nullptr;
}

void KernelCache::SweepExpired() {
  if (pipelines_.size() <= sweep_size_) return;
  std::erase_if(pipelines_, [](const auto& entry) { return entry.second.expired(); });
  sweep_size_ = std::max<size_t>(1024, 2 * pipelines_.size());
}

void KernelCache::Run(Job& job) {
  const KernelRequest& request = *job.request;
  const auto start = std::chrono::steady_clock::now();
  StatusOr<vulkan::OwnedPipeline> made = Make(request);
  if (LogEnabled(LogLevel::kDebug)) {
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    Log(LogLevel::kDebug, Format("made the kernel of {} in {:.1f} ms", request.label, taken.count()));
  }
  const std::lock_guard lock(jobs_mutex_);
  if (made.ok()) {
    const auto pipeline = std::make_shared<const vulkan::OwnedPipeline>(*std::move(made));
    pipelines_[request.key()] = pipeline;
    if (request.is_lasting) lasting_.push_back(pipeline);
    job.outcome = pipeline;
    SweepExpired();
  } else {
    job.outcome = made.status().WithContext(Format("While making kernel {}.", request.kernel->hash.Hex()));
  }
  in_work_.erase(request.key());
  job_done_.notify_all();
}

const StatusOr<SharedPipeline>& KernelCache::Wait(const Job& job) {
  std::unique_lock lock(jobs_mutex_);
  job_done_.wait(lock, [&] { return job.outcome.has_value(); });
  return *job.outcome;
}

size_t KernelCache::ReserveHelpers(size_t wanted) {
  const std::lock_guard lock(jobs_mutex_);
  const size_t num_more = std::min({wanted, queue_.size(), max_helpers_ - num_helpers_});
  num_helpers_ += num_more;
  return num_more;
}

void KernelCache::Help(const std::atomic<bool>& is_done) {
  while (!is_done) {
    const std::shared_ptr<Job> job = TakeFirst();
    if (job == nullptr) break;
    Run(*job);
  }
  const std::lock_guard lock(jobs_mutex_);
  --num_helpers_;
}

void KernelCache::MakeAll(const Jobs& own) {
  if (own.empty()) return;
  std::atomic<bool> is_done = false;
  std::vector<std::thread> helpers;
  for (size_t i = 0; i < own.size(); ++i) {
    if (!Take(*own[i])) continue;
    for (size_t more = ReserveHelpers(own.size() - 1 - i); more != 0; --more) {
      helpers.emplace_back([&] { Help(is_done); });
    }
    Run(*own[i]);
  }
  for (const auto& job : own) (void)Wait(*job);
  is_done = true;
  for (std::thread& helper : helpers) helper.join();
  const std::lock_guard lock(jobs_mutex_);
  std::erase_if(queue_, [](const auto& job) { return job->is_taken; });
}

void KernelCache::Find(std::span<const KernelRequest> requests, std::vector<SharedPipeline>& found, Jobs& jobs,
                       Jobs& own) {
  const std::lock_guard lock(jobs_mutex_);
  for (size_t i = 0; i < requests.size(); ++i) {
    const Hash128 key = requests[i].key();
    if (const auto made = pipelines_.find(key); made != pipelines_.end()) found[i] = made->second.lock();
    if (found[i] != nullptr) continue;
    std::shared_ptr<Job>& job = in_work_[key];
    if (job == nullptr) {
      job = std::make_shared<Job>(Job{.request = &requests[i]});
      own.push_back(job);
    }
    jobs[i] = job;
  }
  // The long ones first, so that no thread is left with one at the end.
  std::ranges::stable_sort(own, std::greater(), [](const auto& job) { return job->request->kernel->spirv.size(); });
  queue_.insert(queue_.end(), own.begin(), own.end());
}

StatusOr<std::vector<SharedPipeline>> KernelCache::Get(std::span<const KernelRequest> requests) {
  std::vector<SharedPipeline> pipelines(requests.size());
  Jobs jobs(requests.size()), own;
  Find(requests, pipelines, jobs, own);
  MakeAll(own);
  for (size_t i = 0; i < requests.size(); ++i) {
    if (jobs[i] == nullptr) continue;
    const StatusOr<SharedPipeline>& outcome = Wait(*jobs[i]);
    RETURN_IF_ERROR(outcome.status());
    pipelines[i] = *outcome;
  }
  return pipelines;
}

}  // namespace dragoman::runtime
