// SPDX-License-Identifier: Apache-2.0
#include "program/disk_cache.h"

#include <vector>

#include "base/format.h"
#include "base/log.h"

namespace dragoman::program {

std::optional<ValidProgram> DiskCache::Find(const Hash128& key) const {
  if (!is_enabled()) return std::nullopt;
  const std::optional<std::vector<std::byte>> bytes = folder_->Find(CacheKind::kProgram, key);
  if (!bytes) return std::nullopt;
  StatusOr<ValidProgram> program = Load(*bytes);
  if (program.ok()) return *std::move(program);
  Log(LogLevel::kWarning, Format("The cached program {} is damaged and ignored.", key.Hex()));
  return std::nullopt;
}

void DiskCache::Insert(const Hash128& key, const ValidProgram& program) const {
  if (is_enabled()) folder_->Insert(CacheKind::kProgram, key, Save(*program));
}

}  // namespace dragoman::program
