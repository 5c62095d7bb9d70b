// SPDX-License-Identifier: Apache-2.0
// Log lines to stderr, "dragoman: message". DRAGOMAN_LOG = error, warning, info (default) or debug. Thread-safe.
#pragma once

#include <string_view>

namespace dragoman {

enum class LogLevel : int { kError = 0, kWarning = 1, kInfo = 2, kDebug = 3 };

bool LogEnabled(LogLevel level);
void Log(LogLevel level, std::string_view message);

}  // namespace dragoman
