// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <cstdio>
#include <string>

#include "base/os.h"

namespace dragoman {
namespace {

LogLevel LevelFromEnvironment() {
  const std::string level = os::EnvironmentVariable("DRAGOMAN_LOG").value_or("info");
  if (level == "error") return LogLevel::kError;
  if (level == "warning") return LogLevel::kWarning;
  if (level == "debug") return LogLevel::kDebug;
  return LogLevel::kInfo;
}

}  // namespace

bool LogEnabled(LogLevel level) {
  static const LogLevel threshold = LevelFromEnvironment();
  return level <= threshold;
}

void Log(LogLevel level, std::string_view message) {
  if (!LogEnabled(level)) return;
  const std::string line = "dragoman: " + std::string(message) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);  // one write, so that lines of threads do not mix
}

}  // namespace dragoman
