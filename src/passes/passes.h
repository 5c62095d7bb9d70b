// SPDX-License-Identifier: Apache-2.0
// Tensor-IR passes and the one visible list of them (pipeline.cc). A pass is a free function in a file of its own;
// running it twice changes nothing the second time. Each states in its header comment what it requires and establishes.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "base/status.h"
#include "ir/ir.h"
#include "target/compile_context.h"

namespace dragoman::passes {

struct PassResult {
  bool changed = false;
};

// Lets a visitor of its own run over each function: `bool Visitor::Run(ir::Function&)` says whether it changed
// anything.
template <typename Visitor>
PassResult VisitFunctions(ir::Module& module) {
  PassResult result;
  for (const auto& function : module.functions) result.changed |= Visitor().Run(*function);
  return result;
}

struct Pass {
  std::string_view name;
  StatusOr<PassResult> (*run)(ir::Module& module, const target::CompileContext& context);
};

// In order of execution; names repeat where a pass runs again.
std::span<const Pass> Pipeline();

struct PipelineChecks {
  bool verify_each = false;  // verify after each pass; always once at the end
  std::function<void(std::string_view pass, const ir::Module& module, double seconds)> after_pass;
};

// Afterwards the module holds main alone: no collective, call, composite, custom_call of a known target; every
// reduce_window that is a whole-axis scan is a scan; while loops with a known trip count carry AttrKey::kTripCount.
// Passes that the context's options skip are left out.
Status RunPipeline(ir::Module& module, const target::CompileContext& context, const PipelineChecks& checks);

}  // namespace dragoman::passes
