// SPDX-License-Identifier: Apache-2.0
#include "runtime/queue.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace dragoman::runtime {
namespace {

constexpr uint64_t kMaxPendingBytes = 8ull << 20;
constexpr int kMaxPendingCommands = 256;
// A lost device may never signal: waits look at its health this often.
constexpr uint64_t kWaitSliceNs = 500'000'000;
// Blocked waits can wake up late: on NVIDIA's driver 580 by up to 10 ms, so that a stream of calls of 0.1 to 0.3 ms
// each took 0.3 to 1.2 ms a call; with these constants it takes what the kernels take. So a wait for a GPU looks again
// and again first, and sleeps in short naps next. A CPU's threads have better things to do.
constexpr auto kSpinTime = std::chrono::microseconds(500);
constexpr auto kNapTime = std::chrono::microseconds(50);
constexpr auto kTimeBeforeBlocking = std::chrono::milliseconds(50);

}  // namespace

Queue::~Queue() { Stop(); }

Status Queue::Start() {
  ASSIGN_OR_RETURN(pool_, vulkan::CommandPool::Create(device_));
  completion_thread_ = std::thread([this] { RunCompletions(); });
  return OkStatus();
}

void Queue::Stop() {
  if (!completion_thread_.joinable()) return;
  (void)Flush();
  {
    const std::lock_guard lock(waiters_mutex_);
    is_stopping_ = true;
  }
  waiters_changed_.notify_all();
  completion_thread_.join();
  (void)WaitIdle();
  std::multimap<uint64_t, std::shared_ptr<void>> retired;
  {
    const std::lock_guard lock(retired_mutex_);
    retired.swap(retired_);
  }
}

StatusOr<VkCommandBuffer> Queue::FreeTransferBuffer() {
  if (!transfer_buffers_.empty() && IsComplete(transfer_buffers_.front().value)) {
    const VkCommandBuffer buffer = transfer_buffers_.front().command_buffer;
    transfer_buffers_.pop_front();
    return buffer;
  }
  return pool_->Allocate();
}

Status Queue::OpenPending() {
  if (pending_.has_value()) return OkStatus();
  ASSIGN_OR_RETURN(const VkCommandBuffer buffer, FreeTransferBuffer());
  StatusOr<vulkan::Recorder> recorder = vulkan::Recorder::Begin(device_, buffer, /*is_reusable=*/false);
  transfer_buffers_.push_back({buffer, recorder.ok() ? submitted_value_ + 1 : 0});
  RETURN_IF_ERROR(recorder.status());
  pending_ = *recorder;
  pending_bytes_ = 0;
  pending_commands_ = 0;
  has_reuse_ = false;
  pending_->Wait(vulkan::Barrier::kStart);
  current_value_.store(submitted_value_ + 1, std::memory_order_release);
  return OkStatus();
}

Status Queue::ClosePending() {
  submission_.clear();
  if (!pending_.has_value()) return OkStatus();
  pending_->Wait(vulkan::Barrier::kEnd);
  const Status status = pending_->End();
  if (status.ok()) {
    submission_.push_back(pending_->command_buffer());
  } else {
    transfer_buffers_.pop_back();  // nobody knows what is in it: it is not used again
  }
  pending_.reset();
  return status;
}

StatusOr<uint64_t> Queue::SubmitLocked(std::span<const VkCommandBuffer> command_buffers) {
  RETURN_IF_ERROR(device_.health());
  const uint64_t value = submitted_value_ + 1;
  const bool had_pending = pending_.has_value();
  Status status = ClosePending();
  const bool is_closed = status.ok();
  submission_.insert(submission_.end(), command_buffers.begin(), command_buffers.end());
  if (status.ok()) status = device_.Submit(submission_, value);
  if (!status.ok() && had_pending && is_closed && !command_buffers.empty() &&
      device_.Submit(std::span(submission_).first(1), value).ok()) {
    // The transfers belong to others: they go even when what should follow them cannot.
    submitted_value_ = value;
    current_value_.store(value, std::memory_order_release);
    return status;
  }
  if (!status.ok() && had_pending) {
    // Those who wait for the transfers must learn that they never happen: this value is theirs, nobody else gets it.
    const std::lock_guard lock(failures_mutex_);
    failures_[value] = status;
    has_failures_ = true;
  }
  if (status.ok() || had_pending) submitted_value_ = value;
  current_value_.store(submitted_value_, std::memory_order_release);
  RETURN_IF_ERROR(status);
  return value;
}

StatusOr<Moment> Queue::Submit(std::span<const VkCommandBuffer> command_buffers) {
  StatusOr<uint64_t> value = [&] {
    const std::lock_guard lock(queue_mutex_);
    return SubmitLocked(command_buffers);
  }();
  CollectRetired();
  RETURN_IF_ERROR(value.status());
  return MomentOf(*value);
}

StatusOr<Moment> Queue::Submit(std::span<const std::vector<VkCommandBuffer>> submissions, bool& has_started) {
  StatusOr<uint64_t> value = 0;
  {
    const std::lock_guard lock(queue_mutex_);
    for (const auto& command_buffers : submissions) {
      value = SubmitLocked(command_buffers);
      if (!value.ok()) break;
      has_started = true;
    }
  }
  CollectRetired();
  RETURN_IF_ERROR(value.status());
  return MomentOf(*value);
}

