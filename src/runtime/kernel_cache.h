// SPDX-License-Identifier: Apache-2.0
// Pipelines by the hash of their kernel: equal kernels of all loaded programs share one.
#pragma once

#include <memory>
#include <mutex>
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

// Thread-safe. Keeps no pipeline alive that nobody uses; the files of the cache make such a one quickly again.
//
// A driver that dies on a kernel takes the process along. A mark in the cache folder (base/cache_mark.h) stands while a
// kernel that the cache does not know is in the driver's hands; who finds the mark of a dead process has that kernel
// made by a process of its own first (kernel_trial.h) and refuses it, by its operation's name, when that one dies too.
class KernelCache {
 public:
  KernelCache(vulkan::Device& device, const vulkan::PipelineCache& cache) : device_(device), cache_(cache) {}

  // One pipeline a kernel, made by several threads where there are many new ones.
  // `labels` names each kernel's operation, for people.
  StatusOr<std::vector<SharedPipeline>> Get(std::span<const program::Kernel> kernels,
                                            std::span<const std::string> labels);
  // One that can be dispatched piece by piece.
  StatusOr<SharedPipeline> GetForPieces(const program::Kernel& kernel, const std::string& label);
  // The runtime's own kernels (builtin_kernels.h), made at the first call.
  StatusOr<std::vector<SharedPipeline>> GetBuiltin();

 private:
  struct Request {
    const program::Kernel* kernel;
    std::string label;
    bool takes_base = false;  // to be dispatched piece by piece
    Hash128 key() const;
    vulkan::PipelineOptions options() const { return PipelineOptionsOf(*kernel, takes_base); }
  };
  StatusOr<std::vector<SharedPipeline>> MakeAll(std::span<const Request> requests);
  StatusOr<vulkan::OwnedPipeline> Make(const Request& request);
  StatusOr<vulkan::OwnedPipeline> MakeMarked(const Request& request, const Hash128& key);
  Status Refusal(std::string_view label) const;

  vulkan::Device& device_;
  const vulkan::PipelineCache& cache_;

  std::mutex pipelines_mutex_;
  std::unordered_map<Hash128, std::weak_ptr<const vulkan::OwnedPipeline>, Hash128Hasher> pipelines_;
  size_t sweep_size_ = 1024;
  std::vector<SharedPipeline> builtin_;
};

}  // namespace dragoman::runtime
