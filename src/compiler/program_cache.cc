// SPDX-License-Identifier: Apache-2.0
#include "compiler/program_cache.h"

#include <chrono>

#include "base/format.h"
#include "base/hash.h"
#include "base/log.h"
#include "target/profile_json.h"

namespace dragoman::compiler {
namespace {

// Everything the program depends on. The text form of a module has all of it but its locations.
Hash128 Key(const ir::Module& module, const target::DeviceProfile& profile, const Options& options) {
  return HashString(Format("{}\n{}\n{} {}{}", HashString(ir::Print(module)).Hex(), target::ToJson(profile), Version(),
                           Fingerprint(options).Hex(), options.explains ? " explained" : ""));
}

// Of where every op comes from.
Hash128 SourcePlaces(const ir::Module& module) {
  if (module.locations == nullptr) return {};
  std::string text;
  for (const auto& function : module.functions) {
    ir::Walk(function->body, [&](const ir::Op* op) { text += module.locations->Describe(op->location) + "\n"; });
  }
  return HashString(text);
}

StatusOr<program::ValidProgram> CompileLoudly(std::unique_ptr<ir::Module> module, const Hash128& places,
                                              const target::DeviceProfile& profile, const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(program::Program program, CompileModule(std::move(module), profile, options));
  if (LogEnabled(LogLevel::kDebug)) {
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    Log(LogLevel::kDebug, Format("compiled {} in {:.1f} ms: {} kernels, {} steps", program.name, taken.count(),
                                 program.kernels.size(), program.steps.size()));
  }
  program.source_places = places;
  return program::ValidProgram::Check(std::move(program));
}

// Of a module that verifies.
StatusOr<program::ValidProgram> FindOrCompile(std::unique_ptr<ir::Module> module, const target::DeviceProfile& profile,
                                              const Options& options, const program::DiskCache& cache) {
  if (!cache.is_enabled()) return CompileLoudly(std::move(module), {}, profile, options);
  const Hash128 key = Key(*module, profile, options);
  const Hash128 places = SourcePlaces(*module);
  if (std::optional<program::ValidProgram> found = cache.Find(key)) {
    if (LogEnabled(LogLevel::kDebug)) Log(LogLevel::kDebug, Format("found {} in the cache", (*found)->name));
    // No place is better than one of another script, or of this one before a line moved.
    return (*found)->source_places == places ? *std::move(found) : found->WithoutPlaces();
  }
  ASSIGN_OR_RETURN(program::ValidProgram program, CompileLoudly(std::move(module), places, profile, options));
  cache.Insert(key, program);
  return program;
}

}  // namespace

StatusOr<program::ValidProgram> CompileCached(const Artifact& artifact, const target::DeviceProfile& profile,
                                              const Options& options, const program::DiskCache& cache) {
  ASSIGN_OR_RETURN(auto module, ReadArtifact(artifact));
  return FindOrCompile(std::move(module), profile, options, cache);
}

StatusOr<program::ValidProgram> CompileCached(std::unique_ptr<ir::Module> module, const target::DeviceProfile& profile,
                                              const Options& options, const program::DiskCache& cache) {
  const Status verified = ir::Verify(*module);
  if (!verified.ok()) return InvalidArgument(verified.message()).WithContext("The program is not valid.");
  return FindOrCompile(std::move(module), profile, options, cache);
}

}  // namespace dragoman::compiler
