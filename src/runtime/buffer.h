// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>

#include "runtime/core.h"
#include "runtime/runtime.h"

namespace dragoman::runtime {

class BufferImpl final : public Buffer {
 public:
  // `ready` is the event of `ready_moment`: of the default it is ready from the start.
  BufferImpl(std::shared_ptr<Core> core, std::shared_ptr<const TensorType> type, std::shared_ptr<Allocation> allocation,
             std::shared_ptr<Event> ready, const Moment& ready_moment)
      : core_(std::move(core)),
        type_(std::move(type)),
        size_bytes_(static_cast<uint64_t>(type_->size_bytes())),
        ready_(std::move(ready)),
        ready_moment_(ready_moment),
        allocation_(std::move(allocation)) {}

  const TensorType& type() const override { return *type_; }
  Device& device() const override { return *core_->owner; }
  std::shared_ptr<Event> ready() const override { return ready_; }
  uint64_t size_bytes() const override { return size_bytes_; }
  uint64_t device_address() const override {
    const std::lock_guard lock(allocation_mutex_);
    return allocation_ == nullptr ? 0 : allocation_->address();
  }
  void Delete() override { (void)Take(); }
  bool IsDeleted() const override {
    const std::lock_guard lock(allocation_mutex_);
    return allocation_ == nullptr;
  }

  const std::shared_ptr<Core>& core() const { return core_; }
  const std::shared_ptr<const TensorType>& shared_type() const { return type_; }
  const Moment& ready_moment() const { return ready_moment_; }
  // Null when deleted. Holding it keeps the memory; a donation does not write it in place meanwhile.
  std::shared_ptr<Allocation> allocation() const {
    const std::lock_guard lock(allocation_mutex_);
    return allocation_;
  }
  // Deletes the buffer and hands its memory over; null when it was deleted before.
  std::shared_ptr<Allocation> Take() {
    std::shared_ptr<Allocation> taken;
    const std::lock_guard lock(allocation_mutex_);
    taken.swap(allocation_);
    return taken;
  }
  // Undoes Take.
  void GiveBack(std::shared_ptr<Allocation> allocation) {
    const std::lock_guard lock(allocation_mutex_);
    allocation_ = std::move(allocation);
  }

 private:
  const std::shared_ptr<Core> core_;
  const std::shared_ptr<const TensorType> type_;
  const uint64_t size_bytes_;
  const std::shared_ptr<Event> ready_;
  const Moment ready_moment_;
  mutable std::mutex allocation_mutex_;
  std::shared_ptr<Allocation> allocation_;
};

}  // namespace dragoman::runtime
