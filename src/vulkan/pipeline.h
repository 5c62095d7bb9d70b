// SPDX-License-Identifier: Apache-2.0
// Compute pipelines and the driver's cache of them, kept on disk between runs.
#pragma once

#include <string>

#include "vulkan/device.h"

namespace dragoman::vulkan {

// Thread-safe. The file is only a help: damaged, foreign or unwritable files are ignored.
class PipelineCache {
 public:
  // Reads `path` when it belongs to this device and driver. An empty path: nothing on disk.
  static StatusOr<std::unique_ptr<PipelineCache>> Create(Device& device, std::string path);
  VkPipelineCache handle() const { return cache_.get(); }
  // Writes the file anew (to a temporary name, then renamed) when its contents would change.
  void Save();

 private:
  PipelineCache(Device& device, std::string path) : device_(device), path_(std::move(path)) {}

  Device& device_;
  std::string path_;
  OwnedPipelineCache cache_;
  std::mutex saved_mutex_;
  Hash128 saved_;
};

struct PipelineOptions {
  std::span<const uint32_t> spirv;      // entry point "main"
  uint32_t required_subgroup_size = 0;  // 0: any
  bool is_full_subgroups = false;
  bool takes_base = false;  // may be dispatched from another workgroup than the first on
};
// INTERNAL when the driver refuses the module, UNIMPLEMENTED when it cannot require the subgroup size.
StatusOr<OwnedPipeline> CreatePipeline(Device& device, const PipelineCache& cache, const PipelineOptions& options);

// The file in `folder` for the pipelines of this device and driver.
std::string PipelineCachePath(const std::string& folder, const PhysicalDevice& device);

}  // namespace dragoman::vulkan
