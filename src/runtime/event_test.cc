// SPDX-License-Identifier: Apache-2.0
#include "runtime/event.h"

#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <thread>

#include "runtime/buffer.h"
#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

using ::testing::ElementsAre;

TEST(ReadyEvent, CallsBackAtOnceWithItsStatus) {
  for (const Status& status : {OkStatus(), Internal("It broke.")}) {
    const auto event = ReadyEvent(status);
    EXPECT_TRUE(event->IsReady());
    EXPECT_EQ(event->Await().message(), status.message());
    std::string told = "nothing";
    event->OnReady([&](const Status& outcome) { told = outcome.message(); });
    EXPECT_EQ(told, status.message());
  }
}

TEST(SettableEvent, CallsBackInOrderOnceItIsSetAndAtOnceAfterwards) {
  const auto event = MakeSettableEvent();
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) event->OnReady([&order, i](const Status&) { order.push_back(i); });
  EXPECT_FALSE(event->IsReady());
  EXPECT_TRUE(order.empty());
  event->Set(NotFound("There is none."));
  EXPECT_THAT(order, ElementsAre(0, 1, 2));
  EXPECT_TRUE(event->IsReady());
  std::string told;
  event->OnReady([&](const Status& status) { told = status.message(); });
  EXPECT_EQ(told, "There is none.");
  EXPECT_EQ(event->Await().code(), StatusCode::kNotFound);
}

TEST(SettableEvent, ACallbackMayAskAndAddToTheEvent) {
  const auto event = MakeSettableEvent();
  int num_calls = 0;
  event->OnReady([&](const Status&) {
    EXPECT_TRUE(event->IsReady());
    event->OnReady([&](const Status&) { ++num_calls; });
    ++num_calls;
  });
  event->Set(OkStatus());
  EXPECT_EQ(num_calls, 2);
}

TEST(SettableEvent, WakesAllThreadsThatAwaitIt) {
  const auto event = MakeSettableEvent();
  std::atomic<int> num_awake = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { num_awake += event->Await().ok(); });
  event->Set(OkStatus());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_awake, 4);
}

TEST(SettableEventDeathTest, IsSetOnce) {
  const auto event = MakeSettableEvent();
  event->Set(OkStatus());
  EXPECT_DEATH(event->Set(OkStatus()), "check failed");
}

TEST(JoinEvents, IsReadyWhenTheLastIs) {
  const std::vector<std::shared_ptr<SettableEvent>> parts = {MakeSettableEvent(), MakeSettableEvent()};
  const auto joined = JoinEvents(std::vector<std::shared_ptr<Event>>{parts[0], ReadyEvent(), parts[1], parts[0]});
  parts[1]->Set(OkStatus());
  EXPECT_FALSE(joined->IsReady());
  parts[0]->Set(OkStatus());
  EXPECT_TRUE(joined->IsReady());
  EXPECT_TRUE(joined->Await().ok());
  EXPECT_TRUE(JoinEvents({})->IsReady());
}

TEST(JoinEvents, HasTheErrorOfTheFirstThatFailedAndWaitsForTheOthers) {
  const std::vector<std::shared_ptr<SettableEvent>> parts = {MakeSettableEvent(), MakeSettableEvent(),
                                                             MakeSettableEvent()};
  const auto joined = JoinEvents(std::vector<std::shared_ptr<Event>>(parts.begin(), parts.end()));
  parts[2]->Set(OkStatus());
  parts[1]->Set(NotFound("Second."));
  EXPECT_FALSE(joined->IsReady());
  parts[0]->Set(Internal("First."));
  EXPECT_EQ(joined->Await().message(), "Second.");
}

class DeviceEvent : public DeviceTest {
 protected:
  static Moment RecordPending(Core& core) {
    const StatusOr<Moment> moment = core.queue->Record([](vulkan::Recorder&) {}, /*needs_barrier=*/false, 0);
    EXPECT_TRUE(moment.ok()) << moment.status().message();
    return *moment;
  }
  static std::shared_ptr<Core> SharedCore() { return static_cast<const BufferImpl&>(*FromHost({1})).core(); }
};

TEST_F(DeviceEvent, AskingWhetherItIsReadySubmitsItsWork) {
  const auto event = MakeTimelineEvent(SharedCore(), RecordPending(core()));
  while (!event->IsReady()) std::this_thread::yield();
  EXPECT_TRUE(event->Await().ok());
  int num_calls = 0;
  event->OnReady([&](const Status& status) { num_calls += status.ok(); });
  EXPECT_EQ(num_calls, 1) << "What is ready calls back at once.";
}

TEST_F(DeviceEvent, FinishesOnceBeforeAnybodySeesItReady) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> num_finished = 0, num_wrong = 0;
    std::latch start(4);
    const auto event = MakeFinishingEvent(SharedCore(), RecordPending(core()), [&] { ++num_finished; });
    const auto told = MakeSettableEvent();
    event->OnReady([&, told](const Status& status) {
      num_wrong += !status.ok() || num_finished != 1;
      told->Set(status);
    });
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        num_wrong += !event->Await().ok() || num_finished != 1 || !event->IsReady();
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(told->Await().ok());
    EXPECT_EQ(num_finished, 1);
    EXPECT_EQ(num_wrong, 0);
  }
}

TEST_F(DeviceEvent, FinishesWhenNobodyKeepsIt) {
  const auto finished = MakeSettableEvent();
  (void)MakeFinishingEvent(SharedCore(), RecordPending(core()), [finished] { finished->Set(OkStatus()); });
  EXPECT_TRUE(finished->Await().ok());
}

TEST(FailedDeviceEvent, TellsWhyAndFinishesNothing) {
  const auto instance = MakeInstance();
  const auto device = MakeDevice(instance);
  const std::vector<uint32_t> values = {1};
  const auto buffer = *device->FromHost(U32(1), {values.data(), {}});
  const std::shared_ptr<Core> core = static_cast<const BufferImpl&>(*buffer).core();
  const StatusOr<Moment> moment = core->queue->Record([](vulkan::Recorder&) {}, /*needs_barrier=*/false, 0);
  ASSERT_TRUE(moment.ok());
  instance->faults().Inject("vkQueueSubmit", VK_ERROR_OUT_OF_DEVICE_MEMORY);
  const auto finishing = MakeFinishingEvent(core, *moment, [] { ADD_FAILURE(); });
  const auto plain = MakeTimelineEvent(core, *moment);
  for (const auto& event : {finishing, plain, JoinEvents(std::vector{finishing, plain})}) {
    EXPECT_EQ(event->Await().code(), StatusCode::kResourceExhausted);
    EXPECT_TRUE(event->IsReady());
    event->OnReady([](const Status& status) { EXPECT_EQ(status.code(), StatusCode::kResourceExhausted); });
  }
}

}  // namespace
}  // namespace dragoman::runtime::testing
