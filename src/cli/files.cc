// SPDX-License-Identifier: Apache-2.0
#include "cli/files.h"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <span>
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

Status WriteFile(const std::string& path, const void* data, size_t size_bytes) {
  std::ofstream file(os::PathOf(path), std::ios::binary);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size_bytes));
  return file ? OkStatus() : Unavailable(Format("The file {} cannot be written.", path));
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

StatusOr<std::unique_ptr<ir::Module>> ReadModule(const std::vector<char>& bytes) {
  const auto artifact = std::as_bytes(std::span(bytes));
  const auto format = compiler::ArtifactFormatOf(artifact);
  return format.has_value() ? compiler::ReadArtifact({artifact, *format}) : ParseText(bytes);
}

StatusOr<program::ValidProgram> CompileOrLoad(const std::vector<char>& bytes, const target::DeviceProfile& profile,
                                              const compiler::Options& options) {
  const auto artifact = std::as_bytes(std::span(bytes));
  if (program::IsSaved(artifact)) return program::Load(artifact);
  ASSIGN_OR_RETURN(auto module, ReadModule(bytes));
  ASSIGN_OR_RETURN(auto program, compiler::CompileModule(std::move(module), profile, options));
  return program::ValidProgram::Check(std::move(program));
}

int Fail(const Status& status) {
  std::fputs(Format("dragoman: {}\n", status.message()).c_str(), stderr);
  return 1;
}

}  // namespace dragoman::cli
