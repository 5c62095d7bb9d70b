// SPDX-License-Identifier: Apache-2.0
// Bytes between host and device, and within the device.
#pragma once

#include "runtime/buffer.h"

namespace dragoman::runtime {

// How long a tensor is there: what the host writes while the device works is scarce.
enum class Stay : uint8_t { kPassing, kLasting };

StatusOr<std::shared_ptr<Buffer>> TransferFromHost(const std::shared_ptr<Core>& core, const TensorType& type,
                                                   const HostView& view, Placement placement = Placement::kDevice,
                                                   Stay stay = Stay::kPassing);
std::shared_ptr<Event> TransferToHost(const std::shared_ptr<BufferImpl>& buffer, void* destination, size_t size_bytes);
StatusOr<std::shared_ptr<Buffer>> CopyOnDevice(const std::shared_ptr<BufferImpl>& buffer, Placement placement);

}  // namespace dragoman::runtime
