// SPDX-License-Identifier: Apache-2.0
#include "passes/fourier_tables.h"

#include <algorithm>

namespace dragoman::passes {

namespace {

// By halves, with the roots of unity of the whole: those of a part are every `stride`-th.
using Values = std::vector<std::complex<double>>;
Values TransformPart(Values values, const Values& roots, size_t stride) {
  const size_t n = values.size();
  if (n <= 1) return values;
  Values even(n / 2), odd(n / 2);
  for (size_t i = 0; i < n; ++i) (i % 2 == 0 ? even : odd)[i / 2] = values[i];
  even = TransformPart(std::move(even), roots, 2 * stride);
  odd = TransformPart(std::move(odd), roots, 2 * stride);
  for (size_t k = 0; k < n / 2; ++k) {
    const std::complex<double> turned = roots[k * stride] * odd[k];
    values[k] = even[k] + turned;
    values[k + n / 2] = even[k] - turned;
  }
  return values;
}

}  // namespace

std::vector<std::complex<double>> Transform(std::vector<std::complex<double>> values, int sign) {
  const auto n = static_cast<int64_t>(values.size());
  Values roots;
  for (int64_t k = 0; k < n / 2; ++k) roots.push_back(UnitRoot(k, n, sign));
  return TransformPart(std::move(values), roots, 1);
}

int64_t LargestDivisor(int64_t n, int64_t max) {
  for (int64_t divisor = std::min(max, n); divisor > 1; --divisor) {
    if (n % divisor == 0) return divisor;
  }
  return 1;
}

}  // namespace dragoman::passes
