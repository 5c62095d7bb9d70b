// SPDX-License-Identifier: Apache-2.0
#include "passes/split_concatenates.h"

#include <algorithm>

#include "passes/rewrite.h"

namespace dragoman::passes {
namespace {

constexpr size_t kMaxOperands = 32;

StatusOr<Replacement> SplitConcatenate(Op& op, RewriteContext& context) {
  if (op.code != OpCode::kConcatenate || op.operands.size() <= kMaxOperands) return Replacement();
  const int64_t dimension = op.attributes.Int(AttrKey::kDimension);
  std::vector<Value*> parts = op.operands;
  while (parts.size() > kMaxOperands) {
    std::vector<Value*> longer;
    for (size_t i = 0; i < parts.size(); i += kMaxOperands) {
      const size_t count = std::min(parts.size() - i, kMaxOperands);
      const std::vector<Value*> some(parts.begin() + static_cast<std::ptrdiff_t>(i),
                                     parts.begin() + static_cast<std::ptrdiff_t>(i + count));
      longer.push_back(count == 1 ? some[0] : context.builder.Concatenate(some, dimension));
    }
    parts = std::move(longer);
  }
  return Replacement({context.builder.Concatenate(std::move(parts), dimension)});
}

}  // namespace

StatusOr<PassResult> SplitConcatenates(ir::Module& module, const target::CompileContext&) {
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, SplitConcatenate));
  return PassResult{changed};
}

}  // namespace dragoman::passes
