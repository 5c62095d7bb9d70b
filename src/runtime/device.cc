// SPDX-License-Identifier: Apache-2.0
#include "runtime/device.h"

#include <algorithm>

#include "base/format.h"
#include "runtime/buffer.h"
#include "runtime/executable.h"
#include "runtime/transfer.h"

namespace dragoman::runtime {
namespace {

StatusOr<std::shared_ptr<BufferImpl>> Own(const std::shared_ptr<Buffer>& buffer, const Core& core) {
  if (buffer == nullptr) return InvalidArgument("There is no buffer.");
  auto impl = std::static_pointer_cast<BufferImpl>(buffer);
  if (impl->core().get() != &core) return InvalidArgument("The buffer is on another device.");
  return impl;
}

}  // namespace

DeviceImpl::DeviceImpl(std::shared_ptr<Core> core, int index, target::DeviceProfile profile)
    : core_(std::move(core)), index_(index), profile_(std::move(profile)) {
  core_->owner = this;
}

DeviceImpl::~DeviceImpl() {
  if (core_->IsForked()) return;
  core_->queue->Stop();
}

MemoryStatistics DeviceImpl::memory_statistics() const {
  core_->queue->CollectRetired(/*waits=*/true);
  MemoryStatistics all = core_->heap(vulkan::MemoryKind::kDevice).statistics();
  if (core_->arrivals == nullptr) return all;
  const MemoryStatistics arrivals = core_->arrivals->statistics();
  all.bytes_in_use += arrivals.bytes_in_use;
  all.peak_bytes_in_use += arrivals.peak_bytes_in_use;
  all.bytes_reserved += arrivals.bytes_reserved;
  all.num_allocations += arrivals.num_allocations;
  all.largest_allocation_bytes = std::max(all.largest_allocation_bytes, arrivals.largest_allocation_bytes);
  return all;
}

StatusOr<std::shared_ptr<Buffer>> DeviceImpl::FromHost(const TensorType& type, const HostView& view,
                                                       Placement placement) {
  return TransferFromHost(core_, type, view, placement);
}

StatusOr<std::shared_ptr<Buffer>> DeviceImpl::Allocate(const TensorType& type, Placement placement) {
  RETURN_IF_ERROR(core_->CheckUsable());
  ASSIGN_OR_RETURN(auto allocation, core_->tensor_heap(placement).Allocate(type.size_bytes()));
  return std::shared_ptr<Buffer>(std::make_shared<BufferImpl>(core_, std::make_shared<const TensorType>(type),
                                                              std::move(allocation), ReadyEvent(), Moment()));
}

std::shared_ptr<Event> DeviceImpl::ToHost(const std::shared_ptr<Buffer>& buffer, void* destination, size_t size_bytes) {
  const StatusOr<std::shared_ptr<BufferImpl>> own = Own(buffer, *core_);
  return own.ok() ? TransferToHost(*own, destination, size_bytes) : ReadyEvent(own.status());
}

StatusOr<std::shared_ptr<Buffer>> DeviceImpl::Copy(const std::shared_ptr<Buffer>& buffer, Placement placement) {
  ASSIGN_OR_RETURN(const std::shared_ptr<BufferImpl> own, Own(buffer, *core_));
  return CopyOnDevice(own, placement);
}

StatusOr<std::shared_ptr<Executable>> DeviceImpl::Load(const program::ValidProgram& program) {
  return ExecutableImpl::Load(core_, program);
}

Status DeviceImpl::WaitIdle() {
  RETURN_IF_ERROR(core_->CheckUsable());
  return core_->queue->WaitIdle();
}

}  // namespace dragoman::runtime
