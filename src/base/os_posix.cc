// SPDX-License-Identifier: Apache-2.0
// The process, other programs and libraries, on Linux and other systems after POSIX. os_posix_files.cc has the files.
#include "base/os.h"

#if !defined(_WIN32)
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/format.h"
#include "base/os_driver_binding.h"

#if defined(__linux__)
#include <elf.h>
#include <link.h>
#endif

extern char** environ;

namespace dragoman::os {
namespace {

constexpr std::chrono::milliseconds kPause(5);
constexpr const char* kOwnProgram = "/proc/self/exe";  // on Linux

std::atomic<int> num_forks = 0;

void CountFork() { num_forks.fetch_add(1, std::memory_order_relaxed); }

// The process, or -1.
pid_t Start(const std::vector<std::string>& arguments, int input) {
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0) return -1;
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  for (const int output : {STDOUT_FILENO, STDERR_FILENO}) {
    posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0);
  }
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  pid_t process = -1;
  const int error = posix_spawn(&process, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? process : -1;
}

std::optional<int> WaitFor(pid_t process, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (; std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(kPause)) {
    int status = 0;
    const pid_t ended = waitpid(process, &status, WNOHANG);
    if (ended == process) return WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt;
    if (ended < 0 && errno != EINTR) return std::nullopt;
  }
  kill(process, SIGKILL);
  waitpid(process, nullptr, 0);
  return std::nullopt;
}

// As it was opened or called: a program's name may have no folder, and then leads nowhere.
std::string NameOfBinary(const void* address) {
  Dl_info info;
  return dladdr(address, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "";
}

bool HasFolder(const std::string& name) { return name.find('/') != std::string::npos; }

}  // namespace

std::string LastError() { return std::strerror(errno); }

std::optional<std::string> EnvironmentVariable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::vector<std::string> StartCommand(int argc, char** argv) { return {argv, argv + argc}; }

int ProcessId() { return getpid(); }

bool IsRunning(int process_id) { return kill(process_id, 0) == 0 || errno != ESRCH; }

uint64_t UserId() { return geteuid(); }

int CountForks() {
  static const int registered = pthread_atfork(nullptr, nullptr, CountFork);
  (void)registered;
  return num_forks.load(std::memory_order_relaxed);
}

void ForbidCoreFiles() {
  constexpr rlimit kNone{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &kNone);
}

uint64_t MemoryBytes() {
  const int64_t num_pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
  return num_pages <= 0 || page_bytes <= 0 ? 0 : static_cast<uint64_t>(num_pages) * static_cast<uint64_t>(page_bytes);
}

ProgramEnd RunProgram(const std::vector<std::string>& arguments, const File& input, std::chrono::seconds limit) {
  const pid_t process = input.is_open() ? Start(arguments, static_cast<int>(input.handle().get())) : -1;
  if (process < 0) return {};
  return {.is_started = true, .exit_code = WaitFor(process, limit)};
}

StatusOr<void*> OpenLibrary(const char* path, Binding binding) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL | (binding == Binding::kDeep ? DeepBindingFlags() : 0));
  if (library != nullptr) return library;
  const char* reason = dlerror();
  return Unavailable(reason != nullptr ? reason : "no reason given");
}

void* FindSymbol(void* library, const char* name) { return dlsym(library, name); }

std::string BinaryPath(const void* address) {
  const std::string name = NameOfBinary(address);
  if (name.empty() || HasFolder(name)) return name;
  std::error_code error;
  return std::filesystem::read_symlink(kOwnProgram, error).string();
}

std::vector<char> ReadBinary(const void* address) {
  std::ifstream file;
  if (const std::string name = NameOfBinary(address); HasFolder(name)) file.open(name, std::ios::binary);
  if (!file.is_open()) file.open(kOwnProgram, std::ios::binary);
  return std::vector<char>(std::istreambuf_iterator<char>(file), {});
}

#if defined(__linux__)
namespace {

struct NoteSearch {
  uintptr_t address = 0;  // in the binary that is asked for
  std::string build_id;
};

bool Contains(const dl_phdr_info& binary, uintptr_t address) {
  for (int i = 0; i < binary.dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = binary.dlpi_phdr[i];
    const uintptr_t first = binary.dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && address >= first && address - first < header.p_memsz) return true;
  }
  return false;
}

size_t Padded(size_t size) { return (size + 3) & ~size_t{3}; }

// The descriptor of the note "GNU", type 3, as hexadecimal digits.
std::string FindInNotes(const unsigned char* notes, size_t size) {
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof(note));
    const size_t total = sizeof(note) + Padded(note.n_namesz) + Padded(note.n_descsz);
    if (total > size) break;
    const unsigned char* name = notes + sizeof(note);
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
      std::string digits;
      for (size_t i = 0; i < note.n_descsz; ++i) digits += Format("{:02x}", name[Padded(note.n_namesz) + i]);
      return digits;
    }
    notes += total;
    size -= total;
  }
  return {};
}

int VisitBinary(dl_phdr_info* binary, size_t, void* argument) {
  auto& search = *static_cast<NoteSearch*>(argument);
  if (!Contains(*binary, search.address)) return 0;
  for (int i = 0; i < binary->dlpi_phnum && search.build_id.empty(); ++i) {
    const ElfW(Phdr)& header = binary->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    const auto* notes = reinterpret_cast<const unsigned char*>(binary->dlpi_addr + header.p_vaddr);
    search.build_id = FindInNotes(notes, header.p_memsz);
  }
  return 1;
}

}  // namespace

std::string BuildIdOf(const void* address) {
  NoteSearch search{reinterpret_cast<uintptr_t>(address), {}};
  dl_iterate_phdr(&VisitBinary, &search);
  return search.build_id;
}
#else
std::string BuildIdOf(const void*) { return {}; }
#endif

}  // namespace dragoman::os
#endif
