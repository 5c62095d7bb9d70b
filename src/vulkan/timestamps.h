// SPDX-License-Identifier: Apache-2.0
// Points of time on the device's own clock, written by command buffers.
#pragma once

#include <vector>

#include "vulkan/device.h"

namespace dragoman::vulkan {

// Not thread-safe. Recorder writes into it.
class Timestamps {
 public:
  // UNIMPLEMENTED: the device's queue has no clock.
  static StatusOr<Timestamps> Create(Device& device, uint32_t count);
  VkQueryPool handle() const { return pool_.get(); }
  // Counts of the device's clock, of timestamps that work which is done has written.
  StatusOr<std::vector<uint64_t>> Read(uint32_t first, uint32_t count) const;
  // The clock may have begun anew between them.
  double SecondsBetween(uint64_t begin, uint64_t end) const;

 private:
  Timestamps(Device& device, OwnedQueryPool pool) : device_(&device), pool_(std::move(pool)) {}
  Device* device_;
  OwnedQueryPool pool_;
};

}  // namespace dragoman::vulkan
