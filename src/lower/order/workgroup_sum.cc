// SPDX-License-Identifier: Apache-2.0
#include "lower/order/workgroup_sum.h"

#include <bit>

namespace dragoman::kernel {
namespace {

constexpr int kColumns = 16;

}  // namespace

WorkgroupSum::WorkgroupSum(Builder& builder, int workgroup_size)
    : b_(builder),
      size_(workgroup_size),
      lane_(builder.LocalIndex()),
      shared_(builder.AddShared(KType::kI32, 2 * workgroup_size)) {}

// Sixteen invocations add a column each, and all add the sixteen sums: two barriers, where halving takes one a step.
V WorkgroupSum::Total(V value) {
  const auto sum_of = [&](V first, int count, int stride) {
    const auto add = [&](V sum, V offset) { return b_.IAdd(sum, b_.LoadShared(shared_, b_.IAdd(first, offset))); };
    V sum = b_.I32(0);
    if (b_.profile().unrolling_is_costly) {
      return b_.For(b_.I32(0), b_.I32(count * stride), b_.I32(stride), {sum},
                    [&](V offset, std::span<const V> c) { return std::vector<V>{add(c[0], offset)}; })[0];
    }
    for (int i = 0; i < count; ++i) sum = add(sum, b_.I32(i * stride));
    return sum;
  };
  b_.StoreShared(shared_, lane_, value);
  b_.Barrier();
  b_.If(b_.ULt(lane_, b_.I32(kColumns)),
        [&] { b_.StoreShared(shared_, b_.IAdd(lane_, b_.I32(size_)), sum_of(lane_, size_ / kColumns, kColumns)); });
  b_.Barrier();
  return sum_of(b_.I32(size_), kColumns, 1);
}

V WorkgroupSum::Exclusive(V value) {
  b_.Barrier();
  b_.StoreShared(shared_, lane_, value);
  b_.Barrier();
  const int steps = std::countr_zero(static_cast<unsigned>(size_));
  const auto inclusive = b_.For(b_.I32(0), b_.I32(steps), b_.I32(1), {value}, [&](V step, std::span<const V> c) {
    const V from = b_.IMul(b_.And(step, b_.I32(1)), b_.I32(size_)), to = b_.ISub(b_.I32(size_), from);
    const V distance = b_.Binary(KOp::kShl, b_.I32(1), step);
    const auto other = b_.IfValue(
        b_.ULe(distance, lane_),
        [&] { return std::vector<V>{b_.LoadShared(shared_, b_.IAdd(from, b_.ISub(lane_, distance)))}; },
        [&] { return std::vector<V>{b_.I32(0)}; });
    const V sum = b_.IAdd(c[0], other[0]);
    b_.StoreShared(shared_, b_.IAdd(to, lane_), sum);
    b_.Barrier();
    return std::vector<V>{sum};
  });
  return b_.ISub(inclusive[0], value);
}

}  // namespace dragoman::kernel
