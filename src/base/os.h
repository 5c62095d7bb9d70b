// SPDX-License-Identifier: Apache-2.0
// The one door to the operating system: only the files os_*.cc beside this one include its headers (tools/check holds
// that), so another system is another of them. What is not here, the C++ library does everywhere alike. Text and names
// of files are UTF-8; the C++ library takes such a name as PathOf.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace dragoman::os {

// Why the last call of this thread failed, in the system's words. Only right after one that says so.
std::string LastError();

// ---- The process and the machine

// Nothing where the variable is not set.
std::optional<std::string> EnvironmentVariable(const char* name);

// For main: the program's arguments, its own name first. The terminal takes UTF-8 from now on.
std::vector<std::string> StartCommand(int argc, char** argv);

int ProcessId();
// Whether a process of this id runs; true where the system does not tell.
bool IsRunning(int process_id);
// Which user this process acts as.
uint64_t UserId();
// How many forks lie between the process that called this first and this one. The first call may fail to register, when
// memory ends: then none is noticed. Later calls take no lock and make no system call.
int CountForks();
// No file with this process's memory is written when it dies.
void ForbidCoreFiles();

// The machine's memory, or 0 where the system does not tell.
uint64_t MemoryBytes();

// All of it; up to an error, what came before.
std::vector<std::byte> ReadStandardInput();

// ---- Files

// The C++ library's form of a name, and back. It takes char's bytes for another encoding than UTF-8 on some systems.
inline std::filesystem::path PathOf(std::string_view name) { return std::u8string(name.begin(), name.end()); }
inline std::string NameOf(const std::filesystem::path& path) {
  const std::u8string name = path.u8string();
  return {name.begin(), name.end()};
}

// An open file or folder as the system names it, closed with its owner.
class Handle {
 public:
  static constexpr intptr_t kNone = -1;
  explicit Handle(intptr_t value = kNone) : value_(value) {}
  Handle(Handle&& other) noexcept : value_(std::exchange(other.value_, kNone)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Handle();

  bool is_open() const { return value_ != kNone; }
  intptr_t get() const { return value_; }  // for os_*.cc

 private:
  intptr_t value_;
};

struct FileInfo {
  bool is_regular = false;             // no folder, link, pipe or device
  bool is_removed = false;             // open, but without a name
  bool is_own = false;                 // belongs to the user that this process acts as
  bool is_writable_by_others = false;  // by anybody but its owner
  uint64_t owner = 0;                  // as UserId
  uint64_t size_bytes = 0;
  std::chrono::system_clock::time_point modified;

  // Nobody else can have put there what is in it.
  bool IsPrivate() const { return is_own && !is_writable_by_others; }
};

enum class LockState : uint8_t {
  kLocked,
  kHeldByAnother,  // which has opened the file for itself, in this process or another
  kUnsupported,    // by the file system
};

class File {
 public:
  File() = default;
  explicit File(Handle handle) : handle_(std::move(handle)) {}
  // Readable and writable, without a name; removed when it is closed. Not open where none can be made.
  static File MakeUnnamed();

  bool is_open() const { return handle_.is_open(); }
  const Handle& handle() const { return handle_; }
  // Nothing where the file is not open or cannot be asked.
  std::optional<FileInfo> Info() const;

  // The number of bytes read from the file's start, up to its end or an error.
  size_t Read(std::span<std::byte> bytes) const;
  // From `offset` on, in one go where the system lets it. False unless all are written (LastError).
  bool Write(std::span<const std::byte> bytes, uint64_t offset = 0) const;
  bool Truncate(uint64_t size_bytes) const;
  // Its time of modification becomes now, as far as that is allowed.
  void Touch() const;
  // Never waits. The lock is for this one opening of the file, which asks for it once, goes with it, and binds those
  // only who ask for it.
  LockState TryLock() const;

 private:
  Handle handle_;
};

enum class OpenMode : uint8_t {
  kRead,
  kUpdate,   // read and write; made where there is none
  kReplace,  // write; made where there is none, emptied where there is one
};

// An open folder. Names are within it, also after it was moved; links by these names are not followed, and what is made
// is for this user alone.
class Folder {
 public:
  Folder() = default;
  // Not open where there is none or it must not be opened (LastError). A link is followed only if it is this user's.
  static Folder Open(const std::string& path);

  bool is_open() const { return handle_.is_open(); }
  // Nothing where the folder is not open or cannot be asked.
  std::optional<FileInfo> Info() const;

  // Not open where it fails (LastError). Never waits for the other end of a pipe.
  File OpenFile(const std::string& name, OpenMode mode) const;
  std::optional<FileInfo> InfoOf(const std::string& name) const;
  // What is in it, or in its folder `inner`, in no order; none where it cannot be read.
  std::vector<std::string> Names(const std::string& inner = ".") const;
  void MakeFolder(const std::string& name) const;
  // At once, in the place of a file that has the new name. False where it fails (LastError).
  bool Rename(const std::string& from, const std::string& to) const;
  // True when there is no file of this name any more.
  bool Remove(const std::string& name) const;
  // Only where it is empty.
  void RemoveFolder(const std::string& name) const;

 private:
  explicit Folder(Handle handle) : handle_(std::move(handle)) {}
  Handle handle_;
};

// Where this user's programs keep what can be made again, by the system's custom; empty where that is not known.
std::string UserCacheFolder();

// The folder and those above it, for this user alone, where they are not there; Folder::Open tells whether they are.
void MakeFolders(const std::string& path);

// What to type so that nobody else may write in this folder.
std::string MakePrivateCommand(const std::string& path);

// What the names of programs' files end with.
extern const char* const kProgramSuffix;

// A file, not a folder, that this process may run.
bool IsExecutable(const std::string& path);

// ---- Other programs

struct ProgramEnd {
  bool is_started = false;
  // Nothing where it was killed, did not end in time, or its end is told to nobody (SIGCHLD is ignored).
  std::optional<int> exit_code;
};

// Runs `arguments`, the first of which is the program's path, with this process's environment, `input` from its start,
// and output that goes nowhere; waits for its end and kills it when it takes longer than `limit`.
ProgramEnd RunProgram(const std::vector<std::string>& arguments, const File& input, std::chrono::seconds limit);

// ---- Libraries

enum class Binding : uint8_t {
  kPlain,
  kDeep,  // as os_driver_binding.h has it, where that is possible
};

// Never closed. UNAVAILABLE, with nothing but the system's reason, where it cannot be opened.
StatusOr<void*> OpenLibrary(const char* path, Binding binding);
// Null where the library exports no such name.
void* FindSymbol(void* library, const char* name);

// Of the library or program that holds `address`.
// Its path, or nothing where it is not known.
std::string BinaryPath(const void* address);
// Its file's bytes; none where it cannot be read.
std::vector<char> ReadBinary(const void* address);
// The linker's hash over it (the GNU build id) as hexadecimal digits; empty where its format or the linker has none.
std::string BuildIdOf(const void* address);

}  // namespace dragoman::os
