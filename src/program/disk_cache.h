// SPDX-License-Identifier: Apache-2.0
// Files kept between runs: compiled programs here, driver pipelines by the runtime, in one directory. A file is written
// under another name and renamed, so readers never see half of one; a damaged, foreign or unreadable file counts as
// absent. Failing to write is not an error: the next run compiles again. Safe for several threads and processes.
#pragma once

#include <optional>
#include <string>

#include "base/hash.h"
#include "program/program.h"

namespace dragoman::program {

class DiskCache {
 public:
  // An empty directory disables the cache. Beyond `max_bytes` the files longest unused are removed.
  explicit DiskCache(std::string directory, uint64_t max_bytes = uint64_t{2} << 30);

  bool is_enabled() const { return !directory_.empty(); }
  // `key` must name everything the program depends on.
  std::optional<Program> Find(const Hash128& key) const;
  void Insert(const Hash128& key, const Program& program) const;
  // Removes the files longest unused until the rest fits.
  void Trim() const;

 private:
  std::string PathOf(const Hash128& key) const;

  std::string directory_;
  uint64_t max_bytes_;
};

}  // namespace dragoman::program
