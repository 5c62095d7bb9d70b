// SPDX-License-Identifier: Apache-2.0
// Compiled programs kept between runs, in the cache folder. Thread-safe.
#pragma once

#include <memory>
#include <optional>

#include "base/cache_folder.h"
#include "base/hash.h"
#include "program/program.h"

namespace dragoman::program {

class DiskCache {
 public:
  // Without a folder nothing is kept.
  explicit DiskCache(std::shared_ptr<const CacheFolder> folder) : folder_(std::move(folder)) {}

  bool is_enabled() const { return folder_ != nullptr; }
  // `key` must name everything the program depends on.
  std::optional<ValidProgram> Find(const Hash128& key) const;
  void Insert(const Hash128& key, const ValidProgram& program) const;

 private:
  std::shared_ptr<const CacheFolder> folder_;
};

}  // namespace dragoman::program
