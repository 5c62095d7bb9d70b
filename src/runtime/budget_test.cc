// SPDX-License-Identifier: Apache-2.0
// A device with little memory: what does not fit is refused alone, and what is freed serves again.
#include <gmock/gmock.h>

#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kBudget = 32 << 20;
constexpr int64_t kMegaword = 1 << 18;  // of 4 bytes: 1 MiB

class BudgetTest : public ::testing::Test {
 protected:
  // Tensors from the host take none of the memory that is apart from the budget.
  void SetUp() override { device_->core().arrivals = nullptr; }
  void TearDown() override {
    EXPECT_TRUE(device_->WaitIdle().ok());
    EXPECT_EQ(device_->memory_statistics().bytes_in_use, 0u);
    device_ = nullptr;
    EXPECT_EQ(instance_->validation_message_count(), 0);
  }
  StatusOr<std::shared_ptr<Buffer>> Allocate(int64_t megawords) {
    return device_->Allocate(U32(megawords * kMegaword));
  }
  std::vector<std::shared_ptr<Buffer>> Fill(int64_t megawords) {
    std::vector<std::shared_ptr<Buffer>> buffers;
    while (true) {
      auto buffer = Allocate(megawords);
      if (!buffer.ok()) return buffers;
      buffers.push_back(*buffer);
    }
  }
  // The parameter plus one, by way of temporaries; the output may take its memory.
  std::shared_ptr<Executable> LoadAddOne(int64_t megawords, int num_temporaries) {
    ProgramBuilder builder;
    uint32_t last = builder.Parameter(megawords * kMegaword);
    for (int i = 0; i < num_temporaries; ++i) {
      const uint32_t next = builder.Temporary(megawords * kMegaword);
      builder.Do(builder.Scale(last, next, 1, 0));
      last = next;
    }
    builder.Do(builder.Scale(last, builder.Output(megawords * kMegaword, 0), 1, 1));
    auto executable = device_->Load(builder.program());
    EXPECT_TRUE(executable.ok()) << executable.status().message();
    return *executable;
  }
  uint32_t FirstOf(const std::shared_ptr<Buffer>& buffer) {
    std::vector<uint32_t> values(buffer->size_bytes() / 4);
    EXPECT_TRUE(device_->ToHost(buffer, values.data(), buffer->size_bytes())->Await().ok());
    EXPECT_EQ(values, std::vector<uint32_t>(values.size(), values[0]));
    return values[0];
  }
  std::shared_ptr<Buffer> FromHost(int64_t megawords, uint32_t value) {
    const std::vector<uint32_t> values(static_cast<size_t>(megawords * kMegaword), value);
    auto buffer = device_->FromHost(U32(megawords * kMegaword), {values.data(), {}});
    EXPECT_TRUE(buffer.ok()) << buffer.status().message();
    return *buffer;
  }

  std::shared_ptr<vulkan::Instance> instance_ = MakeInstance();
  // A CPU's limit is the machine's memory, whatever the driver says.
  std::unique_ptr<DeviceImpl> device_ = MakeDevice(instance_, [](auto& profile) {
    profile.type = target::DeviceType::kIntegratedGpu;
    profile.device_memory_bytes = kBudget;
  });
};

TEST_F(BudgetTest, AllOfItCanBeUsedInTensorsOfAnySize) {
  for (const int64_t megawords : {1, 4, 16, 32}) {
    const auto buffers = Fill(megawords);
    EXPECT_EQ(buffers.size(), 32u / megawords) << megawords;
    EXPECT_EQ(device_->memory_statistics().bytes_in_use, kBudget);
    EXPECT_EQ(device_->memory_statistics().bytes_limit, kBudget);
    const Status refused = Allocate(1).status();
    EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
    EXPECT_THAT(refused.message(), HasSubstr("1048576 bytes are asked for, 33554432 are in use and 0 free"));
  }
}

TEST_F(BudgetTest, FreedMemoryServesOtherSizes) {
  auto buffers = Fill(1);
  EXPECT_FALSE(Allocate(2).ok());
  buffers.resize(16);
  EXPECT_EQ(Fill(8).size(), 2u);
  buffers.clear();
  EXPECT_TRUE(Allocate(32).ok());
}

