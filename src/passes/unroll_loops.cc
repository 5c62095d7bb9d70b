// SPDX-License-Identifier: Apache-2.0
#include "passes/unroll_loops.h"

#include <algorithm>
#include <unordered_map>

#include "passes/rewrite.h"

namespace dragoman::passes {
namespace {

// Kernels of some hundred operations still compile fast and keep their values in registers.
constexpr int64_t kMaxBodyOps = 256;

bool IsPointwise(const Op& op) {
  const ir::OpKind kind = Info(op.code).kind;
  return kind == ir::OpKind::kElementwise || kind == ir::OpKind::kData || op.code == OpCode::kBroadcastInDim ||
         op.code == OpCode::kReturn;
}

bool IsPointwiseBody(const Block& body) {
  return std::all_of(body.ops.begin(), body.ops.end(), [](const auto& op) { return IsPointwise(*op); });
}

int64_t CountElementwise(const Block& body) {
  return std::count_if(body.ops.begin(), body.ops.end(), [](const auto& op) { return IsElementwise(op->code); });
}

std::vector<Value*> Repeat(const Block& body, std::vector<Value*> carried, int64_t times, Builder& builder) {
  Block& block = builder.block();
  for (int64_t i = 0; i < times; ++i) {
    std::unordered_map<const Value*, Value*> mapping;
    for (size_t k = 0; k < carried.size(); ++k) mapping[body.arguments[k].get()] = carried[k];
    carried = ir::CloneInto(body, block, block.ops.size(), mapping);
  }
  return carried;
}

StatusOr<Replacement> UnrollLoop(Op& op, RewriteContext& context) {
  const int64_t count = op.attributes.IntOr(AttrKey::kTripCount, -1);
  if (op.code != OpCode::kWhile || count < 2) return Replacement();
  const Block& body = *op.regions[1];
  const int64_t size = std::max<int64_t>(CountElementwise(body), 1);
  const int64_t factor = std::min(count, kMaxBodyOps / size);
  if (factor < 2 || !IsPointwiseBody(body)) return Replacement();
  Builder& builder = context.builder;
  std::vector<Value*> carried = op.operands;
  const int64_t rounds = count / factor;
  if (rounds > 1) {
    carried = builder.ForLoop(rounds, carried, [&](Builder& inside, Value*, const std::vector<Value*>& values) {
      return Repeat(body, values, factor, inside);
    });
  } else {
    carried = Repeat(body, std::move(carried), factor, builder);
  }
  return Replacement(Repeat(body, std::move(carried), count % factor, builder));
}

}  // namespace

StatusOr<PassResult> UnrollLoops(ir::Module& module, const target::CompileContext&) {
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, UnrollLoop));
  return PassResult{changed};
}

}  // namespace dragoman::passes
