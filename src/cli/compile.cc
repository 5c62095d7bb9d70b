// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "base/cache_folder.h"
#include "base/format.h"
#include "base/os.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "compiler/compiler.h"
#include "compiler/tuning_cache.h"
#include "runtime/plan.h"
#include "runtime/runtime.h"
#include "target/profile_json.h"

namespace dragoman::cli {
namespace {

StatusOr<target::DeviceProfile> FindProfile(const std::string& path) {
  if (!path.empty()) return target::LoadProfile(path);
  ASSIGN_OR_RETURN(const auto reports, runtime::ListDevices());
  return reports.front().profile;
}

Status WriteOutputs(const program::Program& program, const CompileOptions& options) {
  if (!options.output.empty()) {
    const auto bytes = program::Save(program);
    RETURN_IF_ERROR(WriteFile(options.output, bytes.data(), bytes.size()));
  }
  if (options.spirv_folder.empty()) return OkStatus();
  for (const program::Kernel& kernel : program.kernels) {
    const std::string path = options.spirv_folder + "/" + kernel.hash.Hex() + ".spv";
    RETURN_IF_ERROR(WriteFile(path, kernel.spirv.data(), kernel.spirv.size() * sizeof(uint32_t)));
  }
  return OkStatus();
}

bool IsWanted(const CompileOptions& options, std::string_view stage) {
  const auto is_it = [&](const std::string& name) { return name == "all" || name == stage; };
  return std::any_of(options.dumps.begin(), options.dumps.end(), is_it);
}

// What the runtime would record, were no step too long for one submission.
Status PrintPlan(const program::ValidProgram& program, const target::DeviceProfile& profile) {
  const uint64_t max_chunk_bytes = std::min(profile.max_allocation_bytes, profile.max_buffer_bytes) / 256 * 256;
  ASSIGN_OR_RETURN(const auto plan, runtime::MakePlan(program, {.max_chunk_bytes = max_chunk_bytes}));
  std::fputs(Format("==== plan\n{}\n", runtime::Print(plan)).c_str(), stdout);
  return OkStatus();
}

Status CompileOne(const CompileOptions& options) {
  ASSIGN_OR_RETURN(const auto bytes, ReadFile(options.input));
  ASSIGN_OR_RETURN(const auto profile, FindProfile(options.profile));
  compiler::Options compile;
  compile.fuse = options.fuse;
  if (options.profile.empty()) compile.tuning = compiler::LoadTuning(ProcessCacheFolder().get(), profile);
  compile.skipped_passes = options.skipped_passes;
  if (!options.dumps.empty()) {
    compile.dump = [&](std::string_view stage, std::string_view text) {
      if (IsWanted(options, stage)) std::fputs(Format("==== {}\n{}\n", stage, text).c_str(), stdout);
    };
  }
  const auto start = std::chrono::steady_clock::now();
  const StatusOr<program::ValidProgram> compiled = CompileOrLoad(bytes, profile, compile);
  if (!compiled.ok()) return compiled.status().WithContext(Format("While compiling {}.", options.input));
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  const program::ValidProgram& program = *compiled;
  if (IsWanted(options, "plan")) RETURN_IF_ERROR(PrintPlan(program, profile));
  std::fputs(Format("{}: {} kernels, {} steps, arena {} bytes, {:.1f} ms\n", options.input, program->kernels.size(),
                    program->steps.size(), program->arena_bytes, elapsed.count())
                 .c_str(),
             stdout);
  return WriteOutputs(*program, options);
}

}  // namespace

int Compile(const CompileOptions& options) {
  const Status status = CompileOne(options);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace dragoman::cli
