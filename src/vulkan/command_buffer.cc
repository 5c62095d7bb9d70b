// SPDX-License-Identifier: Apache-2.0
#include "vulkan/command_buffer.h"

namespace dragoman::vulkan {
namespace {

struct BarrierRow {
  VkPipelineStageFlags stages_before;
  VkAccessFlags access_before;
  VkPipelineStageFlags stages_after;
  VkAccessFlags access_after;
};

constexpr VkPipelineStageFlags kKernels = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
constexpr VkPipelineStageFlags kKernelsAndSizes = kKernels | VK_PIPELINE_STAGE_DRAW_INDIRECT_BIT;
constexpr VkPipelineStageFlags kCopies = VK_PIPELINE_STAGE_TRANSFER_BIT;
constexpr VkPipelineStageFlags kAll = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
constexpr VkAccessFlags kShaderAccess = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT;
constexpr VkAccessFlags kCopyAccess = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
constexpr VkAccessFlags kAnyAccess = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT;
constexpr VkAccessFlags kHostAccess = VK_ACCESS_HOST_READ_BIT | VK_ACCESS_HOST_WRITE_BIT;

// In the order of Barrier.
constexpr BarrierRow kBarriers[] = {
    {kKernels, VK_ACCESS_SHADER_WRITE_BIT, kKernels, kShaderAccess},
    {kCopies, VK_ACCESS_TRANSFER_WRITE_BIT, kCopies, kCopyAccess},
    {kKernelsAndSizes, VK_ACCESS_SHADER_WRITE_BIT, kKernelsAndSizes,
     kShaderAccess | VK_ACCESS_INDIRECT_COMMAND_READ_BIT},
    {kAll, VK_ACCESS_MEMORY_WRITE_BIT, kAll, kAnyAccess},
    {kAll, VK_ACCESS_MEMORY_WRITE_BIT, VK_PIPELINE_STAGE_HOST_BIT, kHostAccess},
};

struct PushConstants {
  uint64_t address;
  uint32_t num_segments;
  uint32_t num_workgroups;
};

}  // namespace

StatusOr<CommandPool> CommandPool::Create(Device& device) {
  const VkCommandPoolCreateInfo info{.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                     .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                     .queueFamilyIndex = device.physical().queue_family};
  VkCommandPool pool = VK_NULL_HANDLE;
  RETURN_IF_ERROR(device.Call("vkCreateCommandPool", device.functions().vkCreateCommandPool, device.handle(), &info,
                              nullptr, &pool));
  return CommandPool(device, OwnedCommandPool(device.functions(), device.handle(), pool));
}

StatusOr<VkCommandBuffer> CommandPool::Allocate() {
  const VkCommandBufferAllocateInfo info{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                         .commandPool = pool_.get(),
                                         .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                         .commandBufferCount = 1};
  VkCommandBuffer buffer = VK_NULL_HANDLE;
  RETURN_IF_ERROR(device_->Call("vkAllocateCommandBuffers", device_->functions().vkAllocateCommandBuffers,
                                device_->handle(), &info, &buffer));
  return buffer;
}

StatusOr<Recorder> Recorder::Begin(Device& device, VkCommandBuffer buffer, bool is_reusable) {
  const VkCommandBufferBeginInfo info{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                      .flags = is_reusable ? VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT
                                                           : VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
  RETURN_IF_ERROR(device.Call("vkBeginCommandBuffer", device.functions().vkBeginCommandBuffer, buffer, &info));
  return Recorder(device, buffer);
}

Status Recorder::End() { return device_->Call("vkEndCommandBuffer", device_->functions().vkEndCommandBuffer, buffer_); }

void Recorder::Wait(Barrier barrier) {
  const BarrierRow& row = kBarriers[static_cast<int>(barrier)];
  const VkMemoryBarrier memory{
      .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = row.access_before, .dstAccessMask = row.access_after};
  device_->functions().vkCmdPipelineBarrier(buffer_, row.stages_before, row.stages_after, 0, 1, &memory, 0, nullptr, 0,
                                            nullptr);
}

void Recorder::SetRecords(uint64_t address, uint32_t num_segments, uint32_t num_workgroups) {
  const PushConstants constants{address, num_segments, num_workgroups};
  device_->functions().vkCmdPushConstants(buffer_, device_->pipeline_layout(), VK_SHADER_STAGE_COMPUTE_BIT, 0,
                                          sizeof(constants), &constants);
}

void Recorder::Bind(VkPipeline pipeline) {
  if (pipeline == bound_) return;
  device_->functions().vkCmdBindPipeline(buffer_, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
  bound_ = pipeline;
}

void Recorder::Dispatch(uint32_t x, uint32_t y, uint32_t base_y) {
  if (base_y == 0) return device_->functions().vkCmdDispatch(buffer_, x, y, 1);
  device_->functions().vkCmdDispatchBase(buffer_, 0, base_y, 0, x, y, 1);
}

void Recorder::DispatchIndirect(const Memory& sizes, uint64_t offset_bytes) {
  device_->functions().vkCmdDispatchIndirect(buffer_, sizes.buffer.get(), offset_bytes);
}

void Recorder::Copy(const Memory& source, uint64_t source_offset, const Memory& target, uint64_t target_offset,
                    uint64_t size_bytes) {
  const VkBufferCopy region{.srcOffset = source_offset, .dstOffset = target_offset, .size = size_bytes};
  device_->functions().vkCmdCopyBuffer(buffer_, source.buffer.get(), target.buffer.get(), 1, &region);
}

void Recorder::Reset(const Timestamps& timestamps, uint32_t first, uint32_t count) {
  device_->functions().vkCmdResetQueryPool(buffer_, timestamps.handle(), first, count);
}

void Recorder::Write(const Timestamps& timestamps, uint32_t index) {
  device_->functions().vkCmdWriteTimestamp(buffer_, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, timestamps.handle(), index);
}

}  // namespace dragoman::vulkan
