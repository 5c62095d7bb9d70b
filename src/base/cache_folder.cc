// SPDX-License-Identifier: Apache-2.0
#include "base/cache_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>

#include "base/descriptor.h"
#include "base/format.h"
#include "base/log.h"

namespace dragoman {
namespace {

// Before a file's own bytes: what it is and the key it was written for, so that a renamed, cut or damaged file is not
// taken for another.
struct Header {
  std::array<char, 8> magic = {'D', 'R', 'G', 'C', 'A', 'C', 'H', '2'};
  Hash128 key;
  Hash128 checksum;
  uint64_t size_bytes = 0;
  bool operator==(const Header&) const = default;
};
static_assert(sizeof(Header) == 48);

// What all files together take, as counted since they were last looked at. Locked while it is read and changed.
struct Count {
  std::array<char, 8> magic = {'D', 'R', 'G', 'S', 'I', 'Z', 'E', '1'};
  uint64_t total_bytes = 0;
};

constexpr std::string_view kSuffixes[kNumCacheKinds] = {".program", ".pipeline"};
constexpr const char* kCountName = "size";
constexpr const char* kUnfinished = "unfinished";  // a folder of files that are being written
constexpr uint64_t kBlockBytes = 4096;
constexpr time_t kSecondsPerUse = 60;          // how exactly the time of the last use is kept
constexpr time_t kSecondsOfAWriter = 60 * 60;  // none takes that long
constexpr time_t kSecondsOfAMark = 90 * 24 * 60 * 60;

uint64_t OnDisk(uint64_t bytes) { return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes; }

std::string NameOf(CacheKind kind, const Hash128& key) {
  return key.Hex() + std::string(kSuffixes[static_cast<int>(kind)]);
}

bool IsOwn(const struct stat& file) { return file.st_uid == geteuid() && (file.st_mode & (S_IWGRP | S_IWOTH)) == 0; }

void MakeFolders(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    mkdir(path.substr(0, slash).c_str(), 0700);
  }
  mkdir(path.c_str(), 0700);
}

int OpenFolder(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  const int descriptor = open(path.c_str(), kFlags | O_NOFOLLOW);
  if (descriptor >= 0) return descriptor;
  // The user may have put the folder on another disk; a link that somebody else made is not followed.
  const int error = errno;
  struct stat link;
  if (lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode) && link.st_uid == geteuid()) {
    return open(path.c_str(), kFlags);
  }
  errno = error;
  return -1;
}

Status CheckOwn(const std::string& path, const struct stat& folder) {
  constexpr std::string_view kWhy = "kernels from it would run unchecked, so nothing is cached";
  constexpr std::string_view kCure = "Name another folder with DRAGOMAN_CACHE_DIR";
  if (folder.st_uid != geteuid()) {
    return FailedPrecondition(
        Format("The cache folder {} belongs to user {}, and this process runs as user {}: {}. {}.", path, folder.st_uid,
               geteuid(), kWhy, kCure));
  }
  if (IsOwn(folder)) return OkStatus();
  return FailedPrecondition(
      Format("Others may write in the cache folder {} (its mode is {:o}): {}. {}, or empty this one "
             "and type `chmod 700 {}`.",
             path, folder.st_mode & 07777, kWhy, kCure, path));
}

std::optional<std::vector<std::byte>> ReadAll(int file, uint64_t size_bytes) {
  std::vector<std::byte> bytes(size_bytes);
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = read(file, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    done += static_cast<size_t>(count);
  }
  return bytes;
}

bool WriteAll(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return true;
}

template <typename Function>
void ForEachName(int folder, const char* name, const Function& function) {
  const int descriptor = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return;
  DIR* entries = fdopendir(descriptor);
  if (entries == nullptr) {
    close(descriptor);
    return;
  }
  while (const dirent* entry = readdir(entries)) function(std::string(entry->d_name));
  closedir(entries);
}

// What follows the 32 digits that every file's name begins with, or nothing: the folder may be one that holds other
// things too.
std::string_view SuffixOf(std::string_view name) {
  constexpr size_t kDigits = 32;
  if (name.size() < kDigits || name.find_first_not_of("0123456789abcdef") != kDigits) return {};
  return name.substr(kDigits);
}

int KindOf(std::string_view name) {
  const auto* found = std::find(std::begin(kSuffixes), std::end(kSuffixes), SuffixOf(name));
  return found == std::end(kSuffixes) ? -1 : static_cast<int>(found - std::begin(kSuffixes));
}

