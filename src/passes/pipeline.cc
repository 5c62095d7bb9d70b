// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>

#include "base/format.h"
#include "passes/canonicalize.h"
#include "passes/carry_random_state.h"
#include "passes/decompose.h"
#include "passes/distribute_loops.h"
#include "passes/eliminate_common_subexpressions.h"
#include "passes/eliminate_dead_code.h"
#include "passes/flatten_cases.h"
#include "passes/fold_constants.h"
#include "passes/hoist_loop_invariants.h"
#include "passes/inline_calls.h"
#include "passes/narrow_integers.h"
#include "passes/narrow_products.h"
#include "passes/pad_products.h"
#include "passes/passes.h"
#include "passes/recognize_scans.h"
#include "passes/recognize_trip_counts.h"
#include "passes/refuse_unsupported.h"
#include "passes/remove_identities.h"
#include "passes/resolve_collectives.h"
#include "passes/settle_carries.h"
#include "passes/shorten_sorts.h"
#include "passes/simplify_contractions.h"
#include "passes/simplify_control_flow.h"
#include "passes/sink_cheap_values.h"
#include "passes/sparse_products.h"
#include "passes/split_concatenates.h"
#include "passes/unroll_loops.h"

namespace dragoman::passes {
namespace {

constexpr Pass kPipeline[] = {
    {"resolve_collectives", ResolveCollectives},
    {"carry_random_state", CarryRandomState},
    {"decompose", Decompose},
    {"inline_calls", InlineCalls},
    {"remove_identities", RemoveIdentities},
    {"eliminate_dead_code", EliminateDeadCode},
    {"simplify_control_flow", SimplifyControlFlow},
    {"narrow_integers", NarrowIntegers},
    {"fold_constants", FoldConstants},
    {"canonicalize", Canonicalize},
    {"eliminate_common_subexpressions", EliminateCommonSubexpressions},
    {"recognize_scans", RecognizeScans},
    {"flatten_cases", FlattenCases},
    {"recognize_trip_counts", RecognizeTripCounts},
    {"hoist_loop_invariants", HoistLoopInvariants},
    {"settle_carries", SettleCarries},
    {"eliminate_dead_code", EliminateDeadCode},
    {"simplify_contractions", SimplifyContractions},
    {"sparse_products", SparseProducts},
    {"distribute_loops", DistributeLoops},
    {"unroll_loops", UnrollLoops},
    {"fold_constants", FoldConstants},
    {"canonicalize", Canonicalize},
    {"eliminate_common_subexpressions", EliminateCommonSubexpressions},
    {"simplify_control_flow", SimplifyControlFlow},
    {"eliminate_dead_code", EliminateDeadCode},
    {"simplify_contractions", SimplifyContractions},
    {"pad_products", PadProducts},
    {"narrow_products", NarrowProducts},
    {"hoist_loop_invariants", HoistLoopInvariants},
    {"eliminate_common_subexpressions", EliminateCommonSubexpressions},
    {"shorten_sorts", ShortenSorts},
    {"sink_cheap_values", SinkCheapValues},
    {"split_concatenates", SplitConcatenates},
    {"eliminate_dead_code", EliminateDeadCode},
    {"refuse_unsupported", RefuseUnsupported},
};

bool IsSkipped(const target::Options& options, std::string_view name) {
  const auto& skipped = options.skipped_passes;
  return std::find(skipped.begin(), skipped.end(), name) != skipped.end();
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::span<const Pass> Pipeline() { return kPipeline; }

Status RunPipeline(ir::Module& module, const target::CompileContext& context, const PipelineChecks& checks) {
  for (const Pass& pass : kPipeline) {
    if (IsSkipped(context.options, pass.name)) continue;
    const auto start = std::chrono::steady_clock::now();
    const auto result = pass.run(module, context);
    if (!result.ok()) return result.status();
    if (checks.verify_each) {
      const Status status = ir::Verify(module);
      if (!status.ok()) return status.WithContext(Format("After the pass {}.", pass.name));
    }
    if (checks.after_pass) checks.after_pass(pass.name, module, SecondsSince(start));
  }
  return ir::Verify(module).WithContext("After the last pass.");
}

}  // namespace dragoman::passes
