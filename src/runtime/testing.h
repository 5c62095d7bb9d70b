// SPDX-License-Identifier: Apache-2.0
// For the tests of this room: a client under validation layers, and small kernels and programs made by hand.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "base/os_testing.h"
#include "runtime/device.h"
#include "runtime/runtime.h"

namespace dragoman::runtime::testing {

namespace spirv {
#include "runtime/testing_spirv.inc"
}

inline program::Kernel MakeKernel(std::span<const uint32_t> words, uint32_t num_buffers, uint32_t num_params) {
  program::Kernel kernel{.spirv = {words.begin(), words.end()},
                         .workgroup_size = 64,
                         .num_buffers = num_buffers,
                         .num_params = num_params};
  kernel.hash = program::HashKernel(kernel);
  return kernel;
}

// Indices of the kernels in every test program.
enum TestKernel : uint32_t { kScale, kAdd, kLess, kSegments };
inline std::vector<program::Kernel> TestKernels() {
  std::vector<program::Kernel> kernels = {MakeKernel(spirv::kScaleSpirv, 2, 3), MakeKernel(spirv::kAddSpirv, 3, 1),
                                          MakeKernel(spirv::kLessSpirv, 2, 1), MakeKernel(spirv::kSegmentsSpirv, 2, 2)};
  kernels[kLess].workgroup_size = 1;
  kernels[kSegments].is_segmented = true;
  for (auto& kernel : kernels) kernel.hash = program::HashKernel(kernel);
  return kernels;
}

inline TensorType U32(int64_t count) { return {DType::kU32, {count}}; }

// Builds programs over u32 vectors.
class ProgramBuilder {
 public:
  ProgramBuilder() {
    program_.name = "test";
    program_.kernels = TestKernels();
  }
  uint32_t Parameter(int64_t count) {
    program_.parameters.push_back({U32(count)});
    return Slot(program::SlotKind::kParameter, program_.parameters.size() - 1, 0, count);
  }
  uint32_t Output(int64_t count, int aliased_parameter = -1) {
    program_.outputs.push_back({U32(count), aliased_parameter});
    return Slot(program::SlotKind::kOutput, program_.outputs.size() - 1, 0, count);
  }
  uint32_t Temporary(int64_t count) {
    const uint64_t offset = program_.arena_bytes;
    program_.arena_bytes += (static_cast<uint64_t>(count) * 4 + 255) / 256 * 256;
    return Slot(program::SlotKind::kArena, 0, offset, count);
  }
  uint32_t Constant(const std::vector<uint32_t>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    program_.constants.emplace_back(bytes.begin(), bytes.end());
    return Slot(program::SlotKind::kConstant, program_.constants.size() - 1, 0, static_cast<int64_t>(values.size()));
  }
  uint32_t Slot(program::SlotKind kind, size_t index, uint64_t offset_bytes, int64_t count) {
    program_.slots.push_back({kind, static_cast<uint32_t>(index), offset_bytes, static_cast<uint64_t>(count) * 4});
    return static_cast<uint32_t>(program_.slots.size() - 1);
  }
  uint32_t Count(uint32_t slot) const { return static_cast<uint32_t>(program_.slots[slot].size_bytes / 4); }

  program::Step Scale(uint32_t source, uint32_t target, uint32_t factor, uint32_t addend) const {
    return {.barrier_before = true,
            .kernel = kScale,
            .workgroups = (Count(target) + 63) / 64,
            .buffers = {source, target},
            .params = {Count(target), factor, addend}};
  }
  program::Step Add(uint32_t lhs, uint32_t rhs, uint32_t target) const {
    return {.barrier_before = true,
            .kernel = kAdd,
            .workgroups = (Count(target) + 63) / 64,
            .buffers = {lhs, rhs, target},
            .params = {Count(target)}};
  }
  program::Step Less(uint32_t source, uint32_t target, uint32_t limit) const {
    return {.barrier_before = true, .kernel = kLess, .workgroups = 1, .buffers = {source, target}, .params = {limit}};
  }
  static program::Step Copy(uint32_t source, uint32_t target) {
    return {.kind = program::StepKind::kCopy, .barrier_before = true, .slot_a = source, .slot_b = target};
  }
  void Do(program::Step step) { program_.steps.push_back(std::move(step)); }
  program::Program& program() { return program_; }

