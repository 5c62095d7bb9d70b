// SPDX-License-Identifier: Apache-2.0
#include "compiler/program_cache.h"

#include "base/format.h"
#include "base/hash.h"
#include "stablehlo/reader.h"
#include "target/profile_json.h"

namespace dragoman::compiler {
namespace {

// Everything the program depends on. The text form of a module has all of it but its locations.
Hash128 Key(const ir::Module& module, const target::DeviceProfile& profile, const Options& options) {
  std::string text = Format("{}\n{}\n{} fuse={}", HashString(ir::Print(module)).Hex(), target::ToJson(profile),
                            Version(), options.fuse);
  for (const std::string& pass : options.skipped_passes) text += Format(" without={}", pass);
  return HashString(text);
}

}  // namespace

StatusOr<program::Program> CompileCached(std::span<const std::byte> artifact, const target::DeviceProfile& profile,
                                         const Options& options, const program::DiskCache& cache) {
  ASSIGN_OR_RETURN(auto module, stablehlo::ReadArtifact(artifact));
  if (!cache.is_enabled()) return CompileModule(std::move(module), profile, options);
  const Hash128 key = Key(*module, profile, options);
  if (std::optional<program::Program> found = cache.Find(key)) return *std::move(found);
  ASSIGN_OR_RETURN(program::Program program, CompileModule(std::move(module), profile, options));
  cache.Insert(key, program);
  return program;
}

}  // namespace dragoman::compiler
