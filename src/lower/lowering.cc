// SPDX-License-Identifier: Apache-2.0
#include "lower/lowering.h"

#include <algorithm>
#include <iterator>

#include "base/format.h"
#include "kernel/loop_bound.h"
#include "lower/fourier/kinds.h"
#include "lower/kinds.h"
#include "lower/lower_in_parts.h"
#include "lower/order/kinds.h"
#include "lower/product/kinds.h"
#include "lower/reduce/kinds.h"
#include "lower/stream/kinds.h"
#include "lower/window/kinds.h"

namespace dragoman::kernel {
namespace {

using Lower = StatusOr<LoweredGroup> (*)(const fusion::Group&, const target::CompileContext&);

StatusOr<LoweredGroup> LowerNothing(const fusion::Group& group, const target::CompileContext&) {
  return Internal(Format("Group kind {} has no kernel of its own.", fusion::Name(group.kind)));
}

struct KindRow {
  fusion::GroupKind kind;
  Lower lower;
};

constexpr KindRow kKindRows[] = {
    {fusion::GroupKind::kLoop, LowerLoop},
    {fusion::GroupKind::kReduce, LowerReduce},
    {fusion::GroupKind::kRow, LowerRow},
    {fusion::GroupKind::kDot, LowerDot},
    {fusion::GroupKind::kConvolution, LowerConvolution},
    {fusion::GroupKind::kAttention, LowerAttention},
    {fusion::GroupKind::kReduceWindow, LowerReduceWindow},
    {fusion::GroupKind::kSelectAndScatter, LowerSelectAndScatter},
    {fusion::GroupKind::kScan, LowerScan},
    {fusion::GroupKind::kSort, LowerSort},
    {fusion::GroupKind::kScatter, LowerScatter},
    {fusion::GroupKind::kDynamicUpdateSlice, LowerDynamicUpdateSlice},
    {fusion::GroupKind::kCholesky, LowerCholesky},
    {fusion::GroupKind::kTriangularSolve, LowerTriangularSolve},
    {fusion::GroupKind::kFourier, LowerFourier},
    {fusion::GroupKind::kPanel, LowerPanel},
    {fusion::GroupKind::kWhile, LowerNothing},
    {fusion::GroupKind::kCase, LowerNothing},
    {fusion::GroupKind::kHostTransfer, LowerNothing},
};

constexpr int kNumKinds = 0
#define X(name, text) +1
    DRAGOMAN_GROUP_KINDS(X)
#undef X
    ;

constexpr bool RowsAreInOrder() {
  if (std::size(kKindRows) != kNumKinds) return false;
  for (int i = 0; i < kNumKinds; ++i) {
    if (static_cast<int>(kKindRows[i].kind) != i) return false;
  }
  return true;
}
static_assert(RowsAreInOrder(), "Every group kind has one row, in the order of the kinds.");

}  // namespace

StatusOr<LoweredGroup> LowerGroup(const fusion::Group& group, const target::CompileContext& context) {
  ASSIGN_OR_RETURN(LoweredGroup lowered, kKindRows[static_cast<int>(group.kind)].lower(group, context));
  const bool fits = std::all_of(lowered.dispatches.begin(), lowered.dispatches.end(), [&](const Dispatch& dispatch) {
    return FitsLoopLimit(dispatch.kernel, context.profile);
  });
  if (fits || !HasParts(group)) return lowered;
  return LowerInParts(group, context);
}

}  // namespace dragoman::kernel
