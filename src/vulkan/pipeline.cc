// SPDX-License-Identifier: Apache-2.0
#include "vulkan/pipeline.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/format.h"
#include "base/log.h"

namespace dragoman::vulkan {
namespace {

constexpr VkPipelineShaderStageCreateFlags kFullSubgroups = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;

// Before the driver's data: drivers check their own header, but not every driver survives data cut short.
struct FileHeader {
  char magic[8] = {'D', 'R', 'G', 'P', 'I', 'P', 'E', '1'};
  uint32_t vendor_id = 0;
  uint32_t device_id = 0;
  uint32_t driver_version = 0;
  uint32_t reserved = 0;
  uint8_t uuid[VK_UUID_SIZE] = {};
  uint64_t data_bytes = 0;
  Hash128 checksum;
};

FileHeader HeaderFor(const PhysicalDevice& device, std::span<const std::byte> data) {
  FileHeader header;
  header.vendor_id = device.profile.vendor_id;
  header.device_id = device.profile.device_id;
  header.driver_version = device.profile.driver_version;
  std::memcpy(header.uuid, device.pipeline_cache_uuid.data(), VK_UUID_SIZE);
  header.data_bytes = data.size();
  header.checksum = HashBytes(data);
  return header;
}

// Empty when there is no file, or none that fits this device.
std::vector<std::byte> ReadCache(const std::string& path, const PhysicalDevice& device) {
  std::ifstream file(path, std::ios::binary);
  FileHeader header;
  if (!file.read(reinterpret_cast<char*>(&header), sizeof(header))) return {};
  std::error_code error;
  const uint64_t file_bytes = std::filesystem::file_size(path, error);
  if (error || header.data_bytes != file_bytes - sizeof(header)) return {};
  std::vector<std::byte> data(header.data_bytes);
  if (!file.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(data.size()))) return {};
  const FileHeader expected = HeaderFor(device, data);
  if (std::memcmp(&header, &expected, sizeof(header)) == 0) return data;
  Log(LogLevel::kDebug, Format("The pipeline cache {} is damaged or of another driver; it is not used.", path));
  return {};
}

bool WriteCache(const std::string& path, const FileHeader& header, std::span<const std::byte> data) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  const std::string temporary = Format("{}.{}.tmp", path, getpid());
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(&header), sizeof(header));
    file.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
    if (!file.flush()) error = std::make_error_code(std::errc::io_error);
  }
  if (!error) std::filesystem::rename(temporary, path, error);
  if (error) std::filesystem::remove(temporary, error);
  return !error;
}

}  // namespace

StatusOr<std::unique_ptr<PipelineCache>> PipelineCache::Create(Device& device, std::string path) {
  std::unique_ptr<PipelineCache> cache(new PipelineCache(device, std::move(path)));
  const std::vector<std::byte> data =
      cache->path_.empty() ? std::vector<std::byte>() : ReadCache(cache->path_, device.physical());
  const VkPipelineCacheCreateInfo info{.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
                                       .initialDataSize = data.size(),
                                       .pInitialData = data.data()};
  VkPipelineCache handle = VK_NULL_HANDLE;
  RETURN_IF_ERROR(device.Call("vkCreatePipelineCache", device.functions().vkCreatePipelineCache, device.handle(), &info,
                              nullptr, &handle));
  cache->cache_ = OwnedPipelineCache(device.functions(), device.handle(), handle);
  cache->saved_ = HashBytes(data);
  return cache;
}

void PipelineCache::Save() {
  if (path_.empty()) return;
  const std::lock_guard lock(saved_mutex_);
  const auto get = device_.functions().vkGetPipelineCacheData;
  size_t size_bytes = 0;
  if (get(device_.handle(), cache_.get(), &size_bytes, nullptr) != VK_SUCCESS || size_bytes == 0) return;
  std::vector<std::byte> data(size_bytes);
  if (get(device_.handle(), cache_.get(), &size_bytes, data.data()) != VK_SUCCESS) return;
  data.resize(size_bytes);
  const FileHeader header = HeaderFor(device_.physical(), data);
  if (header.checksum == saved_) return;
  if (!WriteCache(path_, header, data)) {
    Log(LogLevel::kDebug, Format("The pipeline cache {} cannot be written.", path_));
    return;
  }
  saved_ = header.checksum;
}

StatusOr<OwnedPipeline> CreatePipeline(Device& device, const PipelineCache& cache, const PipelineOptions& options) {
  const auto& profile = device.profile();
  const uint32_t subgroup_size = options.required_subgroup_size;
  if (subgroup_size != 0 &&
      (!profile.subgroup_size_control || subgroup_size < static_cast<uint32_t>(profile.subgroup_min_size) ||
       subgroup_size > static_cast<uint32_t>(profile.subgroup_max_size))) {
    return Unimplemented(Format("A kernel requires subgroups of {}, and {} offers {} to {}{}.", subgroup_size,
                                profile.name, profile.subgroup_min_size, profile.subgroup_max_size,
                                profile.subgroup_size_control ? "" : " without a choice"));
  }
  const VkShaderModuleCreateInfo module_info{.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                             .codeSize = options.spirv.size_bytes(),
                                             .pCode = options.spirv.data()};
  VkShaderModule module = VK_NULL_HANDLE;
  RETURN_IF_ERROR(device.Call("vkCreateShaderModule", device.functions().vkCreateShaderModule, device.handle(),
                              &module_info, nullptr, &module));
  const OwnedShaderModule module_owner(device.functions(), device.handle(), module);
  const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo required{
      .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
      .requiredSubgroupSize = subgroup_size};
  const bool is_full = options.is_full_subgroups && profile.compute_full_subgroups;
  const VkComputePipelineCreateInfo info{
      .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
      .flags = options.takes_base ? VK_PIPELINE_CREATE_DISPATCH_BASE : VkPipelineCreateFlags{0},
      .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                .pNext = subgroup_size != 0 ? &required : nullptr,
                .flags = is_full ? kFullSubgroups : VkPipelineShaderStageCreateFlags{0},
                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                .module = module,
                .pName = "main"},
      .layout = device.pipeline_layout()};
  VkPipeline pipeline = VK_NULL_HANDLE;
  RETURN_IF_ERROR(device.Call("vkCreateComputePipelines", device.functions().vkCreateComputePipelines, device.handle(),
                              cache.handle(), 1u, &info, nullptr, &pipeline));
  return OwnedPipeline(device.functions(), device.handle(), pipeline);
}

std::string PipelineCachePath(const std::string& folder, const PhysicalDevice& device) {
  if (folder.empty()) return "";
  const FileHeader header = HeaderFor(device, {});
  const Hash128 key = HashBytes(std::as_bytes(std::span(&header, 1)));
  return Format("{}/pipelines-{:016x}.bin", folder, key.low);
}

}  // namespace dragoman::vulkan
