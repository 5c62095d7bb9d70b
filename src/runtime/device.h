// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "runtime/core.h"
#include "runtime/runtime.h"

namespace dragoman::runtime {

class DeviceImpl final : public Device {
 public:
  DeviceImpl(std::shared_ptr<Core> core, int index, target::DeviceProfile profile);
  // Waits for the work in flight.
  ~DeviceImpl() override;

  const target::DeviceProfile& profile() const override { return profile_; }
  int index() const override { return index_; }
  MemoryStatistics memory_statistics() const override;
  using Device::Allocate;
  using Device::Copy;
  using Device::FromHost;
  using Device::Load;
  StatusOr<std::shared_ptr<Buffer>> FromHost(const TensorType& type, const HostView& view,
                                             Placement placement) override;
  StatusOr<std::shared_ptr<Buffer>> Allocate(const TensorType& type, Placement placement) override;
  std::shared_ptr<Event> ToHost(const std::shared_ptr<Buffer>& buffer, void* destination, size_t size_bytes) override;
  StatusOr<std::shared_ptr<Buffer>> Copy(const std::shared_ptr<Buffer>& buffer, Placement placement) override;
  StatusOr<std::shared_ptr<Executable>> Load(const program::ValidProgram& program) override;
  Status WaitIdle() override;
  Status health() const override { return core_->CheckUsable(); }

  // For tests.
  Core& core() { return *core_; }

 private:
  const std::shared_ptr<Core> core_;
  const int index_;
  const target::DeviceProfile profile_;
};

}  // namespace dragoman::runtime
