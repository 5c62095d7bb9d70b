// SPDX-License-Identifier: Apache-2.0
#include "runtime/event.h"

#include <atomic>
#include <condition_variable>

#include "base/check.h"

namespace dragoman::runtime {
namespace {

class ReadyEventImpl final : public Event {
 public:
  explicit ReadyEventImpl(Status status) : status_(std::move(status)) {}
  bool IsReady() const override { return true; }
  Status Await() override { return status_; }
  void OnReady(Callback callback) override { callback(status_); }

 private:
  const Status status_;
};

class SettableEventImpl final : public SettableEvent {
 public:
  bool IsReady() const override {
    const std::lock_guard lock(state_mutex_);
    return is_set_;
  }

  Status Await() override {
    std::unique_lock lock(state_mutex_);
    changed_.wait(lock, [&] { return is_set_; });
    return status_;
  }

  void OnReady(Callback callback) override {
    {
      const std::lock_guard lock(state_mutex_);
      if (!is_set_) {
        callbacks_.push_back(std::move(callback));
        return;
      }
    }
    callback(status_);  // settled: it changes no more
  }

  void Set(Status status) override {
    std::vector<Callback> callbacks;
    {
      const std::lock_guard lock(state_mutex_);
      CHECK(!is_set_);
      status_ = std::move(status);
      is_set_ = true;
      callbacks.swap(callbacks_);
      // Under the lock: who waits may drop the event as soon as it returns.
      changed_.notify_all();
    }
    for (Callback& callback : callbacks) callback(status_);
  }

 private:
  mutable std::mutex state_mutex_;
  std::condition_variable changed_;
  bool is_set_ = false;
  Status status_;
  std::vector<Callback> callbacks_;
};

class TimelineEvent final : public Event {
 public:
  TimelineEvent(std::shared_ptr<Core> core, const Moment& moment) : core_(std::move(core)), moment_(moment) {}

  bool IsReady() const override {
    if (!core_->CheckUsable().ok()) return true;
    (void)core_->queue->EnsureSubmitted(moment_);
    return core_->queue->IsComplete(moment_);
  }

  Status Await() override {
    if (core_->IsForked()) return core_->CheckUsable();
    return core_->queue->Wait(moment_);
  }

  void OnReady(Callback callback) override {
    if (IsReady()) return callback(Await());
    core_->queue->WhenComplete(moment_, std::move(callback));
  }

 private:
  const std::shared_ptr<Core> core_;
  const Moment moment_;
};

class FinishingEvent final : public Event, public std::enable_shared_from_this<FinishingEvent> {
 public:
  FinishingEvent(std::shared_ptr<Core> core, const Moment& moment, std::function<void()> finish)
      : core_(std::move(core)), moment_(moment), finish_(std::move(finish)), outcome_(MakeSettableEvent()) {}

  // The work must end even when nobody asks.
  void Watch() {
    core_->queue->WhenComplete(moment_, [self = shared_from_this()](const Status& status) { self->Finish(status); });
  }

  bool IsReady() const override { return outcome_->IsReady(); }

  Status Await() override {
    if (core_->IsForked()) return core_->CheckUsable();
    if (!outcome_->IsReady()) Finish(core_->queue->Wait(moment_));
    return outcome_->Await();
  }

  void OnReady(Callback callback) override { outcome_->OnReady(std::move(callback)); }

 private:
  void Finish(const Status& status) {
    std::function<void()> finish;
    {
      const std::lock_guard lock(finish_mutex_);
      if (is_finished_) return;
      is_finished_ = true;
      finish.swap(finish_);
    }
    if (status.ok()) finish();
    finish = nullptr;
    outcome_->Set(status);
  }

  const std::shared_ptr<Core> core_;
  const Moment moment_;
  std::mutex finish_mutex_;
  bool is_finished_ = false;
  std::function<void()> finish_;
  const std::shared_ptr<SettableEvent> outcome_;
};

struct Joined {
  std::mutex error_mutex;
  Status error;
  std::atomic<size_t> num_left = 0;
  std::shared_ptr<SettableEvent> outcome = MakeSettableEvent();

  void Note(const Status& status) {
    {
      const std::lock_guard lock(error_mutex);
      if (error.ok()) error = status;
    }
    if (num_left.fetch_sub(1) == 1) outcome->Set(error);
  }
};

}  // namespace

std::shared_ptr<Event> JoinEvents(std::span<const std::shared_ptr<Event>> events) {
  if (events.empty()) return ReadyEvent();
  const auto joined = std::make_shared<Joined>();
  joined->num_left = events.size();
  for (const auto& event : events) {
    event->OnReady([joined](const Status& status) { joined->Note(status); });
  }
  return joined->outcome;
}

std::shared_ptr<Event> ReadyEvent(Status status) {
  if (!status.ok()) return std::make_shared<ReadyEventImpl>(std::move(status));
  static const auto& ready = *new std::shared_ptr<Event>(std::make_shared<ReadyEventImpl>(OkStatus()));
  return ready;
}

std::shared_ptr<SettableEvent> MakeSettableEvent() { return std::make_shared<SettableEventImpl>(); }

std::shared_ptr<Event> MakeTimelineEvent(std::shared_ptr<Core> core, const Moment& moment) {
  return std::make_shared<TimelineEvent>(std::move(core), moment);
}

std::shared_ptr<Event> MakeFinishingEvent(std::shared_ptr<Core> core, const Moment& moment,
                                          std::function<void()> finish) {
  auto event = std::make_shared<FinishingEvent>(std::move(core), moment, std::move(finish));
  event->Watch();
  return event;
}

}  // namespace dragoman::runtime
