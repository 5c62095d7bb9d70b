// SPDX-License-Identifier: Apache-2.0
// Pipelines by the hash of their kernel: equal kernels of all loaded programs share one.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "program/program.h"
#include "vulkan/pipeline.h"

namespace dragoman::runtime {

using SharedPipeline = std::shared_ptr<const vulkan::OwnedPipeline>;

// Thread-safe. Keeps no pipeline alive that nobody uses; the driver's cache makes such a one quickly again.
class KernelCache {
 public:
  KernelCache(vulkan::Device& device, vulkan::PipelineCache& cache);
  ~KernelCache() { Stop(); }
  // Ends the thread that writes the cache to disk, after a last write: no thread may be in the driver when the process
  // ends.
  void Stop();

  // One pipeline a kernel, made by several threads where there are many new ones.
  StatusOr<std::vector<SharedPipeline>> Get(std::span<const program::Kernel> kernels);
  // One that can be dispatched piece by piece.
  StatusOr<SharedPipeline> GetForPieces(const program::Kernel& kernel);
  // The runtime's own kernels (builtin_kernels.h), made at the first call.
  StatusOr<std::vector<SharedPipeline>> GetBuiltin();

 private:
  StatusOr<SharedPipeline> Make(const program::Kernel& kernel, bool takes_base = false);
  void SaveNowAndThen();

  vulkan::Device& device_;
  vulkan::PipelineCache& cache_;

  std::mutex pipelines_mutex_;
  std::unordered_map<Hash128, std::weak_ptr<const vulkan::OwnedPipeline>, Hash128Hasher> pipelines_;
  size_t sweep_size_ = 1024;
  std::vector<SharedPipeline> builtin_;

  std::mutex saving_mutex_;
  std::condition_variable saving_changed_;
  bool is_dirty_ = false;
  bool is_stopping_ = false;
  std::thread saving_thread_;
};

}  // namespace dragoman::runtime
