// SPDX-License-Identifier: Apache-2.0
// Writes the update into its place in the output, which holds the operand already. One invocation for one or a few
// elements of the update.
#include "base/arithmetic.h"
#include "base/format.h"
#include "element/elemental.h"
#include "element/group_access.h"
#include "element/launch.h"
#include "lower/stream/kinds.h"

namespace dragoman::kernel {
namespace {

// Vectors need updates that span the innermost dimension: then they start where a row of the output starts.
int ChooseUpdateLanes(const fusion::Group& group, const target::DeviceProfile& profile) {
  const ir::Value* update = group.hero->operands[1];
  const Dims& dims = update->type.dims;
  const int innermost = InnermostDim(dims);
  if (innermost < 0 || innermost != InnermostDim(group.hero->type().dims) ||
      dims[innermost] != group.hero->type().dims[innermost]) {
    return 1;
  }
  for (int lanes = PreferredLanes(group, profile.vector_bytes); lanes > 1; lanes /= 2) {
    if (dims[innermost] % lanes != 0) continue;
    const ir::Value* roots[] = {update};
    const LaneAccess access = AnalyzeLanes(group, roots, lanes);
    if (profile.unrolling_is_costly && access.num_ops * lanes > MaxOpsTimesLanes(profile)) continue;
    if (access.separate <= access.contiguous) return lanes;
  }
  return 1;
}

Status EmitUpdate(Elemental& elemental, const ir::Op& hero, V linear, int lanes) {
  Builder& builder = elemental.builder();
  const ir::Value* update = hero.operands[1];
  const Dims& extents = hero.type().dims;
  Elemental::Scope scope(elemental);
  const Index from{elemental.Delinearize(Index::FromLinear(linear), update->type.dims), linear};
  ASSIGN_OR_RETURN(const Lanes values, elemental.AtLanes(update, from, lanes));
  Index to = from;
  to.linear = {};
  for (size_t i = 0; i < extents.size(); ++i) {
    const int64_t room = extents[i] - update->type.dims[i];
    if (room == 0) continue;
    const ir::Value* start = hero.operands[2 + i];
    ASSIGN_OR_RETURN(const Scalar value, elemental.At(start, Index{}));
    const V offset = ClampStart(builder, value, start->type.dtype, room);
    const KType type = IndexType(extents[i]);
    to.dims[i] = builder.IAdd(ToIndexType(builder, to.dims[i], type), ToIndexType(builder, offset, type));
  }
  elemental.StoreLanes(hero.result(), to, values, lanes);
  return OkStatus();
}

// Of the result, by invocations: the dimensions of the update, outermost first, as far as they are the result's own.
Pieces PiecesOf(const ir::Op& hero, int lanes) {
  const Dims& update = hero.operands[1]->type.dims;
  const Dims strides = RowMajorStrides(hero.type().dims);
  Pieces pieces;
  for (size_t i = 0; i < update.size(); ++i) {
    if (update[i] == 1) continue;
    const bool is_last = static_cast<int>(i) == InnermostDim(update);
    if (update[i] != hero.type().dims[i] || (is_last && lanes > 1 && strides[i] != 1)) break;
    pieces.digits.push_back(is_last ? PieceDigit{strides[i] * lanes, update[i] / lanes}
                                    : PieceDigit{strides[i], update[i]});
  }
  return Simplified(std::move(pieces));
}

}  // namespace

StatusOr<LoweredGroup> LowerDynamicUpdateSlice(const fusion::Group& group, const target::CompileContext& context) {
  LoweredGroup lowered;
  const ir::Op& hero = *group.hero;
  if (group.outputs.size() != 1 || group.outputs[0] != hero.result()) {
    return Internal(Format("A dynamic_update_slice group of {} writes more than its result.", hero.type().ToString()));
  }
  const int64_t count = hero.operands[1]->type.num_elements();
  if (count == 0) return lowered;
  const int lanes = ChooseUpdateLanes(group, context.profile);
  const int workgroup_size = DefaultWorkgroupSize(context.profile);
  const int64_t num_invocations = count / lanes;
  Builder builder(context.profile);
  Elemental elemental(builder, group);
  const V invocation = GlobalInvocation(builder, workgroup_size, count);
  const V linear = builder.IMul(invocation, builder.Int(invocation.type, lanes));
  Status status;
  builder.If(builder.ULt(invocation, builder.Int(invocation.type, num_invocations)),
             [&] { status = EmitUpdate(elemental, hero, linear, lanes); });
  RETURN_IF_ERROR(status);
  Dispatch dispatch;
  dispatch.kernel = std::move(builder).Finish(workgroup_size);
  dispatch.arguments = elemental.arguments();
  dispatch.workgroups = CeilDiv(num_invocations, workgroup_size);
  dispatch.division = {.shares = num_invocations, .by_invocations = true, .pieces = {}};
  for (const Argument& argument : dispatch.arguments) {
    dispatch.division.pieces.push_back(argument.value == hero.result() ? PiecesOf(hero, lanes) : Pieces{});
  }
  dispatch.label = Format("dynamic_update_slice {} into {}", hero.operands[1]->type.ToString(), hero.type().ToString());
  lowered.dispatches.push_back(std::move(dispatch));
  return lowered;
}

}  // namespace dragoman::kernel
