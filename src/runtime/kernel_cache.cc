// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_cache.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/format.h"
#include "runtime/builtin_kernels.h"

namespace dragoman::runtime {
namespace {

constexpr size_t kKernelsPerThread = 4;
constexpr auto kSaveInterval = std::chrono::seconds(2);

Hash128 KeyOf(const program::Kernel& kernel) {
  return kernel.hash == Hash128{} ? program::HashKernel(kernel) : kernel.hash;
}

}  // namespace

KernelCache::KernelCache(vulkan::Device& device, vulkan::PipelineCache& cache) : device_(device), cache_(cache) {
  saving_thread_ = std::thread([this] { SaveNowAndThen(); });
}

void KernelCache::Stop() {
  if (!saving_thread_.joinable()) return;
  {
    const std::lock_guard lock(saving_mutex_);
    is_stopping_ = true;
  }
  saving_changed_.notify_all();
  saving_thread_.join();
}

void KernelCache::SaveNowAndThen() {
  std::unique_lock lock(saving_mutex_);
  while (true) {
    saving_changed_.wait(lock, [&] { return is_dirty_ || is_stopping_; });
    // New kernels come in crowds: wait for the crowd.
    if (is_dirty_) saving_changed_.wait_for(lock, kSaveInterval, [&] { return is_stopping_; });
    const bool is_last = is_stopping_, has_new = is_dirty_;
    is_dirty_ = false;
    lock.unlock();
    if (has_new && device_.health().ok()) cache_.Save();
    if (is_last) return;
    lock.lock();
  }
}

StatusOr<SharedPipeline> KernelCache::Make(const program::Kernel& kernel, bool takes_base) {
  const bool is_full = kernel.required_subgroup_size != 0 && kernel.workgroup_size % kernel.required_subgroup_size == 0;
  StatusOr<vulkan::OwnedPipeline> pipeline =
      vulkan::CreatePipeline(device_, cache_,
                             {.spirv = kernel.spirv,
                              .required_subgroup_size = kernel.required_subgroup_size,
                              .is_full_subgroups = is_full,
                              .takes_base = takes_base});
  if (!pipeline.ok()) return pipeline.status().WithContext(Format("While making kernel {}.", KeyOf(kernel).Hex()));
  return SharedPipeline(std::make_shared<const vulkan::OwnedPipeline>(*std::move(pipeline)));
}

StatusOr<std::vector<SharedPipeline>> KernelCache::Get(std::span<const program::Kernel> kernels) {
  std::vector<SharedPipeline> result(kernels.size());
  std::vector<size_t> missing;
  {
    const std::lock_guard lock(pipelines_mutex_);
    for (size_t i = 0; i < kernels.size(); ++i) {
      const auto found = pipelines_.find(KeyOf(kernels[i]));
      if (found != pipelines_.end()) result[i] = found->second.lock();
      if (result[i] == nullptr) missing.push_back(i);
    }
  }
  if (missing.empty()) return result;

  std::atomic<size_t> next = 0;
  std::mutex first_error_mutex;
  Status first_error;
  const auto work = [&] {
    for (size_t i = next++; i < missing.size(); i = next++) {
      StatusOr<SharedPipeline> pipeline = Make(kernels[missing[i]]);
      if (pipeline.ok()) {
        result[missing[i]] = *std::move(pipeline);
        continue;
      }
      const std::lock_guard lock(first_error_mutex);
      if (first_error.ok()) first_error = pipeline.status();
      next = missing.size();
    }
  };
  const size_t num_threads = std::min<size_t>(std::max(1u, std::thread::hardware_concurrency()),
                                              (missing.size() + kKernelsPerThread - 1) / kKernelsPerThread);
  std::vector<std::thread> threads;
  for (size_t i = 1; i < num_threads; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  RETURN_IF_ERROR(first_error);

  {
    const std::lock_guard lock(pipelines_mutex_);
    for (const size_t i : missing) pipelines_[KeyOf(kernels[i])] = result[i];
    if (pipelines_.size() > sweep_size_) {
      std::erase_if(pipelines_, [](const auto& entry) { return entry.second.expired(); });
      sweep_size_ = std::max<size_t>(1024, 2 * pipelines_.size());
    }
  }
  {
    const std::lock_guard lock(saving_mutex_);
    is_dirty_ = true;
  }
  saving_changed_.notify_all();
  return result;
}

StatusOr<SharedPipeline> KernelCache::GetForPieces(const program::Kernel& kernel) {
  Hash128 key = KeyOf(kernel);
  key.high = ~key.high;
  {
    const std::lock_guard lock(pipelines_mutex_);
    if (const auto found = pipelines_.find(key); found != pipelines_.end()) {
      if (SharedPipeline pipeline = found->second.lock()) return pipeline;
    }
  }
  ASSIGN_OR_RETURN(const SharedPipeline pipeline, Make(kernel, /*takes_base=*/true));
  const std::lock_guard lock(pipelines_mutex_);
  pipelines_[key] = pipeline;
  return pipeline;
}

StatusOr<std::vector<SharedPipeline>> KernelCache::GetBuiltin() {
  {
    const std::lock_guard lock(pipelines_mutex_);
    if (!builtin_.empty()) return builtin_;
  }
  ASSIGN_OR_RETURN(std::vector<SharedPipeline> pipelines, Get(BuiltinKernels()));
  const std::lock_guard lock(pipelines_mutex_);
  builtin_ = std::move(pipelines);
  return builtin_;
}

}  // namespace dragoman::runtime
