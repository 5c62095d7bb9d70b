// SPDX-License-Identifier: Apache-2.0
#include "lower/product/computed_operand.h"

#include <algorithm>
#include <bit>

#include "base/arithmetic.h"
#include "element/reduce_combiner.h"
#include "element/workgroup_combine.h"
#include "scalar/scalar.h"

namespace dragoman::kernel {
namespace {

using Set = std::vector<Scalar>;

class OperandRows {
 public:
  OperandRows(ProductContext& context, int workgroup_size)
      : c_(context),
        b_(context.builder),
        value_(context.product.lhs.is_computed ? context.product.lhs.value : context.product.rhs.value),
        columns_(value_->type.dims.back()),
        rows_(value_->type.num_elements() / columns_),
        fellows_(workgroup_size / static_cast<int>(std::bit_ceil(static_cast<uint64_t>(rows_)))),
        lanes_(columns_ % 4 == 0 ? 4 : 1),
        combine_(context.elemental, workgroup_size, fellows_ > 1) {}

  Status Emit(int64_t least) {
    // Surplus invocations compute the last row again, and store nothing.
    const V row = b_.UDiv(combine_.position(), b_.I32(fellows_));
    row_ = b_.UMin(row, b_.I32(rows_ - 1));
    is_real_row_ = std::has_single_bit(static_cast<uint64_t>(rows_)) ? b_.Bool(true) : b_.ULt(row, b_.I32(rows_));
    fellow_ = b_.URem(combine_.position(), b_.I32(fellows_));
    for (const ir::Op* op : c_.group.members) {
      if (op == c_.group.hero) break;
      if (op->code == ir::OpCode::kReduce) RETURN_IF_ERROR(Reduce(*op));
    }
    c_.computed = b_.AddShared(KType::kF32, static_cast<int>(std::max(rows_ * columns_, least)));
    for (int64_t run = 0; run < Runs(); ++run) RETURN_IF_ERROR(Store(run));
    b_.Barrier();
    return OkStatus();
  }

 private:
  // Of a row, that an invocation has.
  int64_t Runs() const { return CeilDiv(columns_, int64_t{fellows_} * lanes_); }
  V ColumnOf(int64_t run) { return b_.IMul(b_.IAdd(fellow_, b_.I32(run * fellows_)), b_.I32(lanes_)); }
  bool IsWhole(int64_t run) const { return (run + 1) * fellows_ * lanes_ <= columns_; }
  V IsReal(int64_t run) { return IsWhole(run) ? b_.Bool(true) : b_.ULt(ColumnOf(run), b_.I32(columns_)); }
  Index PlaceOf(int64_t run) {
    const V column = IsWhole(run) ? ColumnOf(run) : b_.UMin(ColumnOf(run), b_.I32(columns_ - lanes_));
    return Index::FromLinear(b_.MulAdd(row_, columns_, column));
  }

  Status Reduce(const ir::Op& op) {
    const Combiner combiner(*op.regions[0], InitialValues(op));
    ASSIGN_OR_RETURN(Set sum, combiner.Start(c_.elemental));
    for (int64_t run = 0; run < Runs(); ++run) {
      ASSIGN_OR_RETURN(const Scalar added, Add(op, combiner, sum, run));
      sum = {{b_.Select(IsReal(run), added.re, sum[0].re), {}}};
    }
    ASSIGN_OR_RETURN(const std::vector<Set> sums, combine_.Combine(combiner, {sum}, {fellow_, fellows_, 1}));
    ASSIGN_OR_RETURN(const Set result, combiner.Finish(c_.elemental, sums[0]));
    c_.elemental.Pin(op.result(), result[0]);
    return OkStatus();
  }

  StatusOr<Scalar> Add(const ir::Op& op, const Combiner& combiner, Set sum, int64_t run) {
    ASSIGN_OR_RETURN(const Lanes values, c_.elemental.AtLanes(op.operands[0], PlaceOf(run), lanes_));
    for (int lane = 0; lane < lanes_; ++lane) {
      const Set element = {Lane(values, lane)};
      ASSIGN_OR_RETURN(const Set lifted, combiner.Lift(c_.elemental, element));
      ASSIGN_OR_RETURN(sum, combiner.Combine(c_.elemental, sum, lifted));
    }
    return sum[0];
  }

  Status Store(int64_t run) {
    const Index place = PlaceOf(run);
    ASSIGN_OR_RETURN(const Lanes values, c_.elemental.AtLanes(value_, place, lanes_));
    std::vector<V> converted;
    for (int lane = 0; lane < lanes_; ++lane) {
      ASSIGN_OR_RETURN(const Scalar value,
                       ConvertScalar(b_, Lane(values, lane), value_->type.dtype, c_.product.accumulator));
      converted.push_back(value.re);
    }
    b_.If(b_.And(is_real_row_, IsReal(run)), [&] {
      for (int lane = 0; lane < lanes_; ++lane) {
        b_.StoreShared(c_.computed, b_.IAdd(place.linear, b_.I32(lane)), converted[lane]);
      }
    });
    return OkStatus();
  }

  ProductContext& c_;
  Builder& b_;
  const ir::Value* value_;
  const int64_t columns_;
  const int64_t rows_;
  const int fellows_;  // invocations that share a row
  const int lanes_;
  WorkgroupCombine combine_;
  V row_;
  V is_real_row_;
  V fellow_;
};

}  // namespace

Status ComputeOperand(ProductContext& context, int workgroup_size, int64_t least) {
  return OperandRows(context, workgroup_size).Emit(least);
}

}  // namespace dragoman::kernel
