// SPDX-License-Identifier: Apache-2.0
#include "compiler/tuning_cache.h"

#include <sstream>

#include "base/format.h"
#include "base/hash.h"
#include "target/profile_json.h"

namespace dragoman::compiler {
namespace {

// Not of the compiler's version: a choice that another one does not know changes nothing.
Hash128 KeyOf(const target::DeviceProfile& profile) { return HashString("tuning 1\n" + target::ToJson(profile)); }

// A line a product, key and name apart by a tab.
std::string TextOf(const target::Tuning& tuning) {
  std::string lines;
  for (const auto& [key, name] : tuning.products) lines += key + "\t" + name + "\n";
  return lines;
}

target::Tuning Parse(const std::string& text) {
  target::Tuning tuning;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t tab = line.find('\t');
    if (tab != std::string::npos) tuning.products[line.substr(0, tab)] = line.substr(tab + 1);
  }
  return tuning;
}

}  // namespace

target::Tuning LoadTuning(const CacheFolder* folder, const target::DeviceProfile& profile) {
  if (folder == nullptr) return {};
  const auto bytes = folder->Find(CacheKind::kProgram, KeyOf(profile));
  if (!bytes) return {};
  return Parse(std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()));
}

bool AddTuning(const CacheFolder& folder, const target::DeviceProfile& profile, const target::Tuning& tuning) {
  target::Tuning all = LoadTuning(&folder, profile);
  for (const auto& [key, name] : tuning.products) all.products[key] = name;
  const std::string text = TextOf(all);
  return folder.Insert(CacheKind::kProgram, KeyOf(profile), std::as_bytes(std::span(text)));
}

}  // namespace dragoman::compiler
