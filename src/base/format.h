// SPDX-License-Identifier: Apache-2.0
// Format("{} of {}", a, b): fmt's formatting with its code compiled once (format.cc), so nothing is linked at run time.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

namespace dragoman {

template <typename... Args>
std::string Format(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}

// `text` in quotes. Quotes and backslashes get a backslash before them; bytes that are no printable ASCII stand as
// `escape` writes them.
std::string Quoted(std::string_view text, std::string (*escape)(unsigned byte));

}  // namespace dragoman
