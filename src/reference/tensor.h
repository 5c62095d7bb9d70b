// SPDX-License-Identifier: Apache-2.0
// Reading and writing the elements of literals as numbers, and walking over index spaces.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ir/attributes.h"
#include "reference/number.h"

namespace dragoman::reference {

using ir::Literal;

// The elements of a literal by linear index; of a splat or a single element they are all the same. Keeps a reference.
class TensorReader {
 public:
  explicit TensorReader(const Literal& literal)
      : load_(LoaderOf(literal.type().dtype)),
        data_(literal.bytes().data()),
        stride_bytes_(IsUniform(literal) ? 0 : SizeBytes(literal.type().dtype)) {}

  Number operator[](int64_t index) const { return load_(data_ + index * stride_bytes_); }
  bool is_uniform() const { return stride_bytes_ == 0; }

 private:
  static bool IsUniform(const Literal& literal) { return literal.is_splat() || literal.type().num_elements() == 1; }

  Loader load_;
  const std::byte* data_;
  int64_t stride_bytes_;
};

// A literal under construction: zeros at first.
class TensorWriter {
 public:
  explicit TensorWriter(TensorType type)
      : type_(std::move(type)),
        store_(StorerOf(type_.dtype)),
        size_bytes_(SizeBytes(type_.dtype)),
        bytes_(static_cast<size_t>(type_.size_bytes())) {}

  void Set(int64_t index, const Number& number) { store_(number, element(index)); }
  Number Get(int64_t index) const { return LoaderOf(type_.dtype)(bytes_.data() + index * size_bytes_); }
  std::byte* element(int64_t index) { return bytes_.data() + index * size_bytes_; }
  const TensorType& type() const { return type_; }
  Literal Finish() && { return Literal(std::move(type_), std::move(bytes_)); }

 private:
  TensorType type_;
  Storer store_;
  int64_t size_bytes_;
  std::vector<std::byte> bytes_;
};

// Moves `index` to the next in row-major order; false after the last.
inline bool NextIndex(const Dims& dims, Dims& index) {
  for (size_t d = dims.size(); d-- > 0;) {
    if (++index[d] < dims[d]) return true;
    index[d] = 0;
  }
  return false;
}

// Calls visit(index, linear index) for every index in row-major order.
template <typename Visit>
void ForEachIndex(const Dims& dims, Visit visit) {
  if (NumElements(dims) == 0) return;
  Dims index(dims.size(), 0);
  int64_t linear = 0;
  do {
    visit(static_cast<const Dims&>(index), linear++);
  } while (NextIndex(dims, index));
}

inline int64_t LinearIndex(const Dims& index, const Dims& strides) {
  int64_t linear = 0;
  for (size_t d = 0; d < index.size(); ++d) linear += index[d] * strides[d];
  return linear;
}

inline bool IsInBounds(const Dims& index, const Dims& dims) {
  for (size_t d = 0; d < dims.size(); ++d) {
    if (index[d] < 0 || index[d] >= dims[d]) return false;
  }
  return true;
}

Literal ScalarLiteral(DType dtype, const Number& number);

}  // namespace dragoman::reference
