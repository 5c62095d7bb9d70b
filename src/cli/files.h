// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/compiler.h"
#include "ir/ir.h"
#include "program/program.h"

namespace dragoman::cli {

StatusOr<std::vector<char>> ReadFile(const std::string& path);
Status WriteFile(const std::string& path, const void* data, size_t size_bytes);
// A program's text, parsed and verified. INVALID_ARGUMENT says how to make an artifact when it is MLIR's text.
StatusOr<std::unique_ptr<ir::Module>> ParseText(const std::vector<char>& bytes);

// A program of a file, an artifact or a text.
StatusOr<std::unique_ptr<ir::Module>> ReadModule(const std::vector<char>& bytes);
// A program from a file: an artifact, a text or a saved program, which stays as it is.
StatusOr<program::ValidProgram> CompileOrLoad(const std::vector<char>& bytes, const target::DeviceProfile& profile,
                                              const compiler::Options& options);

// Says on stderr what is wrong, as every command does. Gives the exit code 1.
int Fail(const Status& status);

}  // namespace dragoman::cli
