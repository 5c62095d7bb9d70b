// SPDX-License-Identifier: Apache-2.0
// The timeline: what is submitted when, in which order callbacks come, and who learns of failures.
#include "runtime/queue.h"

#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <random>
#include <set>
#include <thread>

#include "runtime/event.h"
#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

using ::testing::ElementsAre;

// Each test has a device of its own: most break it.
class QueueTest : public ::testing::Test {
 protected:
  void TearDown() override {
    faults().Clear();
    device_ = nullptr;
    EXPECT_EQ(instance_->validation_message_count(), 0);
  }
  Queue& queue() { return *device_->core().queue; }
  vulkan::Faults& faults() { return instance_->faults(); }
  StatusOr<Moment> TryRecord(uint64_t size_bytes = 0) {
    return queue().Record([](vulkan::Recorder&) {}, /*needs_barrier=*/false, size_bytes);
  }
  Moment Record(uint64_t size_bytes = 0) {
    const StatusOr<Moment> moment = TryRecord(size_bytes);
    EXPECT_TRUE(moment.ok()) << moment.status().message();
    return *moment;
  }
  Moment SubmitNothing() {
    const StatusOr<Moment> moment = queue().Submit(std::span<const VkCommandBuffer>());
    EXPECT_TRUE(moment.ok()) << moment.status().message();
    return *moment;
  }
  // An event with the outcome of the work, told by a callback.
  std::shared_ptr<Event> Told(const Moment& moment) {
    auto told = MakeSettableEvent();
    queue().WhenComplete(moment, [told](const Status& status) { told->Set(status); });
    return told;
  }

  std::shared_ptr<vulkan::Instance> instance_ = MakeInstance();
  std::unique_ptr<DeviceImpl> device_ = MakeDevice(instance_);
};

TEST_F(QueueTest, WhatIsPendingIsSubmittedWhenSomebodyNeedsIt) {
  const Moment asked = Record();
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(queue().IsComplete(asked)) << "Asking submits nothing.";
  EXPECT_TRUE(queue().Wait(asked).ok());
  EXPECT_TRUE(queue().IsComplete(asked));
  const Moment told = Record();
  EXPECT_TRUE(Told(told)->Await().ok());
  const Moment flushed = Record();
  EXPECT_TRUE(queue().EnsureSubmitted(flushed).ok());
  const Moment after = Record();
  EXPECT_TRUE(flushed < after);
  EXPECT_TRUE(queue().WaitIdle().ok());
  EXPECT_TRUE(queue().IsComplete(after));
}

TEST_F(QueueTest, TheDefaultMomentIsAlwaysComplete) {
  EXPECT_TRUE(queue().IsComplete(Moment()));
  EXPECT_TRUE(queue().IsComplete(Uses()));
  EXPECT_TRUE(queue().Wait(Moment()).ok());
  EXPECT_TRUE(Told(Moment())->Await().ok());
  const Moment pending = Record();
  EXPECT_TRUE(queue().EnsureSubmitted(Moment()).ok());
  EXPECT_FALSE(queue().IsComplete(pending)) << "Nothing that is pending was needed.";
}

TEST_F(QueueTest, SmallTransfersGatherUntilTheyAreManyOrLarge) {
  std::set<uint64_t> values;
  for (int i = 0; i < 600; ++i) values.insert(Record(1).value);
  EXPECT_EQ(values.size(), 3u);
  EXPECT_TRUE(queue().Flush().ok());
  values.clear();
  for (int i = 0; i < 5; ++i) values.insert(Record(64 << 20).value);
  EXPECT_EQ(values.size(), 5u);
}

TEST_F(QueueTest, SubmissionsTakePendingWorkAlong) {
  const Moment first = SubmitNothing(), pending = Record(), last = SubmitNothing();
  EXPECT_TRUE(first < pending);
  EXPECT_EQ(pending, last);
  EXPECT_EQ(queue().current_uses(), last);
  EXPECT_TRUE(first < Record());
}

