// SPDX-License-Identifier: Apache-2.0
#include "reference/sort.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "reference/op_functions.h"
#include "reference/region_function.h"

namespace dragoman::reference {
namespace {

// "Comes before" by the op's comparator; the first error ends all comparing.
class Comparator {
 public:
  Comparator(std::span<const Literal> operands, const ir::Block& block, Frame& frame)
      : compare_(RegionFunction::Make(block, frame)) {
    for (const Literal& operand : operands) readers_.emplace_back(operand);
    arguments_.resize(2 * readers_.size());
  }

  bool IsBefore(int64_t left, int64_t right) {
    if (!status_.ok()) return false;
    for (size_t k = 0; k < readers_.size(); ++k) {
      arguments_[2 * k] = readers_[k][left];
      arguments_[2 * k + 1] = readers_[k][right];
    }
    const auto result = compare_.Apply(arguments_);
    status_ = result.status();
    return status_.ok() && (*result)[0].integer != 0;
  }
  const Status& status() const { return status_; }

 private:
  RegionFunction compare_;
  std::vector<TensorReader> readers_;
  std::vector<Number> arguments_;
  Status status_;
};

}  // namespace

Results SortLines(std::span<const Literal> operands, int64_t dimension, int64_t num_kept, const ir::Block& block,
                  Frame& frame) {
  const Dims& dims = operands[0].type().dims;
  const int64_t stride = RowMajorStrides(dims)[dimension];
  Comparator comparator(operands, block, frame);
  std::vector<TensorWriter> results;
  for (const Literal& operand : operands) {
    TensorType type = operand.type();
    type.dims[dimension] = num_kept;
    results.emplace_back(std::move(type));
  }
  std::vector<int64_t> order(dims[dimension]);
  Dims lines = dims;
  lines[dimension] = 1;
  const Dims strides = RowMajorStrides(dims);
  const Dims result_strides = RowMajorStrides(results[0].type().dims);
  ForEachIndex(lines, [&](const Dims& index, int64_t) {
    const int64_t base = LinearIndex(index, strides);
    const int64_t result_base = LinearIndex(index, result_strides);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return comparator.IsBefore(base + a * stride, base + b * stride); });
    for (size_t k = 0; k < results.size(); ++k) {
      for (int64_t i = 0; i < num_kept; ++i) {
        std::memcpy(results[k].element(result_base + i * stride), operands[k].element(base + order[i] * stride),
                    SizeBytes(results[k].type().dtype));
      }
    }
  });
  RETURN_IF_ERROR(comparator.status());
  std::vector<Literal> literals;
  for (TensorWriter& result : results) literals.push_back(std::move(result).Finish());
  return literals;
}

Results EvaluateSort(const OpCall& call) {
  const int64_t dimension = call.op.attributes.Int(ir::AttrKey::kDimension);
  return SortLines(call.operands, dimension, call.op.type().dims[dimension], *call.op.regions[0], call.frame);
}

}  // namespace dragoman::reference
