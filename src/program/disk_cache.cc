// SPDX-License-Identifier: Apache-2.0
#include "program/disk_cache.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include "base/format.h"
#include "base/log.h"

namespace dragoman::program {
namespace {

namespace fs = std::filesystem;

// Before the program's own bytes: what the file is and the key it was written for, so that a renamed or copied file is
// not taken for another program.
struct Header {
  std::array<char, 8> magic = {'D', 'R', 'G', 'M', 'P', 'R', 'O', '1'};
  uint64_t key_low = 0;
  uint64_t key_high = 0;
  bool operator==(const Header&) const = default;
};
static_assert(sizeof(Header) == 24);

constexpr std::string_view kSuffix = ".program";
// A trim reads the whole directory; once in a while is enough.
constexpr int kInsertsPerTrim = 64;

std::optional<std::vector<std::byte>> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return std::nullopt;
  const std::streamoff size = file.tellg();
  if (size < 0) return std::nullopt;
  std::vector<std::byte> bytes(static_cast<size_t>(size));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), size)) return std::nullopt;
  return bytes;
}

bool WriteFile(const std::string& path, const Header& header, const std::vector<std::byte>& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(&header), sizeof(header));
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  return file.good();
}

}  // namespace

DiskCache::DiskCache(std::string directory, uint64_t max_bytes)
    : directory_(std::move(directory)), max_bytes_(max_bytes) {}

std::string DiskCache::PathOf(const Hash128& key) const { return Format("{}/{}{}", directory_, key.Hex(), kSuffix); }

std::optional<Program> DiskCache::Find(const Hash128& key) const {
  if (!is_enabled()) return std::nullopt;
  const std::string path = PathOf(key);
  const std::optional<std::vector<std::byte>> bytes = ReadFile(path);
  if (!bytes || bytes->size() < sizeof(Header)) return std::nullopt;
  Header header;
  std::memcpy(&header, bytes->data(), sizeof(header));
  if (header != Header{.key_low = key.low, .key_high = key.high}) return std::nullopt;
  StatusOr<Program> program = Load(std::span(*bytes).subspan(sizeof(Header)));
  if (!program.ok() || !Validate(*program).ok()) {
    Log(LogLevel::kWarning, Format("The cached program {} is damaged and ignored.", path));
    return std::nullopt;
  }
  std::error_code ignored;
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);  // used now: trimmed last
  return *std::move(program);
}

void DiskCache::Insert(const Hash128& key, const Program& program) const {
  static std::atomic<int> num_inserts = 0;
  if (!is_enabled()) return;
  std::error_code error;
  fs::create_directories(directory_, error);
  const int number = num_inserts.fetch_add(1);
  const std::string temporary = Format("{}/{}.{}.{}.new", directory_, key.Hex(), getpid(), number);
  if (!WriteFile(temporary, Header{.key_low = key.low, .key_high = key.high}, Save(program))) {
    Log(LogLevel::kDebug, Format("The program cache cannot write {}.", temporary));
    fs::remove(temporary, error);
    return;
  }
  fs::rename(temporary, PathOf(key), error);
  if (error) fs::remove(temporary, error);
  if (number % kInsertsPerTrim == kInsertsPerTrim - 1) Trim();
}

void DiskCache::Trim() const {
  struct File {
    fs::file_time_type used;
    uint64_t size_bytes;
    fs::path path;
  };
  std::vector<File> files;
  uint64_t total_bytes = 0;
  std::error_code error;
  for (fs::directory_iterator entry(directory_, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->path().extension() != kSuffix) continue;
    const uint64_t size_bytes = entry->file_size(ignored);
    if (ignored) continue;
    files.push_back({entry->last_write_time(ignored), size_bytes, entry->path()});
    total_bytes += size_bytes;
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.used < b.used; });
  for (const File& file : files) {
    if (total_bytes <= max_bytes_) return;
    fs::remove(file.path, error);
    total_bytes -= file.size_bytes;
  }
}

}  // namespace dragoman::program
