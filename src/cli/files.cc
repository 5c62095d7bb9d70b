// SPDX-License-Identifier: Apache-2.0
#include "cli/files.h"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string_view>

#include "base/format.h"
#include "base/os.h"
#include "ir/text.h"

namespace dragoman::cli {

StatusOr<std::vector<char>> ReadFile(const std::string& path) {
  std::ifstream file(os::PathOf(path), std::ios::binary);
  if (!file) return NotFound(Format("The file {} cannot be read.", path));
  return std::vector<char>(std::istreambuf_iterator<char>(file), {});
}

namespace {

// Of a text that is not one of our programs.
bool IsMlirText(std::string_view text) {
  for (const std::string_view word : {"stablehlo.", "mhlo.", "chlo.", "func.func", "vhlo."}) {
    if (text.find(word) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

StatusOr<std::unique_ptr<ir::Module>> ParseText(const std::vector<char>& bytes) {
  const std::string_view text(bytes.data(), bytes.size());
  auto parsed = ir::Parse(text);
  if (!parsed.ok() && IsMlirText(text)) {
    return InvalidArgument(
        "The program is StableHLO text; artifacts (its portable bytes) are taken. With JAX: "
        "`open(\"step.bc\", \"wb\").write(jax.export.export(jax.jit(step))(*arguments).mlir_module_serialized)`.");
  }
  ASSIGN_OR_RETURN(auto module, std::move(parsed));
  RETURN_IF_ERROR(ir::Verify(*module));
  if (module->main() == nullptr) return InvalidArgument("The program has no function main.");
  return module;
}

int Fail(const Status& status) {
  std::fputs(Format("dragoman: {}\n", status.message()).c_str(), stderr);
  return 1;
}

}  // namespace dragoman::cli
