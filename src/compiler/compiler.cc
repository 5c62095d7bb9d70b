// SPDX-License-Identifier: Apache-2.0
#include "compiler/compiler.h"

#include <algorithm>

#include "base/format.h"
#include "compiler/build_id.h"
#include "compiler/emit.h"
#include "compiler/schedule.h"
#include "compiler/storage.h"
#include "passes/passes.h"

namespace dragoman::compiler {
namespace {

void Dump(const Options& options, std::string_view stage, const std::string& text) {
  if (options.dump) options.dump(stage, text);
}

// Of a program that a user's Python sends as it goes along, each new length a program of its own.
constexpr size_t kMostSmallOps = 64;
// An element costs lavapipe up to 25 ns more, as each invocation loads the extents: 64 Ki of them cost 1.6 ms where
// compiling costs 30. On GPUs only compilers' estimates are known, which grow by up to a half; so small a kernel takes
// little more than its launch.
constexpr int64_t kMostSmallElements = int64_t{1} << 14;

// Whether a driver takes longer to compile the program than the device to run it, many times.
bool IsSmall(const ir::Block& block) {
  if (block.ops.size() > kMostSmallOps) return false;
  return std::all_of(block.ops.begin(), block.ops.end(), [](const auto& op) {
    const bool is_control = op->code == ir::OpCode::kWhile || op->code == ir::OpCode::kCase;
    const auto is_small = [](const ir::Value* value) { return value->type.num_elements() <= kMostSmallElements; };
    return !is_control && std::all_of(op->operands.begin(), op->operands.end(), is_small);
  });
}

// What surely is one allocation: drivers grant 2 to 4 GiB at once, and some devices address less through one buffer.
uint64_t SectionBytes(const target::DeviceProfile& profile) {
  constexpr uint64_t kLeast = 64 << 10, kMost = 2ull << 30;
  return std::clamp(std::min(profile.max_allocation_bytes, profile.max_buffer_bytes), kLeast, kMost) / 256 * 256;
}

}  // namespace

Hash128 Fingerprint(const target::Options& options) {
  // A field that is added does not compile until somebody decides about it here.
  const auto& [fuse, skipped_passes, exact_products, tuning] = options;
  const auto& [products] = tuning;
  std::string text = Format("fuse={} exact={}", fuse, exact_products);
  for (const std::string& pass : skipped_passes) text += Format(" without={}:{}", pass.size(), pass);
  for (const auto& [key, name] : products) text += Format(" product={}:{}={}:{}", key.size(), key, name.size(), name);
  return HashString(text);
}

// With the build's own hash: a number that somebody must raise would be forgotten, and an old program in a cache
// computes what an old compiler thought right.
std::string_view Version() {
  static const std::string version = "0.1.0 " + BuildId();
  return version;
}

StatusOr<program::Program> Compile(const Artifact& artifact, const target::DeviceProfile& profile,
                                   const Options& options) {
  ASSIGN_OR_RETURN(auto module, ReadArtifact(artifact));
  return CompileModule(std::move(module), profile, options);
}

StatusOr<program::Program> CompileModule(std::unique_ptr<ir::Module> module, const target::DeviceProfile& profile,
                                         const Options& options) {
  if (module->main() == nullptr) return InvalidArgument("The program has no function named main.");
  if (options.dump) Dump(options, "input", ir::Print(*module));
  const target::CompileContext context{profile, options};
  passes::PipelineChecks checks;
  if (options.dump) {
    checks.after_pass = [&](std::string_view pass, const ir::Module& after, double) {
      Dump(options, pass, ir::Print(after));
    };
  }
  RETURN_IF_ERROR(passes::RunPipeline(*module, context, checks));
  const ir::Block& block = module->main()->body;
  ASSIGN_OR_RETURN(const auto schedule, ScheduleMain(block, {*module, context, IsSmall(block)}));
  if (options.dump) Dump(options, "fusion", schedule->plan.ToString());
  if (options.dump) Dump(options, "kernel", PrintKernels(*schedule));
  ASSIGN_OR_RETURN(const StoragePlan storage, PlanStorage(*module->main(), *schedule, SectionBytes(profile)));
  ASSIGN_OR_RETURN(program::Program program, EmitProgram(*module, *schedule, storage, profile, options));
  if (options.dump) Dump(options, "program", program::Print(program));
  return program;
}

}  // namespace dragoman::compiler
