// SPDX-License-Identifier: Apache-2.0
#include "measure/probes.h"

#include <algorithm>

#include "base/arithmetic.h"
#include "kernel/builder.h"

namespace dragoman::measure {

using kernel::KType;
using kernel::V;
using target::DeviceProfile;

namespace {

// For any of the three matrices, results in 32 bits.
int Words(const target::MatrixShape& shape) {
  return std::max({shape.m * shape.k, shape.k * shape.n, shape.m * shape.n});
}

}  // namespace

kernel::Kernel MultiplyAdds(const DeviceProfile& profile, int workgroup, int rounds) {
  kernel::Builder b(profile);
  const int output = b.AddBuffer({.memory = DType::kF32, .is_written = true});
  const V index = b.GlobalIndex(workgroup);
  const V x = b.Convert(kernel::KOp::kUToF, index, KType::kF32);
  std::vector<V> sums;
  for (int i = 0; i < kProbeSums; ++i) sums.push_back(b.FAdd(x, b.F32(static_cast<float>(i))));
  const V factor = b.FMul(x, b.F32(1e-9f));
  sums = b.For(b.I32(0), b.I32(rounds), b.I32(1), sums, [&](V, std::span<const V> carried) {
    std::vector<V> next(carried.begin(), carried.end());
    for (V& sum : next) sum = b.Fma(sum, factor, x);
    return next;
  });
  V sum = sums[0];
  for (int i = 1; i < kProbeSums; ++i) sum = b.FAdd(sum, sums[i]);
  b.Store(output, index, sum);
  return std::move(b).Finish(workgroup);
}

int MatrixProbeBytes(const DeviceProfile& profile, const target::MatrixShape& shape, int workgroup) {
  return 4 * Words(shape) * (workgroup / profile.subgroup_size);
}

kernel::Kernel MatrixMultiplyAdds(const DeviceProfile& profile, const target::MatrixShape& shape, int workgroup,
                                  int rounds) {
  kernel::Builder b(profile);
  b.RequireSubgroupSize(profile.subgroup_size);
  b.SetMatrixShape(shape);
  const int output = b.AddBuffer({.memory = DType::kF32, .is_written = true});
  const int all_words = MatrixProbeBytes(profile, shape, workgroup) / 4;
  const int shared = b.AddShared(KType::kI32, all_words);
  b.ForEach({b.LocalIndex(), b.I32(all_words), b.I32(workgroup), CeilDiv(all_words, workgroup)},
            [&](V at) { b.StoreShared(shared, at, b.I32(0x38003800)); });
  b.Barrier();
  const V start = b.I32(0);
  const V lhs = b.MatrixLoad(KType::kMatrixA, shared, start, {static_cast<uint32_t>(shape.k / 2), false});
  const V rhs = b.MatrixLoad(KType::kMatrixB, shared, start, {static_cast<uint32_t>(shape.n / 2), false});
  std::vector<V> sums(kProbeSums, b.MatrixZero());
  sums = b.For(b.I32(0), b.I32(rounds), b.I32(1), sums, [&](V, std::span<const V> carried) {
    std::vector<V> next(carried.begin(), carried.end());
    for (V& sum : next) sum = b.MatrixMulAdd(lhs, rhs, sum);
    return next;
  });
  b.Barrier();
  const V subgroup = b.Emit(kernel::KOp::kSubgroupIndex, {}, KType::kI32);
  const V own = b.IMul(subgroup, b.I32(Words(shape)));
  for (const V sum : sums) {
    b.MatrixStore(shared, own, sum, {static_cast<uint32_t>(shape.n), false});
    b.Barrier();
  }
  b.Store(output, b.GlobalIndex(workgroup), b.Bitcast(b.LoadShared(shared, own), KType::kF32));
  return std::move(b).Finish(workgroup);
}

}  // namespace dragoman::measure
