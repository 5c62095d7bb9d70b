// SPDX-License-Identifier: Apache-2.0
#include "base/os_testing.h"

#include "base/os.h"

#if defined(_WIN32)
#include "base/os_windows.h"
#else
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/wait.h>
#endif

#include <array>
#include <cstdio>

namespace dragoman::os {

namespace {

// What the command prints; `end` becomes what the system says of its end.
std::string OutputOf(const std::string& command, int& end) {
  std::string output;
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return output;
  std::array<char, 4096> chunk;
  for (size_t n; (n = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;) output.append(chunk.data(), n);
  end = ::pclose(pipe);
  return output;
}

}  // namespace

#if defined(_WIN32)
void SetVariable(const char* name, const std::string& value) {
  SetEnvironmentVariableW(ToWide(name).c_str(), ToWide(value).c_str());
}
void ClearVariable(const char* name) { SetEnvironmentVariableW(ToWide(name).c_str(), nullptr); }
void CloseLibrary(void* library) { FreeLibrary(static_cast<HMODULE>(library)); }

CommandEnd RunCommand(const std::string& command) {
  const std::string program = command.substr(0, command.find(' '));
  if (SearchPathA(nullptr, program.c_str(), kProgramSuffix, 0, nullptr, nullptr) == 0) return {kCommandNotFound, {}};
  CommandEnd end;
  end.output = OutputOf(command, end.exit_code);
  return end;
}
#else
void SetVariable(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }
void ClearVariable(const char* name) { ::unsetenv(name); }
void CloseLibrary(void* library) { ::dlclose(library); }

CommandEnd RunCommand(const std::string& command) {
  CommandEnd end;
  int status = -1;
  end.output = OutputOf(command, status);
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  return end;
}
#endif

bool WantsValidation() { return EnvironmentVariable("DRAGOMAN_VALIDATION") != "0"; }

std::optional<int> RunTestAlone(const std::string& name, std::chrono::seconds limit) {
  const std::string program = BinaryPath(reinterpret_cast<const void*>(&RunTestAlone));
  return RunProgram({program, "--gtest_also_run_disabled_tests", "--gtest_filter=" + name}, File::MakeUnnamed(), limit)
      .exit_code;
}

}  // namespace dragoman::os
