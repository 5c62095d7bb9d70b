// SPDX-License-Identifier: Apache-2.0
#include "vulkan/timestamps.h"

#include "base/format.h"

namespace dragoman::vulkan {

StatusOr<Timestamps> Timestamps::Create(Device& device, uint32_t count) {
  if (device.physical().timestamp_bits == 0) {
    return Unimplemented(
        Format("{} writes no timestamps on its compute queue: its kernels cannot be timed.", device.profile().name));
  }
  const VkQueryPoolCreateInfo info{
      .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO, .queryType = VK_QUERY_TYPE_TIMESTAMP, .queryCount = count};
  VkQueryPool pool = VK_NULL_HANDLE;
  RETURN_IF_ERROR(
      device.Call("vkCreateQueryPool", device.functions().vkCreateQueryPool, device.handle(), &info, nullptr, &pool));
  return Timestamps(device, OwnedQueryPool(device.functions(), device.handle(), pool));
}

StatusOr<std::vector<uint64_t>> Timestamps::Read(uint32_t first, uint32_t count) const {
  std::vector<uint64_t> counts(count);
  RETURN_IF_ERROR(device_->Call("vkGetQueryPoolResults", device_->functions().vkGetQueryPoolResults, device_->handle(),
                                pool_.get(), first, count, counts.size() * sizeof(uint64_t), counts.data(),
                                sizeof(uint64_t), VK_QUERY_RESULT_64_BIT));
  return counts;
}

double Timestamps::SecondsBetween(uint64_t begin, uint64_t end) const {
  const PhysicalDevice& physical = device_->physical();
  const uint64_t mask = physical.timestamp_bits >= 64 ? ~0ull : (1ull << physical.timestamp_bits) - 1;
  return static_cast<double>((end - begin) & mask) * physical.timestamp_period_ns * 1e-9;
}

}  // namespace dragoman::vulkan