StatusOr<Moment> Queue::Record(const std::function<void(vulkan::Recorder&)>& record, bool needs_barrier,
                               uint64_t size_bytes) {
  CollectRetired();
  const std::lock_guard lock(queue_mutex_);
  RETURN_IF_ERROR(device_.health());
  RETURN_IF_ERROR(OpenPending());
  if (has_reuse_.exchange(false) || needs_barrier) pending_->Wait(vulkan::Barrier::kBetweenTransfers);
  record(*pending_);
  pending_bytes_ += size_bytes;
  ++pending_commands_;
  const uint64_t value = submitted_value_ + 1;
  if (pending_bytes_ >= kMaxPendingBytes || pending_commands_ >= kMaxPendingCommands) {
    RETURN_IF_ERROR(SubmitLocked({}).status());
  }
  return MomentOf(value);
}

Status Queue::Flush() {
  const std::lock_guard lock(queue_mutex_);
  return pending_.has_value() ? SubmitLocked({}).status() : OkStatus();
}

Status Queue::EnsureSubmitted(uint64_t value) {
  return value > submitted_value_.load(std::memory_order_acquire) ? Flush() : OkStatus();
}

Status Queue::Outcome(uint64_t value) {
  if (has_failures_.load(std::memory_order_acquire)) {
    const std::lock_guard lock(failures_mutex_);
    if (const auto failure = failures_.find(value); failure != failures_.end()) return failure->second;
  }
  return value <= completed_value_.load(std::memory_order_acquire) ? OkStatus() : device_.health();
}

void Queue::NoteCompleted(uint64_t value) {
  uint64_t known = completed_value_.load(std::memory_order_relaxed);
  while (known < value && !completed_value_.compare_exchange_weak(known, value, std::memory_order_release)) {
  }
}

bool Queue::IsComplete(uint64_t value) {
  if (value <= completed_value_.load(std::memory_order_acquire)) return true;
  if (!Outcome(value).ok()) return true;
  if (value > submitted_value_.load(std::memory_order_acquire)) return false;
  // By a wait, not by the counter: drivers without a card under them leave the counter untouched.
  const StatusOr<bool> reached = device_.Wait(value, 0);
  if (!reached.ok()) return !device_.health().ok();
  if (*reached) NoteCompleted(value);
  return *reached;
}

void Queue::WatchFor(uint64_t value) {
  if (device_.profile().type == target::DeviceType::kCpu) return;
  const auto start = std::chrono::steady_clock::now();
  for (auto now = start; now - start < kTimeBeforeBlocking; now = std::chrono::steady_clock::now()) {
    if (IsComplete(value)) return;
    if (now - start < kSpinTime) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kNapTime);
    }
  }
}

Status Queue::Wait(uint64_t value) {
  (void)EnsureSubmitted(value);
  WatchFor(value);
  while (true) {
    if (value <= completed_value_.load(std::memory_order_acquire)) return Outcome(value);
    RETURN_IF_ERROR(Outcome(value));
    if (value > submitted_value_.load(std::memory_order_acquire)) {
      return Internal("The work that is waited for was never submitted.");
    }
    ASSIGN_OR_RETURN(const bool is_reached, device_.Wait(value, kWaitSliceNs));
    if (is_reached) NoteCompleted(value);
  }
}

Status Queue::WaitIdle() {
  RETURN_IF_ERROR(Flush());
  const uint64_t value = submitted_value_.load(std::memory_order_acquire);
  if (has_failures_.load(std::memory_order_acquire)) {
    const std::lock_guard lock(queue_mutex_);
    RETURN_IF_ERROR(device_.WaitIdle());
    NoteCompleted(value);
    return OkStatus();
  }
  const Status status = value == 0 ? OkStatus() : Wait(value);
  CollectRetired();
  return status;
}

void Queue::WhenComplete(const Moment& moment, std::function<void(const Status&)> callback) {
  (void)EnsureSubmitted(moment);
  {
    const std::lock_guard lock(waiters_mutex_);
    if (!is_stopping_) {
      waiters_.emplace(ValueOf(moment), std::move(callback));
      callback = nullptr;
    }
  }
  if (callback == nullptr) {
    waiters_changed_.notify_one();
  } else {
    callback(Wait(moment));
  }
}

void Queue::RunCompletions() {
  std::unique_lock lock(waiters_mutex_);
  while (true) {
    waiters_changed_.wait(lock, [&] { return is_stopping_ || !waiters_.empty(); });
    if (waiters_.empty()) return;
    auto [value, callback] = std::move(*waiters_.begin());
    waiters_.erase(waiters_.begin());
    lock.unlock();
    callback(Wait(value));
    callback = nullptr;
    CollectRetired();
    lock.lock();
  }
}

void Queue::Retire(const Uses& uses, std::shared_ptr<void> resource) {
  if (IsComplete(uses)) return;
  const std::lock_guard lock(retired_mutex_);
  retired_.emplace(ValueOf(uses), std::move(resource));
  has_retired_ = true;
}

void Queue::CollectRetired(bool waits) {
  if (!has_retired_.load(std::memory_order_acquire)) return;
  std::unique_lock collecting(collect_mutex_, std::defer_lock);
  if (waits) {
    collecting.lock();
  } else if (!collecting.try_lock()) {
    return;
  }
  std::vector<std::shared_ptr<void>> done;
  {
    const std::lock_guard lock(retired_mutex_);
    while (!retired_.empty() && IsComplete(retired_.begin()->first)) {
      done.push_back(std::move(retired_.begin()->second));
      retired_.erase(retired_.begin());
    }
  }
  done.clear();  // may retire more
  const std::lock_guard lock(retired_mutex_);
  has_retired_ = !retired_.empty();
}

}  // namespace dragoman::runtime