TEST_F(BudgetTest, ADonatedArgumentsMemoryIsNotNeededTwice) {
  const auto executable = LoadAddOne(20, 0);
  const std::vector<std::shared_ptr<Buffer>> arguments = {FromHost(20, 4)};
  const auto refused = executable->Execute(arguments, {});
  EXPECT_EQ(refused.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.status().message(), HasSubstr("While executing program test."));
  const auto result = executable->Execute(arguments, {.is_donated = {true}});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_TRUE(arguments[0]->IsDeleted());
  EXPECT_EQ(FirstOf(result->outputs[0]), 5u);
}

TEST_F(BudgetTest, TemporariesThatDoNotFitGiveTheArgumentsBack) {
  const auto executable = LoadAddOne(8, 3);
  const std::vector<std::shared_ptr<Buffer>> arguments = {FromHost(8, 7)};
  auto other = Allocate(8);
  ASSERT_TRUE(other.ok());
  for (int round = 0; round < 2; ++round) {
    const auto refused = executable->Execute(arguments, {.is_donated = {true}});
    EXPECT_EQ(refused.status().code(), StatusCode::kResourceExhausted);
    ASSERT_FALSE(arguments[0]->IsDeleted());
    EXPECT_EQ(FirstOf(arguments[0]), 7u);
    EXPECT_EQ(device_->memory_statistics().bytes_in_use, uint64_t{16} << 20);
  }
  (*other)->Delete();
  const auto result = executable->Execute(arguments, {.is_donated = {true}});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_EQ(FirstOf(result->outputs[0]), 8u);
}

TEST_F(BudgetTest, TheIdleArenaMakesWayForTensorsAndOtherArenas) {
  const auto large = LoadAddOne(8, 2), small = LoadAddOne(1, 1);
  const auto run = [&](Executable& executable, int64_t megawords) {
    const std::vector<std::shared_ptr<Buffer>> arguments = {FromHost(megawords, 1)};
    const auto result = executable.Execute(arguments, {.is_donated = {true}});
    ASSERT_TRUE(result.ok()) << result.status().message();
    EXPECT_EQ(FirstOf(result->outputs[0]), 2u);
  };
  for (int round = 0; round < 3; ++round) {
    run(*large, 8);
    EXPECT_EQ(device_->memory_statistics().bytes_in_use, uint64_t{16} << 20);
    EXPECT_TRUE(Allocate(30).ok());
    run(*small, 1);
    EXPECT_EQ(device_->memory_statistics().bytes_in_use, uint64_t{1} << 20);
  }
}

TEST_F(BudgetTest, ConstantsThatDoNotFitRefuseTheProgramAlone) {
  ProgramBuilder builder;
  const uint32_t constant = builder.Constant(std::vector<uint32_t>(20 * kMegaword, 3));
  builder.Do(builder.Copy(constant, builder.Output(20 * kMegaword)));
  {
    const auto held = Allocate(16);
    ASSERT_TRUE(held.ok());
    EXPECT_EQ(device_->Load(builder.program()).status().code(), StatusCode::kResourceExhausted);
    EXPECT_EQ(device_->memory_statistics().bytes_in_use, uint64_t{16} << 20);
  }
  const auto executable = device_->Load(builder.program());
  ASSERT_TRUE(executable.ok()) << executable.status().message();
  EXPECT_EQ((*executable)->Execute({}, {}).status().code(), StatusCode::kResourceExhausted)
      << "The output is too much.";
}

TEST_F(BudgetTest, UploadsAndCopiesThatDoNotFitLeaveTheRestAsItWas) {
  const auto kept = FromHost(17, 9);
  const std::vector<uint32_t> values(20 * kMegaword, 1);
  EXPECT_EQ(device_->FromHost(U32(20 * kMegaword), {values.data(), {}}).status().code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(device_->Copy(kept).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(FirstOf(kept), 9u);
}

}  // namespace
}  // namespace dragoman::runtime::testing
