// SPDX-License-Identifier: Apache-2.0
#include "base/cache_folder.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>

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
constexpr std::chrono::minutes kUseAge(1);   // how exactly the time of the last use is kept
constexpr std::chrono::hours kWriterAge(1);  // none takes that long
constexpr std::chrono::hours kMarkAge(90 * 24);

uint64_t OnDisk(uint64_t bytes) { return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes; }

std::string NameOf(CacheKind kind, const Hash128& key) {
  return key.Hex() + std::string(kSuffixes[static_cast<int>(kind)]);
}

auto AgeOf(const os::FileInfo& file) { return std::chrono::system_clock::now() - file.modified; }

Status CheckPrivate(const std::string& path, const os::FileInfo& folder) {
  constexpr std::string_view kWhy = "kernels from it would run unchecked, so nothing is cached";
  constexpr std::string_view kCure = "Name another folder with DRAGOMAN_CACHE_DIR";
  if (!folder.is_own) {
    return FailedPrecondition(
        Format("The cache folder {} belongs to user {}, and this process runs as user {}: {}. {}.", path, folder.owner,
               os::UserId(), kWhy, kCure));
  }
  if (!folder.is_writable_by_others) return OkStatus();
  return FailedPrecondition(Format("Others may write in the cache folder {}: {}. {}, or empty this one and type `{}`.",
                                   path, kWhy, kCure, os::MakePrivateCommand(path)));
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

void RemoveMarks(const os::Folder& folder, std::chrono::hours min_age) {
  for (const std::string& name : folder.Names()) {
    if (SuffixOf(name) != kMarkSuffix) continue;
    const auto file = folder.InfoOf(name);
    if (file && AgeOf(*file) >= min_age) folder.Remove(name);
  }
}

// Removes the files of writers that are no more. Their names begin with the writer's process id.
void RemoveUnfinished(const os::Folder& folder, bool all) {
  for (const std::string& name : folder.Names(kUnfinished)) {
    int writer = 0;
    std::from_chars(name.data(), name.data() + name.size(), writer);
    const std::string path = Format("{}/{}", kUnfinished, name);
    const auto file = folder.InfoOf(path);
    if (writer <= 0 || !file) continue;
    if (all || !os::IsRunning(writer) || AgeOf(*file) > kWriterAge) folder.Remove(path);
  }
}

struct CachedFile {
  std::chrono::system_clock::time_point used;
  uint64_t bytes;
  int kind;
  std::string name;
};

std::vector<CachedFile> ListFiles(const os::Folder& folder) {
  std::vector<CachedFile> files;
  for (std::string& name : folder.Names()) {
    const int kind = KindOf(name);
    if (kind < 0) continue;
    const auto file = folder.InfoOf(name);
    if (file) files.push_back({file->modified, OnDisk(file->size_bytes), kind, std::move(name)});
  }
  return files;
}

// What is left, in bytes.
uint64_t TrimFiles(const os::Folder& folder, uint64_t max_bytes) {
  RemoveUnfinished(folder, /*all=*/false);
  RemoveMarks(folder, kMarkAge);
  for (const std::string& name : folder.Names()) {
    if (IsOfEarlierVersion(name)) folder.Remove(name);
  }
  std::vector<CachedFile> files = ListFiles(folder);
  uint64_t total_bytes = 0;
  for (const CachedFile& file : files) total_bytes += file.bytes;
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.used < b.used; });
  for (const CachedFile& file : files) {
    if (total_bytes <= max_bytes) break;
    if (folder.Remove(file.name)) total_bytes -= file.bytes;
  }
  return total_bytes;
}

// A stopped process may hold the lock: the cache is not worth waiting long.
bool LockSoon(const os::File& file) {
  constexpr int kTries = 200;
  constexpr std::chrono::milliseconds kPause(5);
  for (int i = 0; i < kTries; ++i) {
    // A file system without locks: sizes may be a little off.
    if (file.TryLock() != os::LockState::kHeldByAnother) return true;
    std::this_thread::sleep_for(kPause);
  }
  return false;
}

}  // namespace