// Names that earlier versions used: unfinished programs beside the finished ones, all pipelines of a driver in one
// file.
bool IsOfEarlierVersion(std::string_view name) {
  return SuffixOf(name).ends_with(".new") ||
         (name.starts_with("pipelines-") && (name.ends_with(".bin") || name.ends_with(".tmp")));
}

void RemoveMarks(int folder, time_t min_age_seconds) {
  ForEachName(folder, ".", [&](const std::string& name) {
    struct stat file;
    if (SuffixOf(name) != kMarkSuffix || fstatat(folder, name.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (time(nullptr) - file.st_mtime >= min_age_seconds) unlinkat(folder, name.c_str(), 0);
  });
}

// Removes the files of writers that are no more. Their names begin with the writer's process id.
void RemoveUnfinished(int folder, bool all) {
  ForEachName(folder, kUnfinished, [&](const std::string& name) {
    pid_t writer = 0;
    std::from_chars(name.data(), name.data() + name.size(), writer);
    const std::string path = Format("{}/{}", kUnfinished, name);
    struct stat file;
    if (writer <= 0 || fstatat(folder, path.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0) return;
    const bool is_gone = kill(writer, 0) != 0 && errno == ESRCH;
    if (all || is_gone || time(nullptr) - file.st_mtime > kSecondsOfAWriter) unlinkat(folder, path.c_str(), 0);
  });
}

struct File {
  timespec used;
  uint64_t bytes;
  int kind;
  std::string name;
};

std::vector<File> ListFiles(int folder) {
  std::vector<File> files;
  ForEachName(folder, ".", [&](const std::string& name) {
    struct stat file;
    const int kind = KindOf(name);
    if (kind < 0 || fstatat(folder, name.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0) return;
    files.push_back({file.st_mtim, OnDisk(static_cast<uint64_t>(file.st_size)), kind, name});
  });
  return files;
}

// What is left, in bytes.
uint64_t TrimFiles(int folder, uint64_t max_bytes) {
  RemoveUnfinished(folder, /*all=*/false);
  RemoveMarks(folder, kSecondsOfAMark);
  ForEachName(folder, ".", [&](const std::string& name) {
    if (IsOfEarlierVersion(name)) unlinkat(folder, name.c_str(), 0);
  });
  std::vector<File> files = ListFiles(folder);
  uint64_t total_bytes = 0;
  for (const File& file : files) total_bytes += file.bytes;
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) {
    return std::pair(a.used.tv_sec, a.used.tv_nsec) < std::pair(b.used.tv_sec, b.used.tv_nsec);
  });
  for (const File& file : files) {
    if (total_bytes <= max_bytes) break;
    if (unlinkat(folder, file.name.c_str(), 0) == 0 || errno == ENOENT) total_bytes -= file.bytes;
  }
  return total_bytes;
}

// A stopped process may hold the lock: the cache is not worth waiting long.
bool LockSoon(int file) {
  constexpr int kTries = 200;
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 5'000'000};
  for (int i = 0; i < kTries; ++i) {
    if (flock(file, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK && errno != EINTR) return true;  // a file system without locks: sizes may be a little off
    nanosleep(&kPause, nullptr);
  }
  return false;
}

}  // namespace

StatusOr<std::shared_ptr<const CacheFolder>> CacheFolder::Open(const std::string& path, uint64_t max_bytes) {
  MakeFolders(path);
  const int descriptor = OpenFolder(path);
  if (descriptor < 0) {
    return Unavailable(Format("The cache folder {} cannot be opened ({}); nothing is cached.", path, strerror(errno)));
  }
  std::shared_ptr<const CacheFolder> folder(new CacheFolder(path, max_bytes, descriptor));
  struct stat found;
  if (fstat(descriptor, &found) != 0) return Unavailable(Format("The cache folder {} cannot be read.", path));
  RETURN_IF_ERROR(CheckOwn(path, found));
  return folder;
}

CacheFolder::~CacheFolder() { close(descriptor_); }

bool CacheFolder::IsThere() const {
  struct stat folder;
  return fstat(descriptor_, &folder) == 0 && folder.st_nlink > 0;
}

std::optional<std::vector<std::byte>> CacheFolder::Find(CacheKind kind, const Hash128& key) const {
  const std::string name = NameOf(kind, key);
  // Not blocking: nobody waits for the other end of a pipe of this name.
  const Descriptor file(openat(descriptor_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat found;
  if (!file.is_open() || fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode) || !IsOwn(found))
    return std::nullopt;
  std::optional<std::vector<std::byte>> bytes = ReadAll(file.get(), static_cast<uint64_t>(found.st_size));
  Header header;
  if (bytes && bytes->size() >= sizeof(header)) {
    std::memcpy(&header, bytes->data(), sizeof(header));
    bytes->erase(bytes->begin(), bytes->begin() + sizeof(header));
    if (header == Header{.key = key, .checksum = HashBytes(*bytes), .size_bytes = bytes->size()}) {
      if (time(nullptr) - found.st_mtime > kSecondsPerUse) futimens(file.get(), nullptr);
      return bytes;
    }
  }
  Log(LogLevel::kWarning, Format("The cached file {}/{} is damaged and ignored.", path_, name));
  return std::nullopt;
}

// Counts a file before it is written, so that a killed process can only leave a count that is too large; a new count is
// made when it reaches the limit.
bool CacheFolder::Reserve(uint64_t bytes) const {
  // A sixteenth stays free for what others are writing meanwhile; a quarter is freed at once, for a trim reads the
  // whole folder.
  const uint64_t limit_bytes = max_bytes_ - max_bytes_ / 16;
  if (bytes > limit_bytes) return false;
  const Descriptor file(openat(descriptor_, kCountName, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
  if (!file.is_open() || !LockSoon(file.get())) return false;
  Count count;
  const bool is_known = pread(file.get(), &count, sizeof(count), 0) == sizeof(count) && count.magic == Count{}.magic;
  count.magic = Count{}.magic;
  if (!is_known || count.total_bytes > limit_bytes || limit_bytes - count.total_bytes < bytes) {
    count.total_bytes = TrimFiles(descriptor_, std::min(max_bytes_ - max_bytes_ / 4, limit_bytes - bytes));
  }
  count.total_bytes += bytes;
  return pwrite(file.get(), &count, sizeof(count), 0) == sizeof(count);
}

bool CacheFolder::Insert(CacheKind kind, const Hash128& key, std::span<const std::byte> bytes) const {
  static std::atomic<int> num_inserts = 0;
  const int number = num_inserts.fetch_add(1);
  if (number == 0) RemoveUnfinished(descriptor_, /*all=*/false);
  if (!Reserve(OnDisk(sizeof(Header) + bytes.size()))) return false;
  const Header header{.key = key, .checksum = HashBytes(bytes), .size_bytes = bytes.size()};
  const std::string temporary = Format("{}/{}.{}", kUnfinished, getpid(), number);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
  mkdirat(descriptor_, kUnfinished, 0700);
  const Descriptor file(openat(descriptor_, temporary.c_str(), kFlags, 0600));
  if (file.is_open() && WriteAll(file.get(), std::as_bytes(std::span(&header, 1))) && WriteAll(file.get(), bytes) &&
      renameat(descriptor_, temporary.c_str(), descriptor_, NameOf(kind, key).c_str()) == 0) {
    return true;
  }
  Log(LogLevel::kDebug, Format("The cache cannot write {}/{} ({}).", path_, temporary, strerror(errno)));
  unlinkat(descriptor_, temporary.c_str(), 0);
  return false;
}

std::vector<std::string> CacheFolder::MarkNames() const {
  std::vector<std::string> names;
  ForEachName(descriptor_, ".", [&](const std::string& name) {
    if (SuffixOf(name) == kMarkSuffix) names.push_back(name);
  });
  std::sort(names.begin(), names.end());
  return names;
}

CacheUsage CacheFolder::Usage() const {
  CacheUsage usage;
  for (const File& file : ListFiles(descriptor_)) {
    ++usage.num_files[file.kind];
    usage.bytes[file.kind] += file.bytes;
  }
  return usage;
}

void CacheFolder::Trim(uint64_t max_bytes) const { TrimFiles(descriptor_, max_bytes); }

void CacheFolder::ClearMarks() const { RemoveMarks(descriptor_, 0); }

void CacheFolder::Clear() const {
  TrimFiles(descriptor_, 0);
  ClearMarks();
  RemoveUnfinished(descriptor_, /*all=*/true);
  unlinkat(descriptor_, kUnfinished, AT_REMOVEDIR);
  unlinkat(descriptor_, kCountName, 0);
}

}  // namespace dragoman
