// SPDX-License-Identifier: Apache-2.0
// For tests: what they ask of the operating system beyond base/os.h.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace dragoman::os {

// For this process and those that it starts.
void SetVariable(const char* name, const std::string& value);
void ClearVariable(const char* name);

// Undoes os::OpenLibrary, which nothing but a test does.
void CloseLibrary(void* library);

// Whether Vulkan's validation layer and spirv-val are asked: DRAGOMAN_VALIDATION=0 runs the tests where there are none.
bool WantsValidation();

// Runs one test of this program, which may be a disabled one, in a process of its own. As RunProgram's exit code: 0
// where it passes.
std::optional<int> RunTestAlone(const std::string& name, std::chrono::seconds limit = std::chrono::minutes(2));

struct CommandEnd {
  int exit_code = -1;  // -1 where there is none
  std::string output;  // and what is said on stderr
};
inline constexpr int kCommandNotFound = 127;
// A program on the PATH and its arguments, as the shell takes them.
CommandEnd RunCommand(const std::string& command);

}  // namespace dragoman::os
