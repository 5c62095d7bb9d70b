// SPDX-License-Identifier: Apache-2.0
// For tests: dot_general and convolution as the plain loops of their definition, on numbers of any element type.
#pragma once

#include <algorithm>
#include <complex>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "ir/ir.h"
#include "types/small_float.h"

namespace dragoman::kernel {

using Number = std::complex<double>;
using Numbers = std::vector<Number>;

inline Number DecodeElement(DType dtype, const std::byte* bytes) {
  const auto as = [&](auto value) {
    std::memcpy(&value, bytes, sizeof(value));
    return value;
  };
  if (dtype == DType::kC64) return {as(std::complex<float>())};
  if (dtype == DType::kC128) return as(std::complex<double>());
  if (dtype == DType::kF32) return as(float());
  if (dtype == DType::kF64) return as(double());
  if (IsFloat(dtype)) {
    return SizeBytes(dtype) == 1 ? DecodeSmallFloat(dtype, as(uint8_t())) : DecodeSmallFloat(dtype, as(uint16_t()));
  }
  const bool is_signed = IsSigned(dtype);
  if (SizeBytes(dtype) == 1) return is_signed ? as(int8_t()) : as(uint8_t());
  if (SizeBytes(dtype) == 2) return is_signed ? as(int16_t()) : as(uint16_t());
  if (SizeBytes(dtype) == 4) return is_signed ? double(as(int32_t())) : double(as(uint32_t()));
  return static_cast<double>(as(int64_t()));
}

inline void EncodeElement(DType dtype, Number value, std::byte* bytes) {
  const auto put = [&](auto typed) { std::memcpy(bytes, &typed, sizeof(typed)); };
  if (dtype == DType::kC64) return put(std::complex<float>(value));
  if (dtype == DType::kC128) return put(value);
  if (dtype == DType::kF32) return put(static_cast<float>(value.real()));
  if (dtype == DType::kF64) return put(value.real());
  if (IsFloat(dtype)) {
    const uint32_t bits = EncodeSmallFloat(dtype, value.real());
    return SizeBytes(dtype) == 1 ? put(static_cast<uint8_t>(bits)) : put(static_cast<uint16_t>(bits));
  }
  const int64_t integer = static_cast<int64_t>(value.real());
  if (SizeBytes(dtype) == 1) return put(static_cast<uint8_t>(integer));
  if (SizeBytes(dtype) == 2) return put(static_cast<uint16_t>(integer));
  if (SizeBytes(dtype) == 4) return put(static_cast<uint32_t>(integer));
  put(integer);
}

// Numbers that every element type holds exactly, small enough that their sums of products stay exact in most.
inline Numbers RandomNumbers(const TensorType& type, uint32_t seed) {
  std::mt19937 random(seed);
  Numbers numbers(type.num_elements());
  for (Number& number : numbers) {
    const int draw = static_cast<int>(random() % 7);
    if (IsPred(type.dtype)) {
      number = draw % 4 == 0;
    } else if (IsUnsigned(type.dtype)) {
      number = type.dtype == DType::kU2 ? draw % 4 : draw;
    } else if (IsComplex(type.dtype)) {
      number = {draw - 3.0, static_cast<int>(random() % 5) - 2.0};
    } else {
      number = type.dtype == DType::kS2 ? draw % 4 - 2 : draw - 3;
    }
  }
  return numbers;
}

struct DotDims {
  std::vector<int64_t> lhs_batch;
  std::vector<int64_t> rhs_batch;
  std::vector<int64_t> lhs_contracting;
  std::vector<int64_t> rhs_contracting;
};

inline ir::Op* AppendDot(ir::Block& block, const std::vector<ir::Value*>& operands, const DotDims& dims, DType result) {
  using ir::AttrKey;
  const Dims& lhs = operands[0]->type.dims;
  const Dims& rhs = operands[1]->type.dims;
  Dims out;
  for (const int64_t d : dims.lhs_batch) out.push_back(lhs[d]);
  const auto add_free = [&](const Dims& all, const std::vector<int64_t>& batch,
                            const std::vector<int64_t>& contracted) {
    for (int64_t d = 0; d < static_cast<int64_t>(all.size()); ++d) {
      if (std::count(batch.begin(), batch.end(), d) + std::count(contracted.begin(), contracted.end(), d) == 0) {
        out.push_back(all[d]);
      }
    }
  };
  add_free(lhs, dims.lhs_batch, dims.lhs_contracting);
  add_free(rhs, dims.rhs_batch, dims.rhs_contracting);
  ir::Attributes attributes;
  attributes.Set(AttrKey::kLhsBatchingDimensions, dims.lhs_batch);
  attributes.Set(AttrKey::kRhsBatchingDimensions, dims.rhs_batch);
  attributes.Set(AttrKey::kLhsContractingDimensions, dims.lhs_contracting);
  attributes.Set(AttrKey::kRhsContractingDimensions, dims.rhs_contracting);
  attributes.Set(AttrKey::kPrecision, int64_t{0});
  return block.Append(ir::OpCode::kDotGeneral, operands, {{result, out}}, attributes);
}

// Labels as StableHLO writes them: "b01f", "01io", "b01f".
struct ConvolutionDims {
  std::string lhs;
  std::string rhs;
  std::string out;
  std::vector<int64_t> strides;
  std::vector<int64_t> padding;  // low, high of each dimension
  std::vector<int64_t> lhs_dilation;
  std::vector<int64_t> rhs_dilation;
  std::vector<int64_t> reversal;
  int64_t feature_groups = 1;
  int64_t batch_groups = 1;
};

inline int64_t PlaceOf(const std::string& labels, char label) { return static_cast<int64_t>(labels.find(label)); }

inline std::vector<int64_t> SpatialPlaces(const std::string& labels) {
  std::vector<int64_t> places;
  for (size_t i = 0; i + 2 < labels.size(); ++i) places.push_back(PlaceOf(labels, static_cast<char>('0' + i)));
  return places;
}

inline Dims ConvolutionResult(const Dims& lhs, const Dims& rhs, const ConvolutionDims& dims) {
  Dims out(dims.out.size());
  out[PlaceOf(dims.out, 'b')] = lhs[PlaceOf(dims.lhs, 'b')] / dims.batch_groups;
  out[PlaceOf(dims.out, 'f')] = rhs[PlaceOf(dims.rhs, 'o')];
  for (size_t i = 0; i < out.size() - 2; ++i) {
    const auto dilated = [](int64_t extent, int64_t dilation) { return extent == 0 ? 0 : (extent - 1) * dilation + 1; };
    const int64_t input =
        dilated(lhs[SpatialPlaces(dims.lhs)[i]], dims.lhs_dilation[i]) + dims.padding[2 * i] + dims.padding[2 * i + 1];
    const int64_t window = dilated(rhs[SpatialPlaces(dims.rhs)[i]], dims.rhs_dilation[i]);
    out[SpatialPlaces(dims.out)[i]] = input < window ? 0 : (input - window) / dims.strides[i] + 1;
  }
  return out;
}

inline ir::Op* AppendConvolution(ir::Block& block, const std::vector<ir::Value*>& operands, ConvolutionDims dims,
                                 DType result) {
  using ir::AttrKey;
  const size_t spatial = dims.lhs.size() - 2;
  dims.strides.resize(spatial, 1);
  dims.padding.resize(2 * spatial, 0);
  dims.lhs_dilation.resize(spatial, 1);
  dims.rhs_dilation.resize(spatial, 1);
  dims.reversal.resize(spatial, 0);
  const Dims out = ConvolutionResult(operands[0]->type.dims, operands[1]->type.dims, dims);
  ir::Attributes a;
  a.Set(AttrKey::kWindowStrides, dims.strides);
  a.Set(AttrKey::kPadding, dims.padding);
  a.Set(AttrKey::kLhsDilation, dims.lhs_dilation);
  a.Set(AttrKey::kRhsDilation, dims.rhs_dilation);
  a.Set(AttrKey::kWindowReversal, dims.reversal);
  a.Set(AttrKey::kInputBatchDimension, PlaceOf(dims.lhs, 'b'));
  a.Set(AttrKey::kInputFeatureDimension, PlaceOf(dims.lhs, 'f'));
  a.Set(AttrKey::kInputSpatialDimensions, SpatialPlaces(dims.lhs));
  a.Set(AttrKey::kKernelInputFeatureDimension, PlaceOf(dims.rhs, 'i'));
  a.Set(AttrKey::kKernelOutputFeatureDimension, PlaceOf(dims.rhs, 'o'));
  a.Set(AttrKey::kKernelSpatialDimensions, SpatialPlaces(dims.rhs));
  a.Set(AttrKey::kOutputBatchDimension, PlaceOf(dims.out, 'b'));
  a.Set(AttrKey::kOutputFeatureDimension, PlaceOf(dims.out, 'f'));
  a.Set(AttrKey::kOutputSpatialDimensions, SpatialPlaces(dims.out));
  a.Set(AttrKey::kFeatureGroupCount, dims.feature_groups);
  a.Set(AttrKey::kBatchGroupCount, dims.batch_groups);
  a.Set(AttrKey::kPrecision, int64_t{0});
  return block.Append(ir::OpCode::kConvolution, operands, {{result, out}}, a);
}

inline int64_t LinearAt(const Dims& dims, const Dims& index) {
  int64_t linear = 0;
  for (size_t i = 0; i < dims.size(); ++i) linear = linear * dims[i] + index[i];
  return linear;
}

inline void ForEachIndex(const Dims& dims, const std::function<void(const Dims&)>& visit) {
  Dims index(dims.size(), 0);
  for (int64_t left = NumElements(dims); left > 0; --left) {
    visit(index);
    for (size_t d = dims.size(); d-- > 0;) {
      if (++index[d] < dims[d]) break;
      index[d] = 0;
    }
  }
}

inline Numbers ReferenceDot(const ir::Op& op, const Numbers& lhs, const Numbers& rhs) {
  using ir::AttrKey;
  const auto& lhs_batch = op.attributes.Ints(AttrKey::kLhsBatchingDimensions);
  const auto& rhs_batch = op.attributes.Ints(AttrKey::kRhsBatchingDimensions);
  const auto& lhs_contracting = op.attributes.Ints(AttrKey::kLhsContractingDimensions);
  const auto& rhs_contracting = op.attributes.Ints(AttrKey::kRhsContractingDimensions);
  const Dims& lhs_dims = op.operands[0]->type.dims;
  const Dims& rhs_dims = op.operands[1]->type.dims;
  const auto free_dims = [](const Dims& dims, const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
    std::vector<int64_t> result;
    for (int64_t d = 0; d < static_cast<int64_t>(dims.size()); ++d) {
      if (std::count(a.begin(), a.end(), d) + std::count(b.begin(), b.end(), d) == 0) result.push_back(d);
    }
    return result;
  };
  const auto lhs_free = free_dims(lhs_dims, lhs_batch, lhs_contracting);
  const auto rhs_free = free_dims(rhs_dims, rhs_batch, rhs_contracting);
  Dims contracted;
  for (const int64_t d : lhs_contracting) contracted.push_back(lhs_dims[d]);
  Numbers out;
  ForEachIndex(op.type().dims, [&](const Dims& index) {
    Dims lhs_index(lhs_dims.size());
    Dims rhs_index(rhs_dims.size());
    size_t at = 0;
    for (size_t i = 0; i < lhs_batch.size(); ++i, ++at) lhs_index[lhs_batch[i]] = rhs_index[rhs_batch[i]] = index[at];
    for (const int64_t d : lhs_free) lhs_index[d] = index[at++];
    for (const int64_t d : rhs_free) rhs_index[d] = index[at++];
    Number sum = 0;
    ForEachIndex(contracted, [&](const Dims& k) {
      for (size_t i = 0; i < k.size(); ++i) lhs_index[lhs_contracting[i]] = rhs_index[rhs_contracting[i]] = k[i];
      sum += lhs[LinearAt(lhs_dims, lhs_index)] * rhs[LinearAt(rhs_dims, rhs_index)];
    });
    out.push_back(sum);
  });
  return out;
}

// Where a convolution's window with its first element at `out` reads its input at `at`, in one spatial dimension: -1
// between the elements of a dilated input.
inline int64_t InputPosition(const ir::Op& op, size_t i, int64_t out, int64_t at) {
  using ir::AttrKey;
  const auto value = [&](AttrKey key) { return op.attributes.Ints(key)[i]; };
  const int64_t padding = op.attributes.Ints(AttrKey::kPadding)[2 * i];
  const int64_t position = out * value(AttrKey::kWindowStrides) + at * value(AttrKey::kRhsDilation) - padding;
  const int64_t dilation = value(AttrKey::kLhsDilation);
  return position < 0 || position % dilation != 0 ? -1 : position / dilation;
}

// The definition: output feature o belongs to feature group o / (O / feature_group_count), whose input features it
// sees, and to batch group o / (O / batch_group_count), whose images it sees.
inline Numbers ReferenceConvolution(const ir::Op& op, const Numbers& lhs, const Numbers& rhs) {
  using ir::AttrKey;
  const auto ints = [&](AttrKey key) -> const std::vector<int64_t>& { return op.attributes.Ints(key); };
  const auto dim = [&](AttrKey key) { return op.attributes.Int(key); };
  const Dims& lhs_dims = op.operands[0]->type.dims;
  const Dims& rhs_dims = op.operands[1]->type.dims;
  const auto& spatial = ints(AttrKey::kInputSpatialDimensions);
  const int64_t inputs = rhs_dims[dim(AttrKey::kKernelInputFeatureDimension)];
  const int64_t outputs = rhs_dims[dim(AttrKey::kKernelOutputFeatureDimension)];
  const int64_t images = lhs_dims[dim(AttrKey::kInputBatchDimension)] / dim(AttrKey::kBatchGroupCount);
  Dims window;
  for (size_t i = 0; i < spatial.size(); ++i) window.push_back(rhs_dims[ints(AttrKey::kKernelSpatialDimensions)[i]]);
  window.push_back(inputs);
  Numbers out;
  ForEachIndex(op.type().dims, [&](const Dims& index) {
    const int64_t feature = index[dim(AttrKey::kOutputFeatureDimension)];
    const int64_t feature_group = feature / (outputs / dim(AttrKey::kFeatureGroupCount));
    const int64_t batch_group = feature / (outputs / dim(AttrKey::kBatchGroupCount));
    Number sum = 0;
    ForEachIndex(window, [&](const Dims& at) {
      Dims lhs_index(lhs_dims.size());
      Dims rhs_index(rhs_dims.size());
      lhs_index[dim(AttrKey::kInputBatchDimension)] = batch_group * images + index[dim(AttrKey::kOutputBatchDimension)];
      lhs_index[dim(AttrKey::kInputFeatureDimension)] = feature_group * inputs + at.back();
      rhs_index[dim(AttrKey::kKernelInputFeatureDimension)] = at.back();
      rhs_index[dim(AttrKey::kKernelOutputFeatureDimension)] = feature;
      for (size_t i = 0; i < spatial.size(); ++i) {
        const int64_t position = InputPosition(op, i, index[ints(AttrKey::kOutputSpatialDimensions)[i]], at[i]);
        if (position < 0 || position >= lhs_dims[spatial[i]]) return;
        lhs_index[spatial[i]] = position;
        const bool reversed = ints(AttrKey::kWindowReversal)[i] != 0;
        rhs_index[ints(AttrKey::kKernelSpatialDimensions)[i]] = reversed ? window[i] - 1 - at[i] : at[i];
      }
      sum += lhs[LinearAt(lhs_dims, lhs_index)] * rhs[LinearAt(rhs_dims, rhs_index)];
    });
    out.push_back(sum);
  });
  return out;
}

}  // namespace dragoman::kernel
