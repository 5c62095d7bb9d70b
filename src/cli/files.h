// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/ir.h"

namespace dragoman::cli {

StatusOr<std::vector<char>> ReadFile(const std::string& path);
// A program's text, parsed and verified. INVALID_ARGUMENT says how to make an artifact when it is MLIR's text.
StatusOr<std::unique_ptr<ir::Module>> ParseText(const std::vector<char>& bytes);

// Says on stderr what is wrong, as every command does. Gives the exit code 1.
int Fail(const Status& status);

}  // namespace dragoman::cli
