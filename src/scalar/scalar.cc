// SPDX-License-Identifier: Apache-2.0
#include "scalar/scalar.h"

namespace dragoman::kernel {

std::vector<V> FlattenScalars(std::span<const Scalar> values) {
  std::vector<V> parts;
  for (const Scalar& value : values) {
    parts.push_back(value.re);
    if (value.im.id != kNoValue) parts.push_back(value.im);
  }
  return parts;
}

std::vector<Scalar> UnflattenScalars(std::span<const V> parts, std::span<const DType> dtypes) {
  std::vector<Scalar> values;
  size_t next = 0;
  // The types repeat for each lane.
  for (size_t i = 0; next < parts.size(); ++i) {
    const DType dtype = dtypes[i % dtypes.size()];
    Scalar value{parts[next++], {}};
    if (IsComplex(dtype)) value.im = parts[next++];
    values.push_back(value);
  }
  return values;
}

}  // namespace dragoman::kernel
