// SPDX-License-Identifier: Apache-2.0
// The folder of everything that is kept between runs: compiled programs and the driver's pipelines, one file each,
// found by the hash of what they depend on. A file is written under another name and renamed, so readers never see half
// of one; a damaged, foreign or unreadable file counts as absent. Failing to write is not an error: the next run makes
// the thing again. Safe for several threads and processes, any of which may be killed at any moment.
//
// Kernels from it run with raw device addresses, so the folder must be the user's own: made with mode 0700, and not
// used where it belongs to somebody else or others may write in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/os.h"
#include "base/status.h"

namespace dragoman {

// $DRAGOMAN_CACHE_DIR, else $XDG_CACHE_HOME/dragoman, else ~/.cache/dragoman; empty when there is no home or the first
// variable is "off". Not created yet.
std::string CacheDirectory();
// $DRAGOMAN_CACHE_MAX_MIB mebibytes, else 2 GiB.
uint64_t CacheLimit();

enum class CacheKind : uint8_t { kProgram, kPipeline };
inline constexpr int kNumCacheKinds = 2;
inline constexpr std::string_view kMarkSuffix = ".mark";  // cache_mark.h

struct CacheUsage {
  uint64_t num_files[kNumCacheKinds] = {};
  uint64_t bytes[kNumCacheKinds] = {};  // on disk: whole blocks of 4 KiB
  uint64_t total_bytes() const { return bytes[0] + bytes[1]; }
};

class CacheFolder {
 public:
  // Makes the folder where there is none. FAILED_PRECONDITION with the cure where it must not be used, UNAVAILABLE
  // where it cannot be opened. Beyond `max_bytes` the files longest unused are removed.
  static StatusOr<std::shared_ptr<const CacheFolder>> Open(const std::string& path, uint64_t max_bytes = CacheLimit());
  CacheFolder(const CacheFolder&) = delete;
  CacheFolder& operator=(const CacheFolder&) = delete;

  const std::string& path() const { return path_; }
  uint64_t max_bytes() const { return max_bytes_; }
  const os::Folder& files() const { return files_; }
  // False after somebody has removed the folder.
  bool IsThere() const;

  std::optional<std::vector<std::byte>> Find(CacheKind kind, const Hash128& key) const;
  // False when nothing was written.
  bool Insert(CacheKind kind, const Hash128& key, std::span<const std::byte> bytes) const;

  CacheUsage Usage() const;
  // Files of cache_mark.h, in order.
  std::vector<std::string> MarkNames() const;
  // Removes what crashed and older writers left, then the files longest unused until the rest takes `max_bytes` at
  // most. Insert does so when it must.
  void Trim(uint64_t max_bytes) const;
  void ClearMarks() const;
  // Removes every file of ours, and nothing else.
  void Clear() const;

 private:
  CacheFolder(std::string path, uint64_t max_bytes, os::Folder files)
      : path_(std::move(path)), max_bytes_(max_bytes), files_(std::move(files)) {}
  bool Reserve(uint64_t bytes) const;

  std::string path_;
  uint64_t max_bytes_;
  os::Folder files_;
};

// The folder of this process, opened once; null when the cache is off or must not or cannot be used, which is logged.
std::shared_ptr<const CacheFolder> ProcessCacheFolder();

}  // namespace dragoman
