// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_trial.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>

#include "base/cache_folder.h"
#include "base/format.h"
#include "runtime/kernel_cache.h"
#include "vulkan/physical_device.h"
#include "vulkan/pipeline.h"

extern char** environ;

namespace dragoman::runtime {
namespace {

namespace fs = std::filesystem;

constexpr int kSecondsToWait = 600;
constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 5'000'000};

// Beside the library or program that holds this code, or in the package's folder for it.
std::string CommandPath() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&TryKernel), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code error;
  // A program's name is what it was called by.
  const bool is_path = std::string_view(info.dli_fname).find('/') != std::string_view::npos;
  const fs::path self = is_path ? fs::path(info.dli_fname) : fs::read_symlink("/proc/self/exe", error);
  for (const char* name : {"dragoman", "bin/dragoman"}) {
    const fs::path path = self.parent_path() / name;
    if (access(path.c_str(), X_OK) == 0 && !fs::is_directory(path, error)) return path.string();
  }
  return {};
}

using File = std::unique_ptr<FILE, int (*)(FILE*)>;

// An unnamed file with a program that holds this kernel alone.
File WriteInput(const program::Kernel& kernel) {
  program::Program program;
  program.name = "trial";
  program.kernels.push_back(kernel);
  const std::vector<std::byte> bytes = program::Save(program);
  File file(std::tmpfile(), &std::fclose);
  if (file == nullptr || std::fwrite(bytes.data(), 1, bytes.size(), file.get()) != bytes.size() ||
      std::fflush(file.get()) != 0 || lseek(fileno(file.get()), 0, SEEK_SET) != 0) {
    return File(nullptr, &std::fclose);
  }
  return file;
}

// The process, or -1.
pid_t Start(const std::string& command, int input, const std::string& driver) {
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0) return -1;
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  for (const int output : {STDOUT_FILENO, STDERR_FILENO}) {
    posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0);
  }
  const char* arguments[] = {command.c_str(), "make-kernel", "--driver", driver.c_str(), nullptr};
  pid_t process = -1;
  const int error =
      posix_spawn(&process, command.c_str(), &actions, nullptr, const_cast<char* const*>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? process : -1;
}

// Whether the process ended by itself. One whose end is told to nobody (SIGCHLD is ignored) counts as dead.
bool Survives(pid_t process) {
  for (const time_t start = time(nullptr); time(nullptr) - start < kSecondsToWait; nanosleep(&kPause, nullptr)) {
    int status = 0;
    const pid_t ended = waitpid(process, &status, WNOHANG);
    if (ended == process) return WIFEXITED(status) && WEXITSTATUS(status) == kSurvivedExitCode;
    if (ended < 0 && errno != EINTR) return false;
  }
  kill(process, SIGKILL);
  waitpid(process, nullptr, 0);
  return false;
}

StatusOr<program::Program> ReadProgram(int input) {
  std::vector<std::byte> bytes;
  std::byte part[4096];
  for (ssize_t count; (count = read(input, part, sizeof(part))) > 0;) bytes.insert(bytes.end(), part, part + count);
  return program::Load(bytes);
}

}  // namespace

TrialOutcome TryKernel(const program::Kernel& kernel, const Hash128& driver) {
  const std::string command = CommandPath();
  if (command.empty()) return TrialOutcome::kNotStarted;
  const File input = WriteInput(kernel);
  const pid_t process = input == nullptr ? -1 : Start(command, fileno(input.get()), driver.Hex());
  if (process < 0) return TrialOutcome::kNotStarted;
  return Survives(process) ? TrialOutcome::kSurvived : TrialOutcome::kDied;
}

Status MakeKernelsOf(int input, const std::string& driver) {
  constexpr rlimit kNoCoreFile{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &kNoCoreFile);
  ASSIGN_OR_RETURN(const program::Program program, ReadProgram(input));
  ASSIGN_OR_RETURN(const auto instance, vulkan::Instance::Create({}));
  ASSIGN_OR_RETURN(std::vector<vulkan::PhysicalDevice> found, vulkan::EnumeratePhysicalDevices(*instance));
  for (vulkan::PhysicalDevice& physical : found) {
    if (vulkan::DriverKey(physical).Hex() != driver) continue;
    ASSIGN_OR_RETURN(const auto device, vulkan::Device::Create(instance, std::move(physical)));
    const vulkan::PipelineCache cache(*device, ProcessCacheFolder());
    for (const program::Kernel& kernel : program.kernels) {
      (void)cache.Make(cache.KeyOf(kernel.hash), PipelineOptionsOf(kernel));
    }
    return OkStatus();
  }
  return NotFound(Format("There is no device of the driver {}.", driver));
}

}  // namespace dragoman::runtime
