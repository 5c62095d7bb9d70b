// SPDX-License-Identifier: Apache-2.0
// Ops whose result elements are their operand's, elsewhere.
#include <algorithm>
#include <cstring>

#include "reference/op_functions.h"
#include "reference/tensor.h"

namespace dragoman::reference {
namespace {

using ir::AttrKey;

std::vector<Literal> One(Literal literal) {
  std::vector<Literal> results;
  results.push_back(std::move(literal));
  return results;
}

// A splat moved about is the same splat of the new type.
bool IsMovedSplat(const Literal& operand, const TensorType& type) {
  return operand.bytes().size() == static_cast<size_t>(SizeBytes(type.dtype)) && type.num_elements() > 0;
}

// The result element at `index` is the operand's at linear index source(index).
template <typename Source>
Literal Move(const Literal& operand, const TensorType& type, Source source) {
  if (IsMovedSplat(operand, type)) return Literal(type, operand.bytes());
  const size_t size = SizeBytes(type.dtype);
  TensorWriter writer(type);
  ForEachIndex(type.dims, [&](const Dims& index, int64_t linear) {
    std::memcpy(writer.element(linear), operand.element(source(index)), size);
  });
  return std::move(writer).Finish();
}

int64_t NarrowBits(DType dtype) { return Info(dtype).bits; }

// Elements of fewer bits than a byte come one a byte, but a bitcast packs them.
std::vector<std::byte> Packed(const Literal& literal) {
  const int64_t bits = NarrowBits(literal.type().dtype);
  std::vector<std::byte> dense = literal.Dense();
  if (bits >= 8 || IsPred(literal.type().dtype)) return dense;
  const int64_t per_byte = 8 / bits;
  std::vector<std::byte> packed((dense.size() + per_byte - 1) / per_byte);
  const auto mask = static_cast<std::byte>((1 << bits) - 1);
  for (size_t i = 0; i < dense.size(); ++i) packed[i / per_byte] |= (dense[i] & mask) << (i % per_byte * bits);
  return packed;
}

std::vector<std::byte> Unpacked(const std::vector<std::byte>& packed, const TensorType& type) {
  const int64_t bits = NarrowBits(type.dtype);
  if (bits >= 8 || IsPred(type.dtype)) return packed;
  const int64_t per_byte = 8 / bits;
  std::vector<std::byte> dense(type.num_elements());
  const auto mask = static_cast<std::byte>((1 << bits) - 1);
  for (size_t i = 0; i < dense.size(); ++i) dense[i] = packed[i / per_byte] >> (i % per_byte * bits) & mask;
  return dense;
}

}  // namespace

Results EvaluateConstant(const OpCall& call) { return One(call.op.attributes.GetLiteral(AttrKey::kValue)); }

Results EvaluateIota(const OpCall& call) {
  const TensorType& type = call.op.type();
  const int64_t dimension = call.op.attributes.Int(AttrKey::kIotaDimension);
  const bool is_whole = IsInteger(type.dtype) || IsPred(type.dtype);
  TensorWriter writer(type);
  ForEachIndex(type.dims, [&](const Dims& index, int64_t linear) {
    const int64_t value = index[dimension];
    writer.Set(linear, is_whole ? Number::Of(value) : Number::Of(static_cast<double>(value)));
  });
  return One(std::move(writer).Finish());
}

// Between element sizes the last dimension holds the parts, least significant first, which is how they lie in memory.
Results EvaluateBitcastConvert(const OpCall& call) {
  const Literal& operand = call.operands[0];
  const TensorType& type = call.op.type();
  if (SizeBytes(type.dtype) == SizeBytes(operand.type().dtype) &&
      NarrowBits(type.dtype) == NarrowBits(operand.type().dtype)) {
    return One(Literal(type, operand.bytes()));
  }
  return One(Literal(type, Unpacked(Packed(operand), type)));
}

Results EvaluateBroadcastInDim(const OpCall& call) {
  const Literal& operand = call.operands[0];
  const auto& dimensions = call.op.attributes.Ints(AttrKey::kBroadcastDimensions);
  const Dims strides = RowMajorStrides(operand.type().dims);
  return One(Move(operand, call.op.type(), [&](const Dims& index) {
    int64_t source = 0;
    for (size_t d = 0; d < dimensions.size(); ++d) {
      if (operand.type().dims[d] != 1) source += index[dimensions[d]] * strides[d];
    }
    return source;
  }));
}

Results EvaluateReshape(const OpCall& call) { return One(call.operands[0].Reshaped(call.op.type().dims)); }

Results EvaluateTranspose(const OpCall& call) {
  const auto& permutation = call.op.attributes.Ints(AttrKey::kPermutation);
  const Dims strides = RowMajorStrides(call.operands[0].type().dims);
  return One(Move(call.operands[0], call.op.type(), [&](const Dims& index) {
    int64_t source = 0;
    for (size_t d = 0; d < index.size(); ++d) source += index[d] * strides[permutation[d]];
    return source;
  }));
}

Results EvaluateReverse(const OpCall& call) {
  const Dims& dims = call.op.type().dims;
  const Dims strides = RowMajorStrides(dims);
  const auto& reversed = call.op.attributes.Ints(AttrKey::kDimensions);
  return One(Move(call.operands[0], call.op.type(), [&](const Dims& index) {
    Dims source = index;
    for (const int64_t d : reversed) source[d] = dims[d] - 1 - index[d];
    return LinearIndex(source, strides);
  }));
}

Results EvaluateConcatenate(const OpCall& call) {
  const TensorType& type = call.op.type();
  const int64_t dimension = call.op.attributes.Int(AttrKey::kDimension);
  const Dims strides = RowMajorStrides(type.dims);
  TensorWriter writer(type);
  const size_t size = SizeBytes(type.dtype);
  int64_t offset = 0;
  for (const Literal& operand : call.operands) {
    ForEachIndex(operand.type().dims, [&](const Dims& index, int64_t linear) {
      const int64_t target = LinearIndex(index, strides) + offset * strides[dimension];
      std::memcpy(writer.element(target), operand.element(linear), size);
    });
    offset += operand.type().dims[dimension];
  }
  return One(std::move(writer).Finish());
}

Results EvaluateSlice(const OpCall& call) {
  const auto& starts = call.op.attributes.Ints(AttrKey::kStartIndices);
  const auto& steps = call.op.attributes.Ints(AttrKey::kStrides);
  const Dims strides = RowMajorStrides(call.operands[0].type().dims);
  return One(Move(call.operands[0], call.op.type(), [&](const Dims& index) {
    int64_t source = 0;
    for (size_t d = 0; d < index.size(); ++d) source += (starts[d] + index[d] * steps[d]) * strides[d];
    return source;
  }));
}

Results EvaluatePad(const OpCall& call) {
  const TensorType& type = call.op.type();
  const auto& low = call.op.attributes.Ints(AttrKey::kEdgePaddingLow);
  const auto& interior = call.op.attributes.Ints(AttrKey::kInteriorPadding);
  const Dims strides = RowMajorStrides(type.dims);
  const size_t size = SizeBytes(type.dtype);
  TensorWriter writer(type);
  for (int64_t i = 0; i < type.num_elements(); ++i) {
    std::memcpy(writer.element(i), call.operands[1].element(0), size);
  }
  ForEachIndex(call.operands[0].type().dims, [&](const Dims& index, int64_t linear) {
    Dims target = index;
    for (size_t d = 0; d < index.size(); ++d) target[d] = low[d] + index[d] * (interior[d] + 1);
    // Negative padding cuts elements off.
    if (!IsInBounds(target, type.dims)) return;
    std::memcpy(writer.element(LinearIndex(target, strides)), call.operands[0].element(linear), size);
  });
  return One(std::move(writer).Finish());
}

}  // namespace dragoman::reference
