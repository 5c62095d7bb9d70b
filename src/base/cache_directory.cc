// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <mutex>
#include <string_view>

#include "base/cache_folder.h"
#include "base/log.h"
#include "base/os.h"

namespace dragoman {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kDefaultLimitMiB = 2048;

std::string Environment(const char* name) { return os::EnvironmentVariable(name).value_or(""); }

}  // namespace

std::string CacheDirectory() {
  const std::string named = Environment("DRAGOMAN_CACHE_DIR");
  if (named == "off") return {};
  if (!named.empty()) return named;
  const std::string folder = os::UserCacheFolder();
  return folder.empty() ? std::string() : folder + "/dragoman";
}

uint64_t CacheLimit() {
  const std::string text = Environment("DRAGOMAN_CACHE_MAX_MIB");
  uint32_t mebibytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mebibytes);
  const bool is_number = error == std::errc() && end == text.data() + text.size() && mebibytes > 0;
  return (is_number ? mebibytes : kDefaultLimitMiB) * kMiB;
}

std::shared_ptr<const CacheFolder> ProcessCacheFolder() {
  static std::mutex folder_mutex;
  static std::shared_ptr<const CacheFolder> folder;
  static std::string last_error;
  const std::string path = CacheDirectory();
  const std::lock_guard lock(folder_mutex);
  if (path.empty()) return nullptr;
  if (folder != nullptr && folder->path() == path && folder->IsThere()) return folder;
  folder = nullptr;
  StatusOr<std::shared_ptr<const CacheFolder>> opened = CacheFolder::Open(path);
  if (opened.ok()) return folder = *std::move(opened);
  if (opened.status().message() != last_error) Log(LogLevel::kWarning, opened.status().message());
  last_error = opened.status().message();
  return nullptr;
}

}  // namespace dragoman
