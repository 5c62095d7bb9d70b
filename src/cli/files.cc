// SPDX-License-Identifier: Apache-2.0
#include "cli/files.h"

#include <fstream>
#include <iterator>
#include <string_view>

#include "base/format.h"

namespace dragoman::cli {

StatusOr<std::vector<char>> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFound(Format("The file {} cannot be read.", path));
  return std::vector<char>(std::istreambuf_iterator<char>(file), {});
}

bool IsArtifact(const std::vector<char>& bytes) {
  return std::string_view(bytes.data(), bytes.size()).starts_with("ML\xefR");
}

}  // namespace dragoman::cli
