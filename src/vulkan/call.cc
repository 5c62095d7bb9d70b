// SPDX-License-Identifier: Apache-2.0
#include "vulkan/call.h"

#include <utility>

#include "base/format.h"

namespace dragoman::vulkan {
namespace {

struct ResultRow {
  VkResult result;
  std::string_view name;
  StatusCode code;
  std::string_view meaning;
};

constexpr ResultRow kResults[] = {
    {VK_SUCCESS, "VK_SUCCESS", StatusCode::kOk, ""},
    {VK_INCOMPLETE, "VK_INCOMPLETE", StatusCode::kOk, ""},
    {VK_NOT_READY, "VK_NOT_READY", StatusCode::kDeadlineExceeded, "the result is not there yet"},
    {VK_TIMEOUT, "VK_TIMEOUT", StatusCode::kDeadlineExceeded, "the wait ran out of time"},
    {VK_ERROR_OUT_OF_HOST_MEMORY, "VK_ERROR_OUT_OF_HOST_MEMORY", StatusCode::kResourceExhausted,
     "the driver is out of host memory"},
    {VK_ERROR_OUT_OF_DEVICE_MEMORY, "VK_ERROR_OUT_OF_DEVICE_MEMORY", StatusCode::kResourceExhausted,
     "the driver is out of device memory"},
    {VK_ERROR_TOO_MANY_OBJECTS, "VK_ERROR_TOO_MANY_OBJECTS", StatusCode::kResourceExhausted,
     "the driver allows no more objects of this kind"},
    {VK_ERROR_FRAGMENTATION, "VK_ERROR_FRAGMENTATION", StatusCode::kResourceExhausted, "a pool is fragmented"},
    {VK_ERROR_MEMORY_MAP_FAILED, "VK_ERROR_MEMORY_MAP_FAILED", StatusCode::kResourceExhausted,
     "the memory cannot be mapped"},
    {VK_ERROR_DEVICE_LOST, "VK_ERROR_DEVICE_LOST", StatusCode::kUnavailable,
     "the device is lost: it was reset, hung or removed, and nothing can run on it any more in this process"},
    {VK_ERROR_INITIALIZATION_FAILED, "VK_ERROR_INITIALIZATION_FAILED", StatusCode::kUnavailable,
     "the driver cannot be initialised"},
    {VK_ERROR_INCOMPATIBLE_DRIVER, "VK_ERROR_INCOMPATIBLE_DRIVER", StatusCode::kUnavailable,
     "no usable Vulkan driver is installed"},
    {VK_ERROR_LAYER_NOT_PRESENT, "VK_ERROR_LAYER_NOT_PRESENT", StatusCode::kFailedPrecondition,
     "a layer that was asked for is not installed"},
    {VK_ERROR_EXTENSION_NOT_PRESENT, "VK_ERROR_EXTENSION_NOT_PRESENT", StatusCode::kInternal,
     "an extension was asked for that the driver lacks"},
    {VK_ERROR_FEATURE_NOT_PRESENT, "VK_ERROR_FEATURE_NOT_PRESENT", StatusCode::kInternal,
     "a feature was asked for that the driver lacks"},
    {VK_ERROR_UNKNOWN, "VK_ERROR_UNKNOWN", StatusCode::kInternal, "the driver gives no reason"},
};

const ResultRow* FindRow(VkResult result) {
  for (const ResultRow& row : kResults) {
    if (row.result == result) return &row;
  }
  return nullptr;
}

}  // namespace

Status ToStatus(std::string_view function, VkResult result) {
  const ResultRow* row = FindRow(result);
  if (row == nullptr) return Internal(Format("{} failed with VkResult {}.", function, static_cast<int>(result)));
  std::string message = Format("{} failed with {}: {}.", function, row->name, row->meaning);
  return result == VK_ERROR_DEVICE_LOST ? Status::DeviceLost(std::move(message))
                                        : Status(row->code, std::move(message));
}

void Faults::Inject(std::string_view function, VkResult result, int skip, int times) {
  const std::lock_guard lock(faults_mutex_);
  faults_.push_back({std::string(function), result, skip, times});
  is_armed_ = true;
}

void Faults::Clear() {
  const std::lock_guard lock(faults_mutex_);
  faults_.clear();
  is_armed_ = false;
}

VkResult Faults::Take(std::string_view function) {
  const std::lock_guard lock(faults_mutex_);
  for (Fault& fault : faults_) {
    if (fault.function != function || fault.times == 0) continue;
    if (fault.skip-- > 0) continue;
    --fault.times;
    return fault.result;
  }
  return VK_SUCCESS;
}

}  // namespace dragoman::vulkan
