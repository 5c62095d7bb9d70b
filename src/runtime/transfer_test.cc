// SPDX-License-Identifier: Apache-2.0
#include "runtime/transfer.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>
#include <random>
#include <thread>

#include "runtime/host_copy.h"
#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

using ::testing::HasSubstr;

TEST(CopyToDense, FollowsStridesOfAnySign) {
  const TensorType type{DType::kS16, {2, 3}};
  const std::vector<int16_t> source = {0, 1, 2, 3, 4, 5};
  std::vector<int16_t> target(6);
  const auto copy = [&](const int16_t* first, std::vector<int64_t> strides) {
    CopyToDense(type, first, strides, reinterpret_cast<std::byte*>(target.data()));
    return target;
  };
  EXPECT_EQ(copy(source.data(), {}), source);
  EXPECT_EQ(copy(source.data(), {6, 2}), source);
  EXPECT_EQ(copy(source.data(), {2, 4}), (std::vector<int16_t>{0, 2, 4, 1, 3, 5}));
  EXPECT_EQ(copy(source.data() + 5, {-6, -2}), (std::vector<int16_t>{5, 4, 3, 2, 1, 0}));
  EXPECT_EQ(copy(source.data() + 3, {-6, 2}), (std::vector<int16_t>{3, 4, 5, 0, 1, 2}));
  EXPECT_EQ(copy(source.data(), {0, 2}), (std::vector<int16_t>{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(copy(source.data() + 4, {0, 0}), std::vector<int16_t>(6, 4));
}

TEST(CopyToDense, EveryElementSizeAndEmptyExtentWorks) {
  for (const DType dtype : {DType::kPred, DType::kF16, DType::kF32, DType::kF64, DType::kC128}) {
    const int64_t size = SizeBytes(dtype);
    std::vector<std::byte> source(static_cast<size_t>(size * 12));
    for (size_t i = 0; i < source.size(); ++i) source[i] = static_cast<std::byte>(i);
    std::vector<std::byte> target(source.size());
    // A 3×4 array read as its 4×3 transpose.
    const TensorType type{dtype, {4, 1, 3}};
    const std::vector<int64_t> strides = {size, 77, 4 * size};
    CopyToDense(type, source.data(), strides, target.data());
    for (int64_t i = 0; i < 12; ++i) {
      const int64_t from = i / 3 + (i % 3) * 4;
      EXPECT_EQ(std::memcmp(&target[i * size], &source[from * size], size), 0) << Name(dtype) << " " << i;
    }
    CopyToDense({dtype, {4, 0}}, nullptr, std::vector<int64_t>{1, 1}, nullptr);
  }
}

// An array of the host's as views are: any rank, dimensions in any order, gaps between elements, some read backwards,
// some repeated.
struct RandomView {
  TensorType type;
  std::vector<int64_t> byte_strides;
  std::vector<std::byte> memory;
  size_t first = 0;  // the byte of the element at index zero

  const std::byte* data() const { return memory.data() + first; }
  // Element by element.
  std::vector<std::byte> Dense() const {
    std::vector<std::byte> dense;
    for (int64_t i = 0; i < type.num_elements(); ++i) {
      int64_t rest = i, at = static_cast<int64_t>(first);
      for (size_t d = type.dims.size(); d-- > 0; rest /= type.dims[d]) at += rest % type.dims[d] * byte_strides[d];
      dense.insert(dense.end(), memory.begin() + at, memory.begin() + at + SizeBytes(type.dtype));
    }
    return dense;
  }
};

RandomView MakeView(std::mt19937& random) {
  constexpr DType kTypes[] = {DType::kPred, DType::kU8, DType::kF16, DType::kS32, DType::kF64, DType::kC128};
  RandomView view;
  view.type.dtype = kTypes[random() % std::size(kTypes)];
  const size_t rank = random() % 6;
  std::vector<size_t> order(rank);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  view.type.dims.resize(rank);
  view.byte_strides.resize(rank);
  int64_t stride = SizeBytes(view.type.dtype);
  int64_t first = 0, last = stride;
  for (const size_t d : order) {
    const int64_t extent = random() % 16 == 0 ? 0 : 1 + random() % 6;
    const bool is_repeated = random() % 8 == 0;
    view.type.dims[d] = extent;
    view.byte_strides[d] = is_repeated ? 0 : random() % 3 == 0 ? -stride : stride;
    const int64_t reach = view.byte_strides[d] * std::max<int64_t>(extent - 1, 0);
    (reach < 0 ? first : last) += reach;
    if (!is_repeated) stride *= std::max<int64_t>(extent, 1);
    if (random() % 4 == 0) stride += random() % 9;
  }
  view.first = static_cast<size_t>(-first);
  view.memory.resize(static_cast<size_t>(last - first));
  for (std::byte& byte : view.memory) byte = static_cast<std::byte>(random());
  return view;
}

TEST(CopyToDense, RandomViewsAreReadElementByElement) {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    const RandomView view = MakeView(random);
    const std::vector<std::byte> expected = view.Dense();
    std::vector<std::byte> target(expected.size() + 1, std::byte{0x5a});
    CopyToDense(view.type, view.data(), view.byte_strides, target.data());
    ASSERT_EQ(target.back(), std::byte{0x5a});
    target.pop_back();
    ASSERT_TRUE(target == expected) << round << " " << view.type.ToString();
  }
}

// The same transfers where the host sees all memory of the device, where it sees a part, and where it sees nothing.
enum class Sight { kAll, kPart, kNothing };
class TransferTest : public ::testing::TestWithParam<Sight> {
 protected:
  void SetUp() override {
    instance_ = MakeInstance();
    device_ = MakeDevice(instance_, [](auto& profile) { profile.unified_memory = GetParam() == Sight::kAll; });
    if (GetParam() == Sight::kNothing) device_->core().arrivals = nullptr;
  }
  void TearDown() override {
    ASSERT_NE(device_, nullptr);
    EXPECT_TRUE(device_->WaitIdle().ok());
    EXPECT_EQ(device_->memory_statistics().bytes_in_use, 0u);
    EXPECT_TRUE(BecomesEmpty(vulkan::MemoryKind::kUpload));
    EXPECT_TRUE(BecomesEmpty(vulkan::MemoryKind::kReadback));
    device_ = nullptr;
    EXPECT_EQ(instance_->validation_message_count(), 0);
  }
  // The completion thread may still be dropping what it found done.
  bool BecomesEmpty(vulkan::MemoryKind kind) {
    for (int i = 0; i < 1000; ++i) {
      if (device_->core().heap(kind).statistics().bytes_in_use == 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }
  std::shared_ptr<Buffer> FromHost(const std::vector<uint32_t>& values) {
    auto buffer = device_->FromHost(U32(static_cast<int64_t>(values.size())), {values.data(), {}});
    EXPECT_TRUE(buffer.ok()) << buffer.status().message();
    return *buffer;
  }
  std::vector<uint32_t> ToHost(const std::shared_ptr<Buffer>& buffer) {
    std::vector<uint32_t> values(buffer->size_bytes() / 4);
    const Status status = device_->ToHost(buffer, values.data(), buffer->size_bytes())->Await();
    EXPECT_TRUE(status.ok()) << status.message();
    return values;
  }
  static std::vector<uint32_t> Iota(uint32_t count, uint32_t first = 0) {
    std::vector<uint32_t> values(count);
    std::iota(values.begin(), values.end(), first);
    return values;
  }

  std::shared_ptr<vulkan::Instance> instance_;
  std::unique_ptr<DeviceImpl> device_;
};
std::string SightName(const ::testing::TestParamInfo<Sight>& info) {
  constexpr const char* kNames[] = {"Unified", "Window", "Discrete"};
  return kNames[static_cast<int>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(Memory, TransferTest, ::testing::Values(Sight::kAll, Sight::kPart, Sight::kNothing),
                         SightName);

TEST_P(TransferTest, LargeArraysGoInPieces) {
  const std::vector<uint32_t> values = Iota((18 << 20) + 5, 3);
  EXPECT_TRUE(ToHost(FromHost(values)) == values);
}

TEST_P(TransferTest, StridedArraysArriveDense) {
  const std::vector<uint32_t> values = Iota(6);
  const auto buffer = device_->FromHost({DType::kU32, {3, 2}}, {values.data(), {4, 12}});
  ASSERT_TRUE(buffer.ok());
  EXPECT_EQ(ToHost(*buffer), (std::vector<uint32_t>{0, 3, 1, 4, 2, 5}));
}

TEST_P(TransferTest, RandomViewsComeBackDenseAndNothingBesideThemIsWritten) {
  std::mt19937 random(2);
  for (int round = 0; round < 300; ++round) {
    const RandomView view = MakeView(random);
    const auto placement = random() % 3 == 0 ? Placement::kHost : Placement::kDevice;
    auto buffer = device_->FromHost(view.type, {view.data(), view.byte_strides}, placement);
    ASSERT_TRUE(buffer.ok()) << buffer.status().message();
    if (random() % 2 == 0) buffer = device_->Copy(*buffer, random() % 2 == 0 ? Placement::kHost : Placement::kDevice);
    ASSERT_TRUE(buffer.ok()) << buffer.status().message();
    const std::vector<std::byte> expected = view.Dense();
    ASSERT_EQ((*buffer)->size_bytes(), expected.size());
    std::vector<std::byte> values(expected.size() + 2, std::byte{0x5a});
    ASSERT_TRUE(device_->ToHost(*buffer, values.data() + 1, expected.size())->Await().ok());
    ASSERT_TRUE(values.front() == std::byte{0x5a} && values.back() == std::byte{0x5a});
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(), values.begin() + 1)) << view.type.ToString();
  }
}

TEST_P(TransferTest, EveryOddSizeKeepsItsNeighbours) {
  std::vector<std::shared_ptr<Buffer>> buffers;
  const auto bytes = [](int64_t count) {
    std::vector<uint8_t> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(7 * i + values.size());
    return values;
  };
  for (int64_t count = 0; count < 300; ++count) {
    const auto buffer = device_->FromHost({DType::kU8, {count}}, {bytes(count).data(), {}});
    ASSERT_TRUE(buffer.ok()) << buffer.status().message();
    const auto copy = device_->Copy(*buffer);
    ASSERT_TRUE(copy.ok()) << copy.status().message();
    buffers.push_back(*copy);
  }
  for (int64_t count = 0; count < 300; ++count) {
    std::vector<uint8_t> back(static_cast<size_t>(count));
    EXPECT_TRUE(device_->ToHost(buffers[count], back.data(), back.size())->Await().ok());
    EXPECT_EQ(back, bytes(count));
  }
}

TEST_P(TransferTest, ManySmallUploadsKeepTheirOwnContents) {
  std::vector<std::shared_ptr<Buffer>> buffers;
  for (uint32_t i = 0; i < 600; ++i) buffers.push_back(FromHost(Iota(1 + i % 7, i)));
  for (uint32_t i = 0; i < 600; ++i) EXPECT_EQ(ToHost(buffers[i]), Iota(1 + i % 7, i));
}

TEST_P(TransferTest, ReusedMemoryHoldsTheLastUpload) {
  for (uint32_t i = 0; i < 200; ++i) {
    FromHost(Iota(64, 1000 + i));
    EXPECT_EQ(ToHost(FromHost(Iota(64, i))), Iota(64, i));
  }
}

// The work that is under way uses a dropped tensor's memory: the next one from the host neither waits for that nor
// writes there.
TEST_P(TransferTest, TensorsFromTheHostAreReadyWhileTheDeviceWorks) {
  std::vector<std::shared_ptr<Buffer>> copies;
  for (uint32_t i = 0; i < 20; ++i) {
    const auto buffer = FromHost(Iota(5000, i));
    EXPECT_TRUE(GetParam() == Sight::kNothing || buffer->ready()->IsReady());
    const auto copy = device_->Copy(buffer);  // pending: nothing submits it yet
    ASSERT_TRUE(copy.ok());
    copies.push_back(*copy);
  }
  for (uint32_t i = 0; i < 20; ++i) EXPECT_EQ(ToHost(copies[i]), Iota(5000, i)) << i;
}

TEST_P(TransferTest, WhatTheHostSeesOfTheDeviceMayEnd) {
  std::vector<std::shared_ptr<Buffer>> buffers;
  for (uint32_t i = 0; i < 40; ++i) buffers.push_back(FromHost(Iota(2 << 20, i)));  // 320 MiB
  for (uint32_t i = 0; i < 40; ++i) EXPECT_TRUE(ToHost(buffers[i]) == Iota(2 << 20, i)) << i;
}

TEST_P(TransferTest, DeletedBufferIsStillReadByEarlierToHost) {
  std::vector<uint32_t> values(1000);
  const auto buffer = FromHost(Iota(1000));
  const auto event = device_->ToHost(buffer, values.data(), 4000);
  buffer->Delete();
  const auto next = FromHost(Iota(1000, 77));
  EXPECT_TRUE(event->Await().ok());
  EXPECT_EQ(values, Iota(1000));
}

TEST_P(TransferTest, CopyOutlivesItsSource) {
  auto source = FromHost(Iota(1000));
  const auto copy = device_->Copy(source);
  ASSERT_TRUE(copy.ok());
  source = nullptr;
  FromHost(Iota(1000, 5));
  EXPECT_EQ(ToHost(*copy), Iota(1000));
}

TEST_P(TransferTest, CallbacksComeOnceAndWithTheBytesInPlace) {
  const auto buffer = FromHost(Iota(100000));
  std::vector<uint32_t> values(100000);
  const auto called = MakeSettableEvent();
  device_->ToHost(buffer, values.data(), 400000)->OnReady([&](const Status& status) {
    EXPECT_TRUE(status.ok());
    EXPECT_EQ(values[99999], 99999u);
    called->Set(status);  // twice would stop the process
  });
  EXPECT_TRUE(called->Await().ok());
}

TEST_P(TransferTest, WrongSizesAndViewsAreRefused) {
  const auto buffer = FromHost(Iota(4));
  std::vector<uint32_t> values(4);
  EXPECT_THAT(device_->ToHost(buffer, values.data(), 12)->Await().message(), HasSubstr("16 bytes is read into 12"));
  EXPECT_THAT(device_->FromHost(U32(4), {values.data(), {4, 4}}).status().message(),
              HasSubstr("2 strides, expected 1"));
  EXPECT_THAT(device_->FromHost(U32(4), {}).status().message(), HasSubstr("no data"));
  EXPECT_EQ(device_->FromHost(U32(-1), {values.data(), {}}).status().code(), StatusCode::kInvalidArgument);
}

// What was under way when a later piece failed may still write: the caller has the destination back only then.
TEST_P(TransferTest, AReadThatFailsHalfwayWritesNothingAfterItsError) {
  const uint32_t count = 18 << 20;  // three pieces where it goes through staging memory
  const auto buffer = FromHost(Iota(count));
  ASSERT_TRUE(device_->WaitIdle().ok());
  std::vector<uint32_t> values(count, 1);
  instance_->faults().Inject("vkQueueSubmit", VK_ERROR_OUT_OF_HOST_MEMORY, 1, 100);
  const Status status = device_->ToHost(buffer, values.data(), 4 * uint64_t{count})->Await();
  const bool is_staged = GetParam() != Sight::kAll;
  EXPECT_EQ(status.code(), is_staged ? StatusCode::kResourceExhausted : StatusCode::kOk);
  instance_->faults().Clear();
  if (is_staged) {
    std::fill(values.begin(), values.end(), 2);
    EXPECT_TRUE(device_->WaitIdle().ok());
    EXPECT_TRUE(values == std::vector<uint32_t>(count, 2));
  }
  EXPECT_TRUE(ToHost(buffer) == Iota(count));
}

TEST_P(TransferTest, FailedSubmissionOfTransfersIsToldToTheirBuffers) {
  if (GetParam() != Sight::kNothing)
    GTEST_SKIP() << "With direct host access a transfer is a memcpy: there is no submission to fail.";
  const auto buffer = FromHost(Iota(4));
  instance_->faults().Inject("vkQueueSubmit", VK_ERROR_OUT_OF_DEVICE_MEMORY);
  EXPECT_EQ(buffer->ready()->Await().code(), StatusCode::kResourceExhausted);
  instance_->faults().Clear();
  // And nobody else suffers.
  EXPECT_EQ(ToHost(FromHost(Iota(5))), Iota(5));
  ProgramBuilder builder;
  builder.Do(builder.Scale(builder.Parameter(4), builder.Output(4), 2, 0));
  const auto executable = device_->Load(builder.program());
  ASSERT_TRUE(executable.ok());
  const std::vector<std::shared_ptr<Buffer>> arguments = {buffer};
  EXPECT_EQ((*executable)->Execute(arguments, {}).status().code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace dragoman::runtime::testing
