// SPDX-License-Identifier: Apache-2.0
// Files, on Linux and other systems after POSIX.
#include "base/os.h"

#if !defined(_WIN32)
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace dragoman::os {
namespace {

int DescriptorOf(const Handle& handle) { return static_cast<int>(handle.get()); }

FileInfo ToInfo(const struct stat& file) {
#if defined(__APPLE__)
  const timespec& modified = file.st_mtimespec;
#else
  const timespec& modified = file.st_mtim;
#endif
  const auto since_epoch = std::chrono::seconds(modified.tv_sec) + std::chrono::nanoseconds(modified.tv_nsec);
  return {
      .is_regular = S_ISREG(file.st_mode),
      .is_removed = file.st_nlink == 0,
      .is_own = file.st_uid == geteuid(),
      .is_writable_by_others = (file.st_mode & (S_IWGRP | S_IWOTH)) != 0,
      .owner = file.st_uid,
      .size_bytes = static_cast<uint64_t>(file.st_size),
      .modified = std::chrono::system_clock::time_point(
          std::chrono::duration_cast<std::chrono::system_clock::duration>(since_epoch)),
  };
}

std::optional<FileInfo> InfoOfDescriptor(int descriptor) {
  struct stat file;
  return fstat(descriptor, &file) == 0 ? std::optional(ToInfo(file)) : std::nullopt;
}

int FlagsOf(OpenMode mode) {
  constexpr int kAlways = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  if (mode == OpenMode::kRead) return kAlways | O_RDONLY;
  return kAlways | O_CREAT | (mode == OpenMode::kUpdate ? O_RDWR : O_WRONLY | O_TRUNC);
}

// What is left of `bytes` after `transfer(begin, size, done)`, which does a part at a time, as read and write do.
template <typename Byte, typename Transfer>
std::span<Byte> DoInParts(std::span<Byte> bytes, const Transfer& transfer) {
  off_t done = 0;
  while (!bytes.empty()) {
    const ssize_t count = transfer(bytes.data(), bytes.size(), done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    bytes = bytes.subspan(static_cast<size_t>(count));
    done += count;
  }
  return bytes;
}

}  // namespace

Handle::~Handle() {
  if (is_open()) close(DescriptorOf(*this));
}

File File::MakeUnnamed() {
  std::FILE* stream = std::tmpfile();
  if (stream == nullptr) return File();
  File file(Handle(fcntl(fileno(stream), F_DUPFD_CLOEXEC, 0)));
  std::fclose(stream);
  return file;
}

std::optional<FileInfo> File::Info() const { return InfoOfDescriptor(DescriptorOf(handle_)); }

size_t File::Read(std::span<std::byte> bytes) const {
  const auto left = DoInParts(bytes, [&](std::byte* begin, size_t size, off_t done) {
    return pread(DescriptorOf(handle_), begin, size, done);
  });
  return bytes.size() - left.size();
}

bool File::Write(std::span<const std::byte> bytes, uint64_t offset) const {
  const auto left = DoInParts(bytes, [&](const std::byte* begin, size_t size, off_t done) {
    return pwrite(DescriptorOf(handle_), begin, size, static_cast<off_t>(offset) + done);
  });
  return left.empty();
}

bool File::Truncate(uint64_t size_bytes) const {
  return ftruncate(DescriptorOf(handle_), static_cast<off_t>(size_bytes)) == 0;
}

void File::Touch() const { futimens(DescriptorOf(handle_), nullptr); }

LockState File::TryLock() const {
  while (flock(DescriptorOf(handle_), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return LockState::kHeldByAnother;
    if (errno != EINTR) return LockState::kUnsupported;
  }
  return LockState::kLocked;
}

Folder Folder::Open(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  Handle handle(open(path.c_str(), kFlags | O_NOFOLLOW));
  if (handle.is_open()) return Folder(std::move(handle));
  // The user may have put the folder on another disk; a link that somebody else made is not followed.
  const int error = errno;
  struct stat link;
  if (lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode) && link.st_uid == geteuid()) {
    return Folder(Handle(open(path.c_str(), kFlags)));
  }
  errno = error;
  return Folder();
}

std::optional<FileInfo> Folder::Info() const { return InfoOfDescriptor(DescriptorOf(handle_)); }

File Folder::OpenFile(const std::string& name, OpenMode mode) const {
  return File(Handle(openat(DescriptorOf(handle_), name.c_str(), FlagsOf(mode), 0600)));
}

std::optional<FileInfo> Folder::InfoOf(const std::string& name) const {
  struct stat file;
  const bool is_there = fstatat(DescriptorOf(handle_), name.c_str(), &file, AT_SYMLINK_NOFOLLOW) == 0;
  return is_there ? std::optional(ToInfo(file)) : std::nullopt;
}

std::vector<std::string> Folder::Names(const std::string& inner) const {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const int descriptor = openat(DescriptorOf(handle_), inner.c_str(), kFlags);
  if (descriptor < 0) return {};
  DIR* entries = fdopendir(descriptor);
  if (entries == nullptr) {
    close(descriptor);
    return {};
  }
  std::vector<std::string> names;
  while (const dirent* entry = readdir(entries)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  closedir(entries);
  return names;
}

void Folder::MakeFolder(const std::string& name) const { mkdirat(DescriptorOf(handle_), name.c_str(), 0700); }

bool Folder::Rename(const std::string& from, const std::string& to) const {
  return renameat(DescriptorOf(handle_), from.c_str(), DescriptorOf(handle_), to.c_str()) == 0;
}

bool Folder::Remove(const std::string& name) const {
  return unlinkat(DescriptorOf(handle_), name.c_str(), 0) == 0 || errno == ENOENT;
}

void Folder::RemoveFolder(const std::string& name) const {
  unlinkat(DescriptorOf(handle_), name.c_str(), AT_REMOVEDIR);
}

std::string UserCacheFolder() {
  if (const auto folder = EnvironmentVariable("XDG_CACHE_HOME"); folder && !folder->empty()) return *folder;
  const std::string home = EnvironmentVariable("HOME").value_or("");
  return home.empty() ? home : home + "/.cache";
}

void MakeFolders(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    mkdir(path.substr(0, slash).c_str(), 0700);
  }
  mkdir(path.c_str(), 0700);
}

std::string MakePrivateCommand(const std::string& path) { return "chmod 700 " + path; }

const char* const kProgramSuffix = "";

bool IsExecutable(const std::string& path) {
  struct stat file;
  return access(path.c_str(), X_OK) == 0 && stat(path.c_str(), &file) == 0 && !S_ISDIR(file.st_mode);
}

std::vector<std::byte> ReadStandardInput() {
  std::vector<std::byte> bytes;
  std::byte part[4096];
  for (ssize_t count; (count = read(STDIN_FILENO, part, sizeof(part))) > 0;) {
    bytes.insert(bytes.end(), part, part + count);
  }
  return bytes;
}

}  // namespace dragoman::os
#endif
