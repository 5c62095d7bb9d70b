// SPDX-License-Identifier: Apache-2.0
#include "types/shape.h"

#include <algorithm>

#include "base/format.h"

namespace dragoman {

int64_t NumElements(const Dims& dims) {
  int64_t count = 1;
  for (const int64_t extent : dims) count *= extent;
  return count;
}

int64_t TensorType::num_elements() const { return NumElements(dims); }

Dims RowMajorStrides(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (int i = static_cast<int>(dims.size()) - 2; i >= 0; --i) strides[i] = strides[i + 1] * dims[i + 1];
  return strides;
}

std::string ToString(const Dims& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(dims[i]);
  return text + "]";
}

std::string TensorType::ToString() const {
  if (IsToken(dtype)) return "token";
  std::string text = "tensor<";
  for (const int64_t extent : dims) text += std::to_string(extent) + "x";
  return text + std::string(Name(dtype)) + ">";
}

bool Contains(const Dims& list, int64_t value) { return std::find(list.begin(), list.end(), value) != list.end(); }

}  // namespace dragoman