TEST_F(QueueTest, CallbacksComeInTheOrderOfTheTimeline) {
  std::latch is_busy(1), may_go_on(1);
  queue().WhenComplete(SubmitNothing(), [&](const Status&) {
    is_busy.count_down();
    may_go_on.wait();
  });
  is_busy.wait();  // what comes now waits for the thread that calls back
  std::vector<Moment> moments;
  for (int i = 0; i < 4; ++i) moments.push_back(SubmitNothing());
  std::vector<int> order;
  for (const int i : {2, 0, 3, 1}) {
    queue().WhenComplete(moments[i], [&order, i](const Status&) { order.push_back(i); });
  }
  queue().WhenComplete(moments[1], [&order](const Status&) { order.push_back(10); });
  may_go_on.count_down();
  EXPECT_TRUE(Told(SubmitNothing())->Await().ok());
  EXPECT_THAT(order, ElementsAre(0, 1, 10, 2, 3));
}

TEST_F(QueueTest, CallbacksMayUseTheQueue) {
  const auto inner = MakeSettableEvent();
  queue().WhenComplete(SubmitNothing(), [&](const Status&) {
    const Moment moment = Record();
    EXPECT_TRUE(queue().Wait(moment).ok());
    queue().WhenComplete(Record(), [inner](const Status& status) { inner->Set(status); });
  });
  EXPECT_TRUE(inner->Await().ok());
}

TEST_F(QueueTest, StopCallsBackWhoWaitsAndLaterOnesAtOnce) {
  std::atomic<int> num_calls = 0;
  const auto count = [&](const Status& status) { num_calls += status.ok(); };
  for (int i = 0; i < 20; ++i) queue().WhenComplete(Record(), count);
  queue().Stop();
  EXPECT_EQ(num_calls, 20);
  queue().WhenComplete(Record(), count);
  EXPECT_EQ(num_calls, 21);
  queue().Stop();  // does nothing
}

TEST_F(QueueTest, RetiredResourcesStayUntilTheWorkIsDone) {
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  queue().Retire(Record(), std::move(resource));
  queue().CollectRetired(/*waits=*/true);
  EXPECT_FALSE(watch.expired());
  EXPECT_TRUE(queue().WaitIdle().ok());
  queue().CollectRetired(/*waits=*/true);
  EXPECT_TRUE(watch.expired());
  // Of what is done already nothing is kept.
  resource = std::make_shared<int>(2);
  const std::weak_ptr<int> other = resource;
  queue().Retire(queue().current_uses(), std::move(resource));
  EXPECT_TRUE(other.expired());
}

TEST_F(QueueTest, ARetiredResourceMayRetireMore) {
  auto inner = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = inner;
  queue().Retire(Record(), std::shared_ptr<void>(nullptr, [this, inner = std::move(inner)](void*) mutable {
                   queue().Retire(Record(), std::move(inner));
                 }));
  EXPECT_TRUE(queue().WaitIdle().ok());
  queue().CollectRetired(/*waits=*/true);
  EXPECT_FALSE(watch.expired());
  EXPECT_TRUE(queue().WaitIdle().ok());
  queue().CollectRetired(/*waits=*/true);
  EXPECT_TRUE(watch.expired());
}

TEST_F(QueueTest, AFailedSubmissionIsToldToThoseWhoseWorkItHeldAlone) {
  const Moment before = SubmitNothing(), failed = Record();
  const StatusCode code = StatusCode::kResourceExhausted;
  faults().Inject("vkQueueSubmit", VK_ERROR_OUT_OF_HOST_MEMORY);
  EXPECT_EQ(queue().Flush().code(), code);
  const Moment after = Record();
  EXPECT_TRUE(failed < after) << "Nobody else gets the moment of what failed.";
  EXPECT_TRUE(queue().has_failures());
  EXPECT_TRUE(queue().IsComplete(failed));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(queue().Wait(before).ok());
    EXPECT_EQ(queue().Wait(failed).code(), code);
    EXPECT_EQ(Told(failed)->Await().code(), code);
    EXPECT_TRUE(queue().Wait(after).ok());
  }
  EXPECT_TRUE(queue().WaitIdle().ok());
}

