// SPDX-License-Identifier: Apache-2.0
// Format("{} of {}", a, b): fmt's formatting with its code compiled once (format.cc), so nothing is linked at run time.
#pragma once

#include <fmt/core.h>

#include <string>
#include <utility>

namespace dragoman {

template <typename... Args>
std::string Format(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}

}  // namespace dragoman
