// SPDX-License-Identifier: Apache-2.0
// For tests: the operations of RandomProgram that move elements, and how a program begins and ends.
#pragma once

#include "compiler/random_program_ops_testing.h"

namespace dragoman::compiler {

inline void RandomProgram::AddBroadcast() {
  const RandomValue a = Pick();
  if (a.type.rank() > 4) return;
  RandomValue result = a;
  Dims places;
  result.type.dims.clear();
  for (const int64_t dim : a.type.dims) {
    if (Chance(25)) result.type.dims.push_back(OneOf<int64_t>({1, 2, 3, 5}));
    places.push_back(static_cast<int64_t>(result.type.dims.size()));
    result.type.dims.push_back(dim == 1 && Chance(50) ? Extent() : dim);
  }
  if (Chance(40)) result.type.dims.push_back(OneOf<int64_t>({1, 2, 4, 7}));
  if (result.type.num_elements() > kMaxElements) return;
  Add(result, Format("broadcast_in_dim({}) {{broadcast_dimensions = {}}} : {}", a.name, ToString(places),
                     result.type.ToString()));
}

inline void RandomProgram::AddTranspose() {
  const RandomValue a = PickWhere([](const RandomValue& v) { return v.type.rank() > 1; });
  if (a.name.empty()) return;
  Dims permutation(a.type.dims.size());
  for (size_t d = 0; d < permutation.size(); ++d) permutation[d] = static_cast<int64_t>(d);
  std::shuffle(permutation.begin(), permutation.end(), random_);
  RandomValue result = a;
  for (size_t d = 0; d < permutation.size(); ++d) result.type.dims[d] = a.type.dims[permutation[d]];
  Add(result, Format("transpose({}) {{permutation = {}}} : {}", a.name, ToString(permutation), result.type.ToString()));
}

// Merges two neighbours, splits one or adds one of 1.
inline void RandomProgram::AddReshape() {
  const RandomValue a = Pick();
  RandomValue result = a;
  Dims& dims = result.type.dims;
  const size_t at = Below(dims.size());
  if (dims.size() > 1 && at + 1 < dims.size() && Chance(50)) {
    dims[at] *= dims[at + 1];
    dims.erase(dims.begin() + static_cast<int64_t>(at) + 1);
  } else if (!dims.empty() && dims[at] > 1) {
    int64_t factor = OneOf<int64_t>({2, 3, 4, 1});
    if (dims[at] % factor != 0) factor = dims[at];
    dims[at] /= factor;
    dims.insert(dims.begin() + static_cast<int64_t>(at), factor);
  } else {
    dims.push_back(1);
  }
  if (dims.size() <= 6) Add(result, Format("reshape({}) : {}", a.name, result.type.ToString()));
}

inline void RandomProgram::AddReverse() {
  const RandomValue a = Pick();
  Dims dims;
  for (int64_t d = 0; d < a.type.rank(); ++d) {
    if (Chance(50)) dims.push_back(d);
  }
  Add(a, Format("reverse({}) {{dimensions = {}}} : {}", a.name, ToString(dims), a.type.ToString()));
}

inline void RandomProgram::AddSlice() {
  const RandomValue a = Pick();
  RandomValue result = a;
  Dims starts, limits, strides;
  for (int64_t& dim : result.type.dims) {
    const int64_t start = static_cast<int64_t>(Below(static_cast<size_t>(std::min<int64_t>(dim, 4))));
    const int64_t limit = dim - static_cast<int64_t>(Below(static_cast<size_t>(std::min<int64_t>(dim - start, 3))));
    const int64_t stride = OneOf<int64_t>({1, 1, 1, 2, 3});
    starts.push_back(start);
    limits.push_back(limit);
    strides.push_back(stride);
    dim = (limit - start + stride - 1) / stride;
  }
  Add(result, Format("slice({}) {{start_indices = {}, limit_indices = {}, strides = {}}} : {}", a.name,
                     ToString(starts), ToString(limits), ToString(strides), result.type.ToString()));
}

inline void RandomProgram::AddConcatenate() {
  const RandomValue a = PickWhere([](const RandomValue& v) { return v.type.rank() > 0; });
  if (a.name.empty()) return;
  const RandomValue b = PickLike(a);
  if (b.name.empty() || 2 * a.type.num_elements() > kMaxElements) return;
  const size_t dimension = Below(a.type.dims.size());
  RandomValue result = a;
  result.type.dims[dimension] *= 2;
  result.magnitude = std::max(a.magnitude, b.magnitude);
  result.error = std::max(a.error, b.error);
  result.fraction_bits = std::max(a.fraction_bits, b.fraction_bits);
  Add(result, Format("concatenate({}, {}) {{dimension = {}}} : {}", a.name, b.name, dimension, result.type.ToString()));
}

inline void RandomProgram::AddPad() {
  const RandomValue a = Pick();
  const RandomValue fill = Constant({a.type.dtype, {}}, 1);
  RandomValue result = a;
  result.magnitude = std::max(a.magnitude, 1.0);
  Dims low, high, interior;
  for (int64_t& dim : result.type.dims) {
    low.push_back(static_cast<int64_t>(Below(4)) - 1);
    high.push_back(static_cast<int64_t>(Below(4)) - 1);
    interior.push_back(OneOf<int64_t>({0, 0, 0, 1}));
    const int64_t size = dim + low.back() + high.back() + interior.back() * std::max<int64_t>(dim - 1, 0);
    if (size < 0) return;
    dim = size;
  }
  if (result.type.num_elements() > kMaxElements) return;
  Add(result, Format("pad({}, {}) {{edge_padding_low = {}, edge_padding_high = {}, interior_padding = {}}} : {}",
                     a.name, fill.name, ToString(low), ToString(high), ToString(interior), result.type.ToString()));
}

// Starts may lie outside: they are clamped.
inline void RandomProgram::AddDynamicSlice() {
  const RandomValue a = Pick();
  RandomValue result = a;
  std::string operands = a.name;
  for (int64_t& dim : result.type.dims) {
    operands += ", " + IndexParameter(dim).name;
    dim -= static_cast<int64_t>(Below(static_cast<size_t>(std::min<int64_t>(dim + 1, 4))));
  }
  Add(result, Format("dynamic_slice({}) {{slice_sizes = {}}} : {}", operands, ToString(result.type.dims),
                     result.type.ToString()));
}

inline void RandomProgram::AddDynamicUpdateSlice() {
  const RandomValue a = Pick();
  TensorType update_type = a.type;
  std::string starts;
  for (int64_t& dim : update_type.dims) {
    starts += ", " + IndexParameter(dim).name;
    dim -= static_cast<int64_t>(Below(static_cast<size_t>(std::min<int64_t>(dim + 1, 4))));
  }
  const RandomValue update = Parameter(update_type);
  RandomValue result = a;
  result.magnitude = std::max(a.magnitude, update.magnitude);
  result.fraction_bits = std::max(a.fraction_bits, update.fraction_bits);
  Add(result, Format("dynamic_update_slice({}, {}{}) : {}", a.name, update.name, starts, a.type.ToString()));
}

// Whole rows by number.
inline void RandomProgram::AddGather() {
  const RandomValue a = PickWhere([](const RandomValue& v) { return v.type.rank() > 0 && v.type.dims[0] > 0; });
  if (a.name.empty()) return;
  const int64_t count = static_cast<int64_t>(1 + Below(9));
  const RandomValue indices = Parameter({DType::kS32, {count, 1}});
  RandomValue result = a;
  result.type.dims[0] = count;
  if (result.type.num_elements() > kMaxElements) return;
  Dims sizes = a.type.dims, offsets;
  sizes[0] = 1;
  for (int64_t d = 1; d < a.type.rank(); ++d) offsets.push_back(d);
  Add(result, Format("gather({}, {}) {{offset_dims = {}, collapsed_slice_dims = [0], operand_batching_dims = [], "
                     "start_indices_batching_dims = [], start_index_map = [0], index_vector_dim = 1, slice_sizes = {}, "
                     "indices_are_sorted = 0}} : {}",
                     a.name, indices.name, ToString(offsets), ToString(sizes), result.type.ToString()));
}

inline void RandomProgram::AddOp() {
  using Maker = void (RandomProgram::*)();
  static constexpr Maker kMakers[] = {
      &RandomProgram::AddUnary,        &RandomProgram::AddUnary,     &RandomProgram::AddBinary,
      &RandomProgram::AddBinary,       &RandomProgram::AddBinary,    &RandomProgram::AddDivide,
      &RandomProgram::AddSelect,       &RandomProgram::AddCompare,   &RandomProgram::AddConvert,
      &RandomProgram::AddConvert,      &RandomProgram::AddBroadcast, &RandomProgram::AddBroadcast,
      &RandomProgram::AddTranspose,    &RandomProgram::AddTranspose, &RandomProgram::AddReshape,
      &RandomProgram::AddReshape,      &RandomProgram::AddReverse,   &RandomProgram::AddSlice,
      &RandomProgram::AddSlice,        &RandomProgram::AddPad,       &RandomProgram::AddConcatenate,
      &RandomProgram::AddConcatenate,  &RandomProgram::AddGather,    &RandomProgram::AddDynamicSlice,
      &RandomProgram::AddReduce,       &RandomProgram::AddReduce,    &RandomProgram::AddDynamicUpdateSlice,
      &RandomProgram::AddReduceWindow, &RandomProgram::AddScan,      &RandomProgram::AddSort,
      &RandomProgram::AddDot,          &RandomProgram::AddDot,       &RandomProgram::AddWhile,
  };
  (this->*kMakers[Below(std::size(kMakers))])();
}

// Along the last dimension, which a group of rows then holds together.
inline void RandomProgram::AddSoftmax(const RandomValue& a) {
  const std::string type = a.type.ToString();
  RandomValue small = a;
  small.magnitude = 1;
  small.error += 64 * UnitRoundoff(DType::kF32);
  small = Add(small, Format("tanh({}) : {}", a.name, type));
  RandomValue powers = small;
  powers.magnitude = std::exp(1.0);
  powers.error = 3 * small.error + 64 * UnitRoundoff(DType::kF32);
  powers = Add(powers, Format("exponential({}) : {}", small.name, type));
  const double count = static_cast<double>(a.type.dims.back());
  RandomValue sum = powers;
  sum.type.dims.pop_back();
  sum.magnitude *= count;
  sum.error *= count;
  AddRoundingOfSum(sum, count, 0);
  const RandomValue zero = Constant({a.type.dtype, {}}, 0);
  sum = Add(sum, Format("reduce({}, {}) {{dimensions = [{}]}} : {}", powers.name, zero.name, a.type.rank() - 1,
                        sum.type.ToString()) +
                     Combiner("add", a.type.dtype));
  RandomValue wide = sum;
  wide.type = a.type;
  Dims kept(a.type.dims.size() - 1);
  for (size_t d = 0; d < kept.size(); ++d) kept[d] = static_cast<int64_t>(d);
  wide = Add(wide, Format("broadcast_in_dim({}) {{broadcast_dimensions = {}}} : {}", sum.name, ToString(kept), type));
  values_.resize(values_.size() - 2);
  // A sum is at least count / e, a power at most e.
  const double least = count / std::exp(1.0);
  RandomValue share = powers;
  share.magnitude = std::min(1.0, powers.magnitude / least);
  share.error = powers.error / least + share.magnitude * wide.error / least;
  Add(share, Format("divide({}, {}) : {}", powers.name, wide.name, type));
}

inline void RandomProgram::Begin(RandomTheme theme) {
  const DType real = OneOf({DType::kF32, DType::kF16, DType::kBF16});
  switch (theme) {
    case RandomTheme::kSmall:
      for (size_t i = 0; i < 2; ++i) Parameter({AnyType(), SmallDims(1 + Below(4))});
      return;
    case RandomTheme::kRows: {
      const int64_t length = OneOf<int64_t>({600, 1024, 1023, 1536, 9001});
      const RandomValue rows =
          Parameter({real == DType::kF16 ? DType::kF32 : real, {1 + static_cast<int64_t>(Below(4)), length}});
      Chance(70) ? AddSoftmax(rows) : ReduceAlong(rows, {1});
      return;
    }
    case RandomTheme::kProduct:
      return BeginWithProduct(real);
    case RandomTheme::kTranspose:
      return BeginWithTranspose();
    case RandomTheme::kLongSort:
      return BeginWithLongSort();
  }
}

inline void RandomProgram::BeginWithProduct(DType real) {
  const int64_t m = OneOf<int64_t>({40, 64, 96, 130}), n = OneOf<int64_t>({40, 64, 77, 128});
  const int64_t k = OneOf<int64_t>({40, 64, 66, 128});
  const bool is_swapped = Chance(50);
  const RandomValue a = Parameter({real, {m, k}});
  const RandomValue b = Parameter({real, is_swapped ? Dims{n, k} : Dims{k, n}});
  const std::string attributes = Format(
      "lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], "
      "rhs_contracting_dimensions = [{}]",
      is_swapped ? 1 : 0);
  AddProduct(a, b, {attributes, {m, n}, k});
}

inline void RandomProgram::BeginWithTranspose() {
  const int64_t m = OneOf<int64_t>({128, 129, 150}), n = OneOf<int64_t>({128, 130, 133});
  const RandomValue a = Parameter({AnyType(), {m, n}});
  const TensorType type{a.type.dtype, {n, m}};
  RandomValue turned = a;
  turned.type = type;
  Add(turned, Format("transpose({}) {{permutation = [1, 0]}} : {}", a.name, type.ToString()));
}

// Longer than any other value: only its beginning goes on.
inline void RandomProgram::BeginWithLongSort() {
  const RandomValue a = Parameter({OneOf({DType::kS8, DType::kF16, DType::kU16}), {kLongRow}});
  SortAlong(a, 0);
  RandomValue part = values_.back();
  part.type.dims = {2 + static_cast<int64_t>(Below(1000))};
  Add(part, Format("slice({}) {{start_indices = [0], limit_indices = {}, strides = [1]}} : {}", values_.back().name,
                   ToString(part.type.dims), part.type.ToString()));
}

// Everything that nothing else reads is a result.
inline void RandomProgram::Finish() {
  std::string names, types;
  for (const RandomValue& value : values_) {
    if (value.is_used && !Chance(10)) continue;
    names += (names.empty() ? "" : ", ") + value.name;
    results_.push_back(value);
  }
  text_ = Format("module @random\nfunc public @main({}) {{\n{}  return({})\n}}\n", parameters_, body_, names);
}

}  // namespace dragoman::compiler
