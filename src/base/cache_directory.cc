// SPDX-License-Identifier: Apache-2.0
#include "base/cache_directory.h"

#include <cstdlib>

namespace dragoman {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

std::string CacheDirectory() {
  const std::string named = Environment("DRAGOMAN_CACHE_DIR");
  if (named == "off") return {};
  if (!named.empty()) return named;
  if (const std::string xdg = Environment("XDG_CACHE_HOME"); !xdg.empty()) return xdg + "/dragoman";
  const std::string home = Environment("HOME");
  return home.empty() ? std::string() : home + "/.cache/dragoman";
}

}  // namespace dragoman
