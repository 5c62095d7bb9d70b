// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace dragoman::cli {

StatusOr<std::vector<char>> ReadFile(const std::string& path);
// Whether the bytes are a StableHLO portable artifact; otherwise they are a program's text.
bool IsArtifact(const std::vector<char>& bytes);

}  // namespace dragoman::cli
