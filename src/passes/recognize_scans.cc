// SPDX-License-Identifier: Apache-2.0
#include "passes/recognize_scans.h"

#include <algorithm>
#include <optional>

#include "passes/patterns.h"
#include "passes/rewrite.h"

namespace dragoman::passes {
namespace {

struct ScanAxis {
  int64_t dimension;
  bool is_reverse;
};

bool AllAreOne(const std::vector<int64_t>& list) {
  return std::all_of(list.begin(), list.end(), [](int64_t v) { return v == 1; });
}

std::optional<ScanAxis> AxisOf(const Op& op) {
  const std::vector<int64_t> axes = NonUnitDims(op.attributes.Ints(AttrKey::kWindowDimensions));
  const auto& padding = op.attributes.Ints(AttrKey::kPadding);
  if (axes.size() != 1 || !AllAreOne(op.attributes.Ints(AttrKey::kWindowStrides)) ||
      !AllAreOne(op.attributes.Ints(AttrKey::kBaseDilations)) ||
      !AllAreOne(op.attributes.Ints(AttrKey::kWindowDilations))) {
    return std::nullopt;
  }
  const int64_t axis = axes[0];
  const int64_t window = op.attributes.Ints(AttrKey::kWindowDimensions)[axis];
  if (window < op.operands[0]->type.dims[axis]) return std::nullopt;
  for (size_t i = 0; i < padding.size(); ++i) {
    if (static_cast<int64_t>(i / 2) != axis && padding[i] != 0) return std::nullopt;
  }
  const int64_t low = padding[2 * axis];
  const int64_t high = padding[2 * axis + 1];
  if (low == window - 1 && high == 0) return ScanAxis{axis, false};
  if (low == 0 && high == window - 1) return ScanAxis{axis, true};
  return std::nullopt;
}

StatusOr<Replacement> RecognizeScan(Op& op, RewriteContext& context) {
  if (op.code != OpCode::kReduceWindow) return Replacement();
  const auto axis = AxisOf(op);
  if (!axis.has_value()) return Replacement();
  Attributes attributes;
  attributes.Set(AttrKey::kDimension, axis->dimension);
  attributes.Set(AttrKey::kIsReverse, static_cast<int64_t>(axis->is_reverse));
  std::vector<TensorType> types;
  for (const auto& result : op.results) types.push_back(result->type);
  Op* scan = context.builder.MakeTyped(OpCode::kScan, op.operands, std::move(types), std::move(attributes));
  Builder::CopyRegion(*op.regions[0], scan);
  std::vector<Value*> results;
  for (const auto& result : scan->results) results.push_back(result.get());
  return Replacement(std::move(results));
}

}  // namespace

StatusOr<PassResult> RecognizeScans(ir::Module& module, const target::CompileContext&) {
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, RecognizeScan));
  return PassResult{changed};
}

}  // namespace dragoman::passes
