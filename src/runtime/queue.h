// SPDX-License-Identifier: Apache-2.0
// The device's queue and its timeline. Submission n signals value n; others know that as a Moment. Small transfers
// gather in one pending submission, which goes ahead of the next one. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/status.h"
#include "runtime/moment.h"
#include "vulkan/command_buffer.h"

namespace dragoman::runtime {

class Queue {
 public:
  explicit Queue(vulkan::Device& device) : device_(device) {}
  ~Queue();
  Status Start();
  // Waits for all work, calls what waits for it and ends the completion thread. Not on the completion thread.
  void Stop();

  // Submits what is pending and then `command_buffers` (each starts and ends with its own barriers); gives the moment
  // when they are done.
  StatusOr<Moment> Submit(std::span<const VkCommandBuffer> command_buffers);
  // The same for several submissions, between which no other comes; gives the last one's moment. After a failure
  // `has_started` says whether some of them went.
  StatusOr<Moment> Submit(std::span<const std::vector<VkCommandBuffer>> submissions, bool& has_started);
  // Adds to the pending submission and gives its moment. `needs_barrier`: reads what earlier pending commands wrote.
  // `size_bytes` counts towards submitting by itself.
  StatusOr<Moment> Record(const std::function<void(vulkan::Recorder&)>& record, bool needs_barrier,
                          uint64_t size_bytes);
  Status Flush();

  // When the work known so far ends; memory freed now is in use until then.
  Uses current_uses() const { return MomentOf(current_value_.load(std::memory_order_acquire)); }
  // Memory went back to the pool: pending commands recorded from now on may write what earlier ones of the same
  // submission touch.
  void NoteReuse() { has_reuse_.store(true, std::memory_order_relaxed); }

  // Submits pending work that `moment` needs.
  Status EnsureSubmitted(const Moment& moment) { return EnsureSubmitted(ValueOf(moment)); }
  // Whether the work is done or has failed. Never blocks.
  bool IsComplete(const Uses& uses) { return IsComplete(ValueOf(uses)); }
  // Some submission never reached the device: look at what your inputs' events say.
  bool has_failures() const { return has_failures_.load(std::memory_order_acquire); }
  // Blocks; OK or why the work failed.
  Status Wait(const Moment& moment) { return Wait(ValueOf(moment)); }
  Status WaitIdle();
  // Calls `callback` on the completion thread, with no lock held, when the work is done or has failed.
  void WhenComplete(const Moment& moment, std::function<void(const Status&)> callback);
  // Drops `resource` some time after the work is done.
  void Retire(const Uses& uses, std::shared_ptr<void> resource);
  // Drops what was retired and is done, unless another thread is at it. `waits`: for that thread too.
  void CollectRetired(bool waits = false);

 private:
  struct TransferBuffer {
    VkCommandBuffer command_buffer = VK_NULL_HANDLE;
    uint64_t value = 0;
  };
  static_assert(kNumQueues == 1, "every moment is of this queue's timeline");
  static Moment MomentOf(uint64_t value) { return {QueueId::kMain, value}; }
  static uint64_t ValueOf(const Uses& uses) { return uses.on(QueueId::kMain).value; }

  Status OpenPending();  // queue_mutex_ held
  // Ends what is pending; it alone is in submission_ then.
  Status ClosePending();                                                              // queue_mutex_ held
  StatusOr<uint64_t> SubmitLocked(std::span<const VkCommandBuffer> command_buffers);  // queue_mutex_ held
  StatusOr<VkCommandBuffer> FreeTransferBuffer();                                     // queue_mutex_ held
  Status EnsureSubmitted(uint64_t value);
  bool IsComplete(uint64_t value);
  Status Wait(uint64_t value);
  void WatchFor(uint64_t value);  // returns when the work is done, or after a while
  Status Outcome(uint64_t value);
  void NoteCompleted(uint64_t value);
  void RunCompletions();

  vulkan::Device& device_;

  std::mutex queue_mutex_;
  std::optional<vulkan::CommandPool> pool_;
  std::deque<TransferBuffer> transfer_buffers_;  // oldest first
  std::optional<vulkan::Recorder> pending_;
  uint64_t pending_bytes_ = 0;
  int pending_commands_ = 0;
  std::vector<VkCommandBuffer> submission_;  // scratch
  std::atomic<bool> has_reuse_ = false;

  std::atomic<uint64_t> submitted_value_ = 0;
  std::atomic<uint64_t> current_value_ = 0;  // submitted_value_, or one more while a submission is pending
  std::atomic<uint64_t> completed_value_ = 0;

  std::atomic<bool> has_failures_ = false;
  std::mutex failures_mutex_;
  std::map<uint64_t, Status> failures_;  // submissions that never reached the device

  std::mutex waiters_mutex_;
  std::condition_variable waiters_changed_;
  std::multimap<uint64_t, std::function<void(const Status&)>> waiters_;
  bool is_stopping_ = false;
  std::thread completion_thread_;

  std::atomic<bool> has_retired_ = false;
  std::mutex collect_mutex_;  // taken before retired_mutex_
  std::mutex retired_mutex_;
  std::multimap<uint64_t, std::shared_ptr<void>> retired_;
};

}  // namespace dragoman::runtime
