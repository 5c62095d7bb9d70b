// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_cache.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/cache_mark.h"
#include "base/format.h"
#include "base/log.h"
#include "runtime/builtin_kernels.h"
#include "runtime/kernel_trial.h"

namespace dragoman::runtime {
namespace {

constexpr size_t kKernelsPerThread = 4;

Hash128 KeyOf(const program::Kernel& kernel) {
  return kernel.hash == Hash128{} ? program::HashKernel(kernel) : kernel.hash;
}

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

Hash128 KernelCache::Request::key() const {
  Hash128 key = KeyOf(*kernel);
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

Status KernelCache::Refusal(std::string_view label) const {
  const auto& profile = device_.profile();
  return Unimplemented(Format(
      "The driver {} {} of {} ends the process when it is given the kernel of {}, as it did before, so it is not "
      "given it again. Update the driver, or try once more after `dragoman cache clear --refused`.",
      profile.driver_name, profile.driver_info, profile.name, label));
}

StatusOr<vulkan::OwnedPipeline> KernelCache::MakeMarked(const Request& request, const Hash128& key) {
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

StatusOr<vulkan::OwnedPipeline> KernelCache::Make(const Request& request) {
  const Hash128 key = cache_.KeyOf(request.key());
  const vulkan::PipelineOptions options = request.options();
  if (cache_.folder() == nullptr) return cache_.Make(key, options);
  ASSIGN_OR_RETURN(std::optional<vulkan::OwnedPipeline> found, cache_.Find(key, options));
  if (found) return *std::move(found);
  return MakeMarked(request, key);
}

StatusOr<std::vector<SharedPipeline>> KernelCache::MakeAll(std::span<const Request> requests) {
  std::vector<SharedPipeline> result(requests.size());
  std::atomic<size_t> next = 0;
  std::mutex first_error_mutex;
  Status first_error;
  const auto work = [&] {
    for (size_t i = next++; i < requests.size(); i = next++) {
      StatusOr<vulkan::OwnedPipeline> pipeline = Make(requests[i]);
      if (pipeline.ok()) {
        result[i] = std::make_shared<const vulkan::OwnedPipeline>(*std::move(pipeline));
        continue;
      }
      const std::lock_guard lock(first_error_mutex);
      if (first_error.ok()) {
        first_error =
            pipeline.status().WithContext(Format("While making kernel {}.", KeyOf(*requests[i].kernel).Hex()));
      }
      next = requests.size();
    }
  };
  const size_t num_threads = std::min<size_t>(std::max(1u, std::thread::hardware_concurrency()),
                                              (requests.size() + kKernelsPerThread - 1) / kKernelsPerThread);
  std::vector<std::thread> threads;
  for (size_t i = 1; i < num_threads; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  RETURN_IF_ERROR(first_error);
  return result;
}

StatusOr<std::vector<SharedPipeline>> KernelCache::Get(std::span<const program::Kernel> kernels,
                                                       std::span<const std::string> labels) {
  std::vector<SharedPipeline> result(kernels.size());
  std::vector<size_t> missing;
  std::vector<Request> requests;
  {
    const std::lock_guard lock(pipelines_mutex_);
    for (size_t i = 0; i < kernels.size(); ++i) {
      const auto found = pipelines_.find(KeyOf(kernels[i]));
      if (found != pipelines_.end()) result[i] = found->second.lock();
      if (result[i] != nullptr) continue;
      missing.push_back(i);
      requests.push_back({&kernels[i], labels[i]});
    }
  }
  if (missing.empty()) return result;
  ASSIGN_OR_RETURN(const std::vector<SharedPipeline> made, MakeAll(requests));
  const std::lock_guard lock(pipelines_mutex_);
  for (size_t i = 0; i < missing.size(); ++i) {
    pipelines_[KeyOf(kernels[missing[i]])] = made[i];
    result[missing[i]] = made[i];
  }
  if (pipelines_.size() > sweep_size_) {
    std::erase_if(pipelines_, [](const auto& entry) { return entry.second.expired(); });
    sweep_size_ = std::max<size_t>(1024, 2 * pipelines_.size());
  }
  return result;
}

StatusOr<SharedPipeline> KernelCache::GetForPieces(const program::Kernel& kernel, const std::string& label) {
  const Request request{&kernel, label, /*takes_base=*/true};
  {
    const std::lock_guard lock(pipelines_mutex_);
    if (const auto found = pipelines_.find(request.key()); found != pipelines_.end()) {
      if (SharedPipeline pipeline = found->second.lock()) return pipeline;
    }
  }
  ASSIGN_OR_RETURN(const std::vector<SharedPipeline> made, MakeAll({&request, 1}));
  const std::lock_guard lock(pipelines_mutex_);
  pipelines_[request.key()] = made[0];
  return made[0];
}

StatusOr<std::vector<SharedPipeline>> KernelCache::GetBuiltin() {
  {
    const std::lock_guard lock(pipelines_mutex_);
    if (!builtin_.empty()) return builtin_;
  }
  const std::vector<program::Kernel> kernels = BuiltinKernels();
  const std::vector<std::string> labels(kernels.size(), kBuiltinLabel);
  ASSIGN_OR_RETURN(std::vector<SharedPipeline> pipelines, Get(kernels, labels));
  const std::lock_guard lock(pipelines_mutex_);
  builtin_ = std::move(pipelines);
  return builtin_;
}

}  // namespace dragoman::runtime
