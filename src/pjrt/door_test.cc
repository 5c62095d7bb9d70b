// SPDX-License-Identifier: Apache-2.0
// The whole way through PJRT_Api on whatever Vulkan device there is; Mesa's lavapipe will do.
#include <gmock/gmock.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "pjrt/door_testing.h"

namespace dragoman::pjrt {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int64_t kLarge = 1 << 20;

TEST_F(DoorTest, DescribesItsDevice) {
  auto description = NEW(Device_GetDescription);
  description.device = door_->device();
  CALL(Device_GetDescription, description);
  auto kind = NEW(DeviceDescription_Kind);
  kind.device_description = description.device_description;
  CALL(DeviceDescription_Kind, kind);
  EXPECT_GT(kind.device_kind_size, 0u);
  auto name = NEW(Client_PlatformName);
  name.client = door_->client();
  CALL(Client_PlatformName, name);
  EXPECT_EQ(std::string(name.platform_name, name.platform_name_size), "dragoman");
  auto memory_kind = NEW(Memory_Kind);
  memory_kind.memory = door_->memory();
  CALL(Memory_Kind, memory_kind);
  EXPECT_EQ(std::string(memory_kind.kind, memory_kind.kind_size), "device");
  auto lookup = NEW(Client_LookupDevice);
  lookup.client = door_->client();
  lookup.id = 0;
  CALL(Client_LookupDevice, lookup);
  EXPECT_EQ(lookup.device, door_->device());
  lookup.id = 99;
  EXPECT_EQ(Take(Api()->PJRT_Client_LookupDevice(&lookup)).code, 3);
}

TEST_F(DoorTest, AttributesAreNumbersListsAndTexts) {
  auto description = NEW(Device_GetDescription);
  description.device = door_->device();
  CALL(Device_GetDescription, description);
  auto attributes = NEW(DeviceDescription_Attributes);
  attributes.device_description = description.device_description;
  CALL(DeviceDescription_Attributes, attributes);
  EXPECT_GT(attributes.num_attributes, 3u);
  // jaxlib stops the process at any other kind.
  for (size_t i = 0; i < attributes.num_attributes; ++i) EXPECT_LE(attributes.attributes[i].type, 2);
}

TEST_F(DoorTest, BuffersComeBackFromEveryStrideInEveryLayout) {
  std::vector<int16_t> values(12);
  for (int i = 0; i < 12; ++i) values[i] = static_cast<int16_t>(i);
  const Buffer dense = door_->Put(values.data(), PJRT_Buffer_Type_S16, {3, 4});
  EXPECT_EQ(GetAs<int16_t>(dense), values);
  const Buffer transposed = door_->Put(values.data(), PJRT_Buffer_Type_S16, {4, 3}, {2, 8});
  EXPECT_THAT(GetAs<int16_t>(transposed), ElementsAre(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11));
  const Buffer reversed = door_->Put(values.data() + 11, PJRT_Buffer_Type_S16, {3}, {-4});
  EXPECT_THAT(GetAs<int16_t>(reversed), ElementsAre(11, 9, 7));
  const Buffer repeated = door_->Put(values.data() + 5, PJRT_Buffer_Type_S16, {3}, {0});
  EXPECT_THAT(GetAs<int16_t>(repeated), Each(5));
  const int64_t column_major[] = {0, 1};
  PJRT_Buffer_MemoryLayout layout = {sizeof(layout), nullptr, {}, PJRT_Buffer_MemoryLayout_Type_Tiled};
  layout.tiled = {sizeof(layout.tiled), nullptr, column_major, 2, nullptr, nullptr, 0};
  EXPECT_THAT(GetAs<int16_t>(dense, &layout), ElementsAre(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11));
}

TEST_F(DoorTest, EmptyBuffersAndScalarsAndTokensExist) {
  const float one = 1.5f;
  EXPECT_THAT(GetAs<float>(door_->Put(&one, PJRT_Buffer_Type_F32, {})), ElementsAre(1.5f));
  const Buffer empty = door_->Put(&one, PJRT_Buffer_Type_F32, {2, 0});
  EXPECT_THAT(Get(empty), SizeIs(0));
  const Buffer token = door_->Put(&one, PJRT_Buffer_Type_PRED, {0});
  auto dims = NEW(Buffer_Dimensions);
  dims.buffer = token.get();
  CALL(Buffer_Dimensions, dims);
  ASSERT_EQ(dims.num_dims, 1u);
  EXPECT_EQ(dims.dims[0], 0);
}

TEST_F(DoorTest, RunsAProgram) {
  const Executable add = door_->Compile("add");
  const Buffer x = door_->Put({1, 2, 3, 4}), y = door_->Put({10, 20, 30, 40});
  const Execution run = Execute(add.get(), {x.get(), y.get()});
  ASSERT_EQ(run.failure.code, 0) << run.failure.message;
  EXPECT_EQ(run.done.code, 0) << run.done.message;
  EXPECT_THAT(GetAs<float>(run.outputs.at(0)), ElementsAre(11, 22, 33, 44));
  EXPECT_THAT(GetAs<float>(x), ElementsAre(1, 2, 3, 4));
}

TEST_F(DoorTest, ForwardsAnArgumentThatOutlivesIt) {
  const Executable forward = door_->Compile("forward");
  Buffer x = door_->Put({1, 2, 3, 4});
  const Execution run = Execute(forward.get(), {x.get()});
  x.reset();
  EXPECT_THAT(GetAs<float>(run.outputs.at(0)), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(GetAs<int32_t>(run.outputs.at(1)), ElementsAre(0, 1, 2));
}

TEST_F(DoorTest, DonatesTheStateOfAChainOfStepsWithoutWaiting) {
  const Executable step = door_->Compile("step");
  const std::vector<float> ones(kLarge, 1.0f);
  Buffer state = door_->Put(std::vector<float>(kLarge, 0.0f));
  for (int i = 0; i < 8; ++i) {
    // The temporary is destroyed right after the call, as jaxlib does.
    const Buffer increment = door_->Put(ones);
    Execution run = Execute(step.get(), {state.get(), increment.get()}, /*wait=*/false);
    ASSERT_EQ(run.failure.code, 0) << run.failure.message;
    EXPECT_TRUE(IsDeleted(state));
    EXPECT_FALSE(IsDeleted(increment));
    state = std::move(run.outputs.at(0));
  }
  EXPECT_THAT(GetAs<float>(state), Each(8.0f));
}

TEST_F(DoorTest, KeepsWhatMustNotBeDonated) {
  const Executable step = door_->Compile("step");
  const Buffer state = door_->Put(std::vector<float>(kLarge, 2.0f));
  const Buffer increment = door_->Put(std::vector<float>(kLarge, 1.0f));
  const Execution twice = Execute(step.get(), {state.get(), state.get()});
  EXPECT_EQ(twice.failure.code, 3);
  EXPECT_THAT(twice.failure.message, HasSubstr("donated"));
  auto increase = NEW(Buffer_IncreaseExternalReferenceCount);
  increase.buffer = state.get();
  CALL(Buffer_IncreaseExternalReferenceCount, increase);
  const Execution run = Execute(step.get(), {state.get(), increment.get()});
  ASSERT_EQ(run.failure.code, 0) << run.failure.message;
  EXPECT_FALSE(IsDeleted(state));
  EXPECT_THAT(GetAs<float>(state), Each(2.0f));
  EXPECT_THAT(GetAs<float>(run.outputs.at(0)), Each(3.0f));
}

TEST_F(DoorTest, RefusesCallsThatDoNotFit) {
  const Executable add = door_->Compile("add");
  const Buffer x = door_->Put({1, 2, 3, 4});
  EXPECT_EQ(Execute(add.get(), {x.get()}).failure.code, 3);
  const Buffer longer = door_->Put({1, 2, 3, 4, 5});
  EXPECT_EQ(Execute(add.get(), {x.get(), longer.get()}).failure.code, 3);
  const Buffer deleted = door_->Put({1, 2, 3, 4});
  auto args = NEW(Buffer_Delete);
  args.buffer = deleted.get();
  CALL(Buffer_Delete, args);
  EXPECT_TRUE(IsDeleted(deleted));
  EXPECT_EQ(Execute(add.get(), {x.get(), deleted.get()}).failure.code, 3);
}

TEST_F(DoorTest, RefusesProgramsItCannotRun) {
  Executable executable;
  EXPECT_EQ(door_->Compile("no artifact", "", &executable).code, 3);
  std::string cut = ReadArtifactFile("add");
  cut.resize(cut.size() / 2);
  EXPECT_EQ(door_->Compile(cut, "", &executable).code, 3);
  // executable_build_options { num_partitions: 2 }
  const Failure partitioned = door_->Compile(ReadArtifactFile("add"), std::string("\x1a\x02\x28\x02"), &executable);
  EXPECT_EQ(partitioned.code, 12);
  EXPECT_THAT(partitioned.message, HasSubstr("2 partitions"));
}

TEST_F(DoorTest, SerializesAndLoadsAgain) {
  const Executable add = door_->Compile("add");
  auto get = NEW(LoadedExecutable_GetExecutable);
  get.loaded_executable = add.get();
  CALL(LoadedExecutable_GetExecutable, get);
  auto serialize = NEW(Executable_Serialize);
  serialize.executable = get.executable;
  CALL(Executable_Serialize, serialize);
  std::string bytes(serialize.serialized_bytes, serialize.serialized_bytes_size);
  serialize.serialized_executable_deleter(serialize.serialized_executable);
  auto destroy = NEW(Executable_Destroy);
  destroy.executable = get.executable;
  CALL(Executable_Destroy, destroy);

  auto load = NEW(Executable_DeserializeAndLoad);
  load.client = door_->client();
  load.serialized_executable = bytes.data();
  load.serialized_executable_size = bytes.size();
  CALL(Executable_DeserializeAndLoad, load);
  const Executable loaded(load.loaded_executable);
  const Buffer x = door_->Put({1, 2, 3, 4});
  EXPECT_THAT(GetAs<float>(Execute(loaded.get(), {x.get(), x.get()}).outputs.at(0)), ElementsAre(2, 4, 6, 8));

  bytes[bytes.size() / 2] ^= 1;
  EXPECT_EQ(Take(Api()->PJRT_Executable_DeserializeAndLoad(&load)).code, 3);
  load.serialized_executable_size = 10;
  EXPECT_EQ(Take(Api()->PJRT_Executable_DeserializeAndLoad(&load)).code, 3);
}

TEST_F(DoorTest, GivesAllMemoryBack) {
  const int64_t before = door_->bytes_in_use();
  {
    const Executable step = door_->Compile("step");
    Buffer state = door_->Put(std::vector<float>(kLarge, 0.0f));
    const Buffer increment = door_->Put(std::vector<float>(kLarge, 1.0f));
    EXPECT_GE(door_->bytes_in_use() - before, 2 * kLarge * 4);
    const Execution run = Execute(step.get(), {state.get(), increment.get()});
  }
  EXPECT_EQ(door_->bytes_in_use(), before);
}

TEST_F(DoorTest, ObjectsOutliveTheirClient) {
  Executable add = door_->Compile("add");
  Buffer x = door_->Put({1, 2, 3, 4});
  Execution run = Execute(add.get(), {x.get(), x.get()}, /*wait=*/false);
  door_->Close();
  add.reset();
  x.reset();
  EXPECT_THAT(GetAs<float>(run.outputs.at(0)), ElementsAre(2, 4, 6, 8));
}

TEST_F(DoorTest, ReadyEventsCallBackAndMayBeDestroyedInside) {
  const Executable step = door_->Compile("step");
  const Buffer state = door_->Put(std::vector<float>(kLarge, 1.0f));
  const Buffer increment = door_->Put(std::vector<float>(kLarge, 1.0f));
  const Execution run = Execute(step.get(), {state.get(), increment.get()}, /*wait=*/false);
  auto ready = NEW(Buffer_ReadyEvent);
  ready.buffer = run.outputs.at(1).get();
  CALL(Buffer_ReadyEvent, ready);
  struct Seen {
    PJRT_Event* event;
    std::atomic<bool> is_called = false;
  } seen{ready.event};
  auto on_ready = NEW(Event_OnReady);
  on_ready.event = ready.event;
  on_ready.user_arg = &seen;
  on_ready.callback = [](PJRT_Error* error, void* user_arg) {
    auto& saw = *static_cast<Seen*>(user_arg);
    EXPECT_EQ(Take(error).code, 0);
    auto destroy = NEW(Event_Destroy);
    destroy.event = saw.event;
    CALL(Event_Destroy, destroy);
    saw.is_called = true;
  };
  CALL(Event_OnReady, on_ready);
  EXPECT_THAT(GetAs<float>(run.outputs.at(1)), ElementsAre(static_cast<float>(kLarge)));
  while (!seen.is_called) std::this_thread::yield();
}

TEST_F(DoorTest, ServesManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const Executable add = door_->Compile("add");
      Buffer sum = door_->Put({0, 0, 0, 0});
      for (int i = 0; i < 50; ++i) {
        const auto value = static_cast<float>(t);
        const Buffer term = door_->Put({value, value, value, 1});
        Execution run = Execute(add.get(), {sum.get(), term.get()}, /*wait=*/i % 5 == 0);
        ASSERT_EQ(run.failure.code, 0) << run.failure.message;
        sum = std::move(run.outputs.at(0));
      }
      const auto total = static_cast<float>(50 * t);
      EXPECT_THAT(GetAs<float>(sum), ElementsAre(total, total, total, 50));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace dragoman::pjrt
