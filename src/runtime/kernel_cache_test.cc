// SPDX-License-Identifier: Apache-2.0
// Which pipelines loads make. The driver's calls are counted by a fault that stands after as many as are due.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <latch>
#include <thread>

#include "base/cache_mark.h"
#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

constexpr int kNumKernels = 24;
constexpr const char* kMake = "vkCreateComputePipelines";

// Kernels that no other call gave: their hashes tell them apart by a field that changes nothing.
std::vector<program::Kernel> NewKernels(int count) {
  static uint32_t next_num_params = 100;
  std::vector<program::Kernel> kernels;
  for (int i = 0; i < count; ++i) kernels.push_back(MakeKernel(spirv::kScaleSpirv, 2, next_num_params++));
  return kernels;
}

program::Program Holding(std::vector<program::Kernel> kernels) {
  program::Program program;
  program.name = "kernels";
  program.kernels = std::move(kernels);
  return program;
}

class KernelCacheTest : public DeviceTest {
 protected:
  // The built-in kernels are made with the first program.
  void SetUp() override {
    DeviceTest::SetUp();
    Load(Holding({}));
  }
  void TearDown() override {
    faults().Clear();
    DeviceTest::TearDown();
  }

  // Each program in a thread of its own, all at once.
  static std::vector<StatusOr<std::shared_ptr<Executable>>> LoadAtOnce(const std::vector<program::Program>& programs) {
    std::vector<StatusOr<std::shared_ptr<Executable>>> loaded(programs.size(), Internal("Not loaded."));
    std::latch start(static_cast<ptrdiff_t>(programs.size()));
    std::vector<std::thread> threads;
    for (size_t i = 0; i < programs.size(); ++i) {
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        loaded[i] = device().Load(programs[i]);
      });
    }
    for (std::thread& thread : threads) thread.join();
    return loaded;
  }
};

TEST_F(KernelCacheTest, ConcurrentLoadsMakeEachKernelOnce) {
  const std::vector<program::Kernel> kernels = NewKernels(kNumKernels);
  std::vector<program::Program> programs;
  for (int i = 0; i < 6; ++i) {
    programs.push_back(Holding(kernels));
    std::rotate(programs.back().kernels.begin(), programs.back().kernels.begin() + i, programs.back().kernels.end());
  }
  faults().Inject(kMake, VK_ERROR_UNKNOWN, kNumKernels, 1000);
  const auto loaded = LoadAtOnce(programs);
  for (const auto& executable : loaded) EXPECT_TRUE(executable.ok()) << executable.status().message();
  EXPECT_FALSE(device().Load(Holding(NewKernels(1))).ok()) << "fewer were made than there are kernels";
}

TEST_F(KernelCacheTest, EqualKernelsOfOneProgramAreMadeOnce) {
  std::vector<program::Kernel> kernels = NewKernels(1);
  kernels.resize(5, kernels[0]);
  faults().Inject(kMake, VK_ERROR_UNKNOWN, 1, 1000);
  EXPECT_NE(Load(Holding(kernels)), nullptr);
}

// Who waits for a kernel gets its error, nobody waits for ever, and the kernel is made when it is wanted again.
TEST_F(KernelCacheTest, AKernelThatFailsIsTriedAgainByTheNextLoad) {
  const program::Program program = Holding(NewKernels(kNumKernels));
  faults().Inject(kMake, VK_ERROR_UNKNOWN, 0, 1000);
  for (const auto& executable : LoadAtOnce({program, program, program})) {
    EXPECT_EQ(executable.status().code(), StatusCode::kInternal);
  }
  faults().Clear();
  EXPECT_NE(Load(program), nullptr);
}

TEST_F(KernelCacheTest, OfSeveralErrorsTheFirstKernelsIsReported) {
  const program::Program program = Holding(NewKernels(kNumKernels));
  faults().Inject(kMake, VK_ERROR_UNKNOWN, 0, 1000);
  const std::string message = device().Load(program).status().message();
  EXPECT_NE(message.find(program.kernels[0].hash.Hex()), std::string::npos) << message;
}

// A process that died left word: the driver is not given the kernel again until somebody clears that.
TEST_F(KernelCacheTest, AKernelThatIsMarkedAsDeadlyIsRefusedByTheNameOfItsOperation) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "dragoman_refused_kernel_test";
  std::filesystem::remove_all(path);
  {
    const auto folder = *CacheFolder::Open(path.string());
    const vulkan::PipelineCache pipelines(*core().device, folder);
    KernelCache cache(*core().device, pipelines);
    const std::vector<program::Kernel> kernels = NewKernels(2);
    std::vector<KernelRequest> requests = {{.kernel = &kernels[0], .label = "harmless"},
                                           {.kernel = &kernels[1], .label = "dot_general"}};
    CacheMark::Set(*folder, pipelines.KeyOf(requests[1].key()), "dot_general on a device").Refuse();
    for (int round = 0; round < 2; ++round) {
      const Status refused = cache.Get(requests).status();
      EXPECT_EQ(refused.code(), StatusCode::kUnimplemented);
      EXPECT_THAT(refused.message(),
                  ::testing::HasSubstr("ends the process when it is given the kernel of dot_general"));
      EXPECT_THAT(refused.message(), ::testing::HasSubstr("`dragoman cache clear --refused`"));
    }
    EXPECT_TRUE(cache.Get(std::span(requests).first(1)).ok());
    folder->ClearMarks();
    EXPECT_TRUE(cache.Get(requests).ok());
    EXPECT_TRUE(folder->MarkNames().empty());
  }
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace dragoman::runtime::testing