 private:
  program::Program program_;
};

// factor * x + addend, over a temporary.
inline program::Program ScaleProgram(int64_t count, uint32_t factor, uint32_t addend) {
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(count), temporary = builder.Temporary(count);
  builder.Do(builder.Scale(parameter, temporary, factor, 0));
  builder.Do(builder.Scale(temporary, builder.Output(count, 0), 1, addend));
  return builder.program();
}

inline std::shared_ptr<vulkan::Instance> MakeInstance() {
  auto instance = vulkan::Instance::Create({.enable_validation = os::WantsValidation()});
  EXPECT_TRUE(instance.ok()) << instance.status().message();
  return *instance;
}
// A device of a test's own, to be broken, or changed before it is opened.
inline std::unique_ptr<DeviceImpl> MakeDevice(
    const std::shared_ptr<vulkan::Instance>& instance,
    const std::function<void(target::DeviceProfile&)>& change = [](target::DeviceProfile&) {}) {
  auto physical = vulkan::EnumeratePhysicalDevices(*instance);
  EXPECT_TRUE(physical.ok()) << physical.status().message();
  change((*physical)[0].profile);
  auto core = Core::Create(instance, std::move((*physical)[0]));
  EXPECT_TRUE(core.ok()) << core.status().message();
  return std::make_unique<DeviceImpl>(*core, 0, (*core)->device->profile());
}

// While it lives, programs are loaded for a device of this speed.
class PretendedSpeed {
 public:
  PretendedSpeed(Core& core, double bytes_per_second) : core_(core), before_(core.speed) {
    core.speed = {.bytes_per_second = bytes_per_second};
  }
  ~PretendedSpeed() { core_.speed = before_; }

 private:
  Core& core_;
  DeviceSpeed before_;
};

// One client for a whole test program: making one takes a third of a second.
class DeviceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (client_ == nullptr) client_ = MakeClient();
  }
  static void TearDownTestSuite() {
    if (client_ == nullptr) return;
    EXPECT_EQ(core().device->instance().validation_message_count(), 0);
    client_ = nullptr;
  }
  void SetUp() override {
    ASSERT_NE(client_, nullptr);
    messages_before_ = core().device->instance().validation_message_count();
  }
  void TearDown() override {
    EXPECT_TRUE(device().WaitIdle().ok());
    EXPECT_EQ(core().device->instance().validation_message_count(), messages_before_);
    EXPECT_EQ(device().memory_statistics().bytes_in_use, 0u);
  }

  static std::shared_ptr<Client> MakeClient() {
    auto client = Client::Create({.enable_validation = os::WantsValidation()});
    EXPECT_TRUE(client.ok()) << client.status().message();
    return client.ok() ? *client : nullptr;
  }
  static DeviceImpl& device() { return static_cast<DeviceImpl&>(*client_->devices()[0]); }
  static Core& core() { return device().core(); }
  // So far, with one that is pending.
  static uint64_t NumSubmissions() { return core().queue->current_uses().on(QueueId::kMain).value; }
  static vulkan::Faults& faults() { return core().device->instance().faults(); }

  static std::shared_ptr<Buffer> FromHost(const std::vector<uint32_t>& values) {
    auto buffer = device().FromHost(U32(static_cast<int64_t>(values.size())), {values.data(), {}});
    EXPECT_TRUE(buffer.ok()) << buffer.status().message();
    return buffer.ok() ? *buffer : nullptr;
  }
  // Where the device keeps its tensors: donated, the memory is the output's.
  static std::shared_ptr<Buffer> OnDevice(const std::vector<uint32_t>& values) {
    auto buffer = device().Copy(FromHost(values));
    EXPECT_TRUE(buffer.ok()) << buffer.status().message();
    EXPECT_TRUE(device().WaitIdle().ok());
    return *buffer;
  }
  static std::vector<uint32_t> ToHost(const std::shared_ptr<Buffer>& buffer) {
    std::vector<uint32_t> values(buffer->size_bytes() / 4, 0xdeadbeef);
    const Status status = device().ToHost(buffer, values.data(), buffer->size_bytes())->Await();
    EXPECT_TRUE(status.ok()) << status.message();
    return values;
  }
  static std::shared_ptr<Executable> Load(const program::Program& program) {
    auto executable = device().Load(program);
    EXPECT_TRUE(executable.ok()) << executable.status().message();
    return executable.ok() ? *executable : nullptr;
  }
  static std::vector<std::shared_ptr<Buffer>> Execute(Executable& executable,
                                                      std::vector<std::shared_ptr<Buffer>> arguments,
                                                      std::vector<bool> is_donated = {}) {
    auto result = executable.Execute(arguments, {.is_donated = std::move(is_donated)});
    EXPECT_TRUE(result.ok()) << result.status().message();
    return result.ok() ? result->outputs : std::vector<std::shared_ptr<Buffer>>();
  }
  static std::vector<uint32_t> Iota(uint32_t count, uint32_t first = 0) {
    std::vector<uint32_t> values(count);
    std::iota(values.begin(), values.end(), first);
    return values;
  }

  static inline std::shared_ptr<Client> client_;
  int messages_before_ = 0;
};

}  // namespace dragoman::runtime::testing