TEST_F(QueueTest, PendingTransfersGoAlsoWhenWhatFollowsThemCannot) {
  auto pool = *vulkan::CommandPool::Create(*device_->core().device);
  const VkCommandBuffer buffer = *pool.Allocate();
  auto recorder = *vulkan::Recorder::Begin(*device_->core().device, buffer, /*is_reusable=*/false);
  ASSERT_TRUE(recorder.End().ok());
  const Moment transfers = Record();
  faults().Inject("vkQueueSubmit", VK_ERROR_OUT_OF_HOST_MEMORY);
  const std::vector<VkCommandBuffer> buffers = {buffer};
  EXPECT_EQ(queue().Submit(buffers).status().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(queue().Wait(transfers).ok());
  EXPECT_FALSE(queue().has_failures());
  EXPECT_TRUE(queue().Submit(buffers).ok());
  EXPECT_TRUE(queue().WaitIdle().ok());  // before the pool goes
}

TEST_F(QueueTest, OfSeveralSubmissionsThoseBeforeTheFailureHaveStarted) {
  const std::vector<std::vector<VkCommandBuffer>> submissions(3);
  for (const int num_sent : {0, 1, 2}) {
    faults().Inject("vkQueueSubmit", VK_ERROR_OUT_OF_HOST_MEMORY, num_sent);
    bool has_started = false;
    const uint64_t before = queue().current_uses().on(QueueId::kMain).value;
    EXPECT_FALSE(queue().Submit(submissions, has_started).ok());
    EXPECT_EQ(has_started, num_sent != 0);
    EXPECT_EQ(queue().current_uses(), (Moment{QueueId::kMain, before + num_sent}));
    faults().Clear();
  }
  bool has_started = false;
  EXPECT_TRUE(queue().Submit(submissions, has_started).ok());
  EXPECT_TRUE(has_started);
}

// Wherever the device is lost, nobody waits for ever, everybody hears of it, and nothing is kept.
class LostQueue : public QueueTest, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(QueueTest, LostQueue, ::testing::Values("vkQueueSubmit", "vkWaitSemaphores"));

TEST_P(LostQueue, FailsAllThatIsNotDone) {
  const Moment done = SubmitNothing();
  ASSERT_TRUE(queue().Wait(done).ok());
  const Moment pending = Record();
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  queue().Retire(pending, std::move(resource));
  faults().Inject(GetParam(), VK_ERROR_DEVICE_LOST, 0, 1 << 20);
  EXPECT_TRUE(queue().Wait(pending).is_device_lost());
  EXPECT_TRUE(Told(pending)->Await().is_device_lost());
  EXPECT_TRUE(queue().IsComplete(pending));
  EXPECT_TRUE(queue().Wait(done).ok()) << "It was done before.";
  EXPECT_TRUE(TryRecord().status().is_device_lost());
  EXPECT_TRUE(queue().Submit(std::span<const VkCommandBuffer>()).status().is_device_lost());
  queue().CollectRetired(/*waits=*/true);
  EXPECT_TRUE(watch.expired());
  queue().Stop();
  // The loss is pretended: what was submitted runs on, and must be done before its command buffers go.
  EXPECT_TRUE(device_->core().device->WaitIdle().ok());
}

TEST_F(QueueTest, ThreadsGetEveryCallbackOnceAndTheirOwnMomentsInOrder) {
  std::atomic<int> num_calls = 0, num_wrong = 0;
  const auto work = [&](uint32_t seed) {
    std::mt19937 random(seed);
    Moment last;
    for (int i = 0; i < 200; ++i) {
      const Moment moment = random() % 4 == 0 ? SubmitNothing() : Record(random() % (4 << 20));
      num_wrong += moment < last;
      last = moment;
      queue().WhenComplete(moment, [&, moment](const Status& status) {
        num_wrong += !status.ok() || !queue().IsComplete(moment);
        ++num_calls;
      });
      queue().Retire(moment, std::make_shared<int>(i));
      if (random() % 8 == 0) num_wrong += !queue().Wait(moment).ok();
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  queue().Stop();
  EXPECT_EQ(num_calls, 800);
  EXPECT_EQ(num_wrong, 0);
}

}  // namespace
}  // namespace dragoman::runtime::testing