StatusOr<std::shared_ptr<const CacheFolder>> CacheFolder::Open(const std::string& path, uint64_t max_bytes) {
  os::MakeFolders(path);
  os::Folder files = os::Folder::Open(path);
  if (!files.is_open()) {
    return Unavailable(Format("The cache folder {} cannot be opened ({}); nothing is cached.", path, os::LastError()));
  }
  const auto found = files.Info();
  if (!found) return Unavailable(Format("The cache folder {} cannot be read.", path));
  RETURN_IF_ERROR(CheckPrivate(path, *found));
  return std::shared_ptr<const CacheFolder>(new CacheFolder(path, max_bytes, std::move(files)));
}

bool CacheFolder::IsThere() const {
  const auto folder = files_.Info();
  return folder && !folder->is_removed;
}

std::optional<std::vector<std::byte>> CacheFolder::Find(CacheKind kind, const Hash128& key) const {
  const std::string name = NameOf(kind, key);
  const os::File file = files_.OpenFile(name, os::OpenMode::kRead);
  const auto found = file.Info();
  if (!found || !found->is_regular || !found->IsPrivate()) return std::nullopt;
  std::vector<std::byte> bytes(found->size_bytes);
  Header header;
  if (file.Read(bytes) == bytes.size() && bytes.size() >= sizeof(header)) {
    std::memcpy(&header, bytes.data(), sizeof(header));
    bytes.erase(bytes.begin(), bytes.begin() + sizeof(header));
    if (header == Header{.key = key, .checksum = HashBytes(bytes), .size_bytes = bytes.size()}) {
      if (AgeOf(*found) > kUseAge) file.Touch();
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
  const os::File file = files_.OpenFile(kCountName, os::OpenMode::kUpdate);
  if (!file.is_open() || !LockSoon(file)) return false;
  Count count;
  const auto count_bytes = std::as_writable_bytes(std::span(&count, 1));
  const bool is_known = file.Read(count_bytes) == sizeof(count) && count.magic == Count{}.magic;
  count.magic = Count{}.magic;
  if (!is_known || count.total_bytes > limit_bytes || limit_bytes - count.total_bytes < bytes) {
    count.total_bytes = TrimFiles(files_, std::min(max_bytes_ - max_bytes_ / 4, limit_bytes - bytes));
  }
  count.total_bytes += bytes;
  return file.Write(count_bytes);
}

bool CacheFolder::Insert(CacheKind kind, const Hash128& key, std::span<const std::byte> bytes) const {
  static std::atomic<int> num_inserts = 0;
  const int number = num_inserts.fetch_add(1);
  if (number == 0) RemoveUnfinished(files_, /*all=*/false);
  if (!Reserve(OnDisk(sizeof(Header) + bytes.size()))) return false;
  const Header header{.key = key, .checksum = HashBytes(bytes), .size_bytes = bytes.size()};
  const std::string temporary = Format("{}/{}.{}", kUnfinished, os::ProcessId(), number);
  files_.MakeFolder(kUnfinished);
  const os::File file = files_.OpenFile(temporary, os::OpenMode::kReplace);
  if (file.is_open() && file.Write(std::as_bytes(std::span(&header, 1))) && file.Write(bytes, sizeof(header)) &&
      files_.Rename(temporary, NameOf(kind, key))) {
    return true;
  }
  Log(LogLevel::kDebug, Format("The cache cannot write {}/{} ({}).", path_, temporary, os::LastError()));
  files_.Remove(temporary);
  return false;
}

std::vector<std::string> CacheFolder::MarkNames() const {
  std::vector<std::string> names;
  for (std::string& name : files_.Names()) {
    if (SuffixOf(name) == kMarkSuffix) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

CacheUsage CacheFolder::Usage() const {
  CacheUsage usage;
  for (const CachedFile& file : ListFiles(files_)) {
    ++usage.num_files[file.kind];
    usage.bytes[file.kind] += file.bytes;
  }
  return usage;
}

void CacheFolder::Trim(uint64_t max_bytes) const { TrimFiles(files_, max_bytes); }

void CacheFolder::ClearMarks() const { RemoveMarks(files_, std::chrono::hours(0)); }

void CacheFolder::Clear() const {
  TrimFiles(files_, 0);
  ClearMarks();
  RemoveUnfinished(files_, /*all=*/true);
  files_.RemoveFolder(kUnfinished);
  files_.Remove(kCountName);
}

}  // namespace dragoman
