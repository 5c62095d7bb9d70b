// SPDX-License-Identifier: Apache-2.0
// Compute pipelines, and what the driver made of each kernel kept on disk between runs.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/cache_folder.h"
#include "vulkan/device.h"

namespace dragoman::vulkan {

struct PipelineOptions {
  std::span<const uint32_t> spirv;      // entry point "main"
  uint32_t required_subgroup_size = 0;  // 0: any
  bool is_full_subgroups = false;
  bool takes_base = false;  // may be dispatched from another workgroup than the first on
};

// The code with one string more, which no instruction uses, before its names, decorations and types. NVIDIA's driver
// 580, when it has a pipeline of the same code, gives that one again whatever the flags say: without
// VK_PIPELINE_CREATE_DISPATCH_BASE workgroups then count from 0, and every piece of a dispatch computes the first.
std::vector<uint32_t> CodeForPieces(std::span<const uint32_t> spirv);

// One file a kernel: a process reads what it needs and nothing is written twice. Thread-safe. The files are only a
// help: damaged, foreign or unwritable ones are ignored.
class PipelineCache {
 public:
  // Without a folder nothing is kept.
  PipelineCache(Device& device, std::shared_ptr<const CacheFolder> folder);
  const CacheFolder* folder() const { return folder_.get(); }
  // Names a kernel and the driver that makes it.
  Hash128 KeyOf(const Hash128& kernel) const;

  // Of a kernel that this driver has made before; null for others.
  StatusOr<std::optional<OwnedPipeline>> Find(const Hash128& key, const PipelineOptions& options) const;
  // INTERNAL when the driver refuses the module, UNIMPLEMENTED when it cannot require the subgroup size.
  StatusOr<OwnedPipeline> Make(const Hash128& key, const PipelineOptions& options) const;

 private:
  Device& device_;
  std::shared_ptr<const CacheFolder> folder_;
  Hash128 driver_;
};

// What tells this device and driver from others whose pipelines are no use to it.
Hash128 DriverKey(const PhysicalDevice& device);

}  // namespace dragoman::vulkan
