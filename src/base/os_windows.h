// SPDX-License-Identifier: Apache-2.0
// What the files os_windows*.cc share. Text is UTF-8 everywhere else; the system's is UTF-16.
#pragma once

#define NOMINMAX
#include <windows.h>

#include <string>
#include <string_view>

#include "base/os.h"

namespace dragoman::os {

inline HANDLE NativeOf(const Handle& handle) { return reinterpret_cast<HANDLE>(handle.get()); }
inline Handle Owning(HANDLE native) { return Handle(reinterpret_cast<intptr_t>(native)); }

std::wstring ToWide(std::string_view text);
std::string ToUtf8(std::wstring_view text);
// A path of any length as the system's functions take it.
std::wstring NativePath(const std::string& path);

// Whom this process acts as; and who owns what it makes, which for an administrator is the group of them.
PSID UserSid();
PSID OwnerSid();

}  // namespace dragoman::os
