// SPDX-License-Identifier: Apache-2.0
#include "vulkan/pipeline.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/format.h"

namespace dragoman::vulkan {

std::vector<uint32_t> CodeForPieces(std::span<const uint32_t> spirv) {
  constexpr size_t kHeaderWords = 5, kBoundWord = 3;
  constexpr uint32_t kOpString = 7, kText = 0;
  // OpMemoryModel, OpEntryPoint, OpExecutionMode, OpCapability, OpExtension, OpExtInstImport, OpExecutionModeId.
  constexpr std::array<uint32_t, 7> kBefore = {14, 15, 16, 17, 10, 11, 331};
  std::vector<uint32_t> words(spirv.begin(), spirv.end());
  size_t at = kHeaderWords;
  while (at < words.size() && std::ranges::find(kBefore, words[at] & 0xffff) != kBefore.end()) {
    at += std::max(words[at] >> 16, 1u);
  }
  if (at >= words.size()) return words;
  const std::array<uint32_t, 3> line = {3u << 16 | kOpString, words[kBoundWord]++, kText};
  words.insert(words.begin() + static_cast<ptrdiff_t>(at), line.begin(), line.end());
  return words;
}

namespace {

constexpr VkPipelineShaderStageCreateFlags kFullSubgroups = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;

Status CheckSubgroupSize(const target::DeviceProfile& profile, uint32_t subgroup_size) {
  if (subgroup_size == 0 ||
      (profile.subgroup_size_control && subgroup_size >= static_cast<uint32_t>(profile.subgroup_min_size) &&
       subgroup_size <= static_cast<uint32_t>(profile.subgroup_max_size))) {
    return OkStatus();
  }
  return Unimplemented(Format("A kernel requires subgroups of {}, and {} offers {} to {}{}.", subgroup_size,
                              profile.name, profile.subgroup_min_size, profile.subgroup_max_size,
                              profile.subgroup_size_control ? "" : " without a choice"));
}

StatusOr<OwnedPipelineCache> CreateCache(Device& device, std::span<const std::byte> data) {
  const VkPipelineCacheCreateInfo info{.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
                                       .initialDataSize = data.size(),
                                       .pInitialData = data.data()};
  VkPipelineCache handle = VK_NULL_HANDLE;
  RETURN_IF_ERROR(device.Call("vkCreatePipelineCache", device.functions().vkCreatePipelineCache, device.handle(), &info,
                              nullptr, &handle));
  return OwnedPipelineCache(device.functions(), device.handle(), handle);
}

std::vector<std::byte> DataOf(const Device& device, VkPipelineCache cache) {
  const auto get = device.functions().vkGetPipelineCacheData;
  size_t size_bytes = 0;
  if (get(device.handle(), cache, &size_bytes, nullptr) != VK_SUCCESS) return {};
  std::vector<std::byte> data(size_bytes);
  if (size_bytes == 0 || get(device.handle(), cache, &size_bytes, data.data()) != VK_SUCCESS) return {};
  data.resize(size_bytes);
  return data;
}

StatusOr<OwnedPipeline> CreatePipeline(Device& device, VkPipelineCache cache, const PipelineOptions& options) {
  const auto& profile = device.profile();
  const uint32_t subgroup_size = options.required_subgroup_size;
  RETURN_IF_ERROR(CheckSubgroupSize(profile, subgroup_size));
  const std::vector<uint32_t> for_pieces = options.takes_base ? CodeForPieces(options.spirv) : std::vector<uint32_t>();
  const std::span<const uint32_t> code = options.takes_base ? std::span<const uint32_t>(for_pieces) : options.spirv;
  const VkShaderModuleCreateInfo module_info{
      .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = code.size_bytes(), .pCode = code.data()};
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
                              cache, 1u, &info, nullptr, &pipeline));
  return OwnedPipeline(device.functions(), device.handle(), pipeline);
}

}  // namespace

Hash128 DriverKey(const PhysicalDevice& device) {
  const auto& profile = device.profile;
  const std::string text =
      Format("{} {} {} {} ", profile.vendor_id, profile.device_id, profile.driver_version, profile.driver_info);
  return HashString(text, HashBytes(std::as_bytes(std::span(device.pipeline_cache_uuid))).low);
}

PipelineCache::PipelineCache(Device& device, std::shared_ptr<const CacheFolder> folder)
    : device_(device), folder_(std::move(folder)), driver_(DriverKey(device.physical())) {}

Hash128 PipelineCache::KeyOf(const Hash128& kernel) const {
  const Hash128 parts[] = {kernel, driver_};
  return HashBytes(std::as_bytes(std::span(parts)));
}

StatusOr<std::optional<OwnedPipeline>> PipelineCache::Find(const Hash128& key, const PipelineOptions& options) const {
  if (folder_ == nullptr) return std::optional<OwnedPipeline>();
  const std::optional<std::vector<std::byte>> data = folder_->Find(CacheKind::kPipeline, key);
  if (!data) return std::optional<OwnedPipeline>();
  ASSIGN_OR_RETURN(const OwnedPipelineCache cache, CreateCache(device_, *data));
  ASSIGN_OR_RETURN(OwnedPipeline pipeline, CreatePipeline(device_, cache.get(), options));
  return std::optional<OwnedPipeline>(std::move(pipeline));
}

StatusOr<OwnedPipeline> PipelineCache::Make(const Hash128& key, const PipelineOptions& options) const {
  if (folder_ == nullptr) return CreatePipeline(device_, VK_NULL_HANDLE, options);
  ASSIGN_OR_RETURN(const OwnedPipelineCache cache, CreateCache(device_, {}));
  ASSIGN_OR_RETURN(OwnedPipeline pipeline, CreatePipeline(device_, cache.get(), options));
  folder_->Insert(CacheKind::kPipeline, key, DataOf(device_, cache.get()));
  return pipeline;
}

}  // namespace dragoman::vulkan
