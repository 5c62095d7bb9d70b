// SPDX-License-Identifier: Apache-2.0
#include "reference/index_vectors.h"
#include "reference/op_functions.h"
#include "reference/products.h"

namespace dragoman::reference {
namespace {

using ir::AttrKey;

// The linear offsets of one operand for every index over some of its dimensions, row-major in their given order.
std::vector<int64_t> Offsets(const TensorType& type, const std::vector<int64_t>& dimensions) {
  const Dims strides = Pick(RowMajorStrides(type.dims), dimensions);
  std::vector<int64_t> offsets;
  ForEachIndex(Pick(type.dims, dimensions),
               [&](const Dims& index, int64_t) { offsets.push_back(LinearIndex(index, strides)); });
  return offsets;
}

// Offsets of batch, free and contracted indices of one operand.
struct Side {
  std::vector<int64_t> batch;
  std::vector<int64_t> free;
  std::vector<int64_t> contracted;
};

Side MakeSide(const TensorType& type, const std::vector<int64_t>& batch, const std::vector<int64_t>& contracted) {
  std::vector<int64_t> not_free = batch;
  not_free.insert(not_free.end(), contracted.begin(), contracted.end());
  return {Offsets(type, batch), Offsets(type, Others(type.rank(), not_free)), Offsets(type, contracted)};
}

template <typename T>
Literal Multiply(const OpCall& call, const Side& lhs, const Side& rhs) {
  const std::vector<T> a = Unpack<T>(call.operands[0]);
  const std::vector<T> b = Unpack<T>(call.operands[1]);
  TensorWriter writer(call.op.type());
  int64_t at = 0;
  for (size_t batch = 0; batch < lhs.batch.size(); ++batch) {
    for (const int64_t row : lhs.free) {
      for (const int64_t column : rhs.free) {
        T sum{};
        for (size_t k = 0; k < lhs.contracted.size(); ++k) {
          sum +=
              Product(a[lhs.batch[batch] + row + lhs.contracted[k]], b[rhs.batch[batch] + column + rhs.contracted[k]]);
        }
        writer.Set(at++, Give(sum));
      }
    }
  }
  return std::move(writer).Finish();
}

}  // namespace

Results EvaluateDotGeneral(const OpCall& call) {
  const ir::Attributes& attributes = call.op.attributes;
  const Side lhs = MakeSide(call.operands[0].type(), attributes.Ints(AttrKey::kLhsBatchingDimensions),
                            attributes.Ints(AttrKey::kLhsContractingDimensions));
  const Side rhs = MakeSide(call.operands[1].type(), attributes.Ints(AttrKey::kRhsBatchingDimensions),
                            attributes.Ints(AttrKey::kRhsContractingDimensions));
  const auto multiply = [&]<typename T>() { return Multiply<T>(call, lhs, rhs); };
  return std::vector<Literal>{DRAGOMAN_WITH_SUM_TYPE(call.operands[0].type().dtype, multiply)};
}

}  // namespace dragoman::reference
