// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_trial.h"

#include <chrono>
#include <filesystem>

#include "base/cache_folder.h"
#include "base/format.h"
#include "base/os.h"
#include "runtime/kernel_cache.h"
#include "vulkan/physical_device.h"
#include "vulkan/pipeline.h"

namespace dragoman::runtime {
namespace {

constexpr std::chrono::minutes kLongestTrial(10);

// Beside the library or program that holds this code, or in the package's folder for it.
std::string CommandPath() {
  const std::filesystem::path self = os::PathOf(os::BinaryPath(reinterpret_cast<const void*>(&TryKernel)));
  if (self.empty()) return {};
  for (const char* name : {"dragoman", "bin/dragoman"}) {
    const std::string path = os::NameOf(self.parent_path() / name) + os::kProgramSuffix;
    if (os::IsExecutable(path)) return path;
  }
  return {};
}

// A file with a program that holds this kernel alone; not open where it cannot be written.
os::File WriteInput(const program::Kernel& kernel) {
  program::Program program;
  program.name = "trial";
  program.kernels.push_back(kernel);
  os::File file = os::File::MakeUnnamed();
  return file.is_open() && file.Write(program::Save(program)) ? std::move(file) : os::File();
}

}  // namespace

TrialOutcome TryKernel(const program::Kernel& kernel, const Hash128& driver) {
  const std::string command = CommandPath();
  if (command.empty()) return TrialOutcome::kNotStarted;
  const os::ProgramEnd end =
      os::RunProgram({command, "make-kernel", "--driver", driver.Hex()}, WriteInput(kernel), kLongestTrial);
  if (!end.is_started) return TrialOutcome::kNotStarted;
  return end.exit_code == kSurvivedExitCode ? TrialOutcome::kSurvived : TrialOutcome::kDied;
}

Status MakeKernelsOf(std::span<const std::byte> input, const std::string& driver) {
  os::ForbidCoreFiles();
  ASSIGN_OR_RETURN(const program::ValidProgram program, program::Load(input));
  ASSIGN_OR_RETURN(const auto instance, vulkan::Instance::Create({}));
  ASSIGN_OR_RETURN(std::vector<vulkan::PhysicalDevice> found, vulkan::EnumeratePhysicalDevices(*instance));
  for (vulkan::PhysicalDevice& physical : found) {
    if (vulkan::DriverKey(physical).Hex() != driver) continue;
    ASSIGN_OR_RETURN(const auto device, vulkan::Device::Create(instance, std::move(physical)));
    const vulkan::PipelineCache cache(*device, ProcessCacheFolder());
    for (const program::Kernel& kernel : program->kernels) {
      (void)cache.Make(cache.KeyOf(kernel.hash), PipelineOptionsOf(kernel));
    }
    return OkStatus();
  }
  return NotFound(Format("There is no device of the driver {}.", driver));
}

}  // namespace dragoman::runtime
