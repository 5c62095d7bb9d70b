// SPDX-License-Identifier: Apache-2.0
// Bytes between host and device, and within the device.
#pragma once

#include "runtime/buffer.h"

namespace dragoman::runtime {

StatusOr<std::shared_ptr<Buffer>> TransferFromHost(const std::shared_ptr<Core>& core, const TensorType& type,
                                                   const HostView& view, Placement placement = Placement::kDevice);
std::shared_ptr<Event> TransferToHost(const std::shared_ptr<BufferImpl>& buffer, void* destination, size_t size_bytes);
StatusOr<std::shared_ptr<Buffer>> CopyOnDevice(const std::shared_ptr<BufferImpl>& buffer, Placement placement);

}  // namespace dragoman::runtime
