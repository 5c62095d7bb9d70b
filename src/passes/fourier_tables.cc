// SPDX-License-Identifier: Apache-2.0
#include "passes/fourier_tables.h"

#include <algorithm>
#include <numbers>

#include "reference/elementary.h"

namespace dragoman::passes {

std::complex<double> UnitRoot(int64_t k, int64_t n, int sign) {
  k %= n;
  // Within an eighth of a turn the angle is most exact; the rest is symmetry.
  const int64_t eighths = 8 * k / n;
  const int64_t quarter_turns = (eighths + 1) / 2 % 4;
  const double rest = static_cast<double>(4 * k - (eighths + 1) / 2 * n) / static_cast<double>(4 * n);
  const double angle = 2 * std::numbers::pi * rest;
  const double c = reference::Cosine(angle);
  const double s = reference::Sine(angle);
  const double cosines[] = {c, -s, -c, s};
  const double sines[] = {s, c, -s, -c};
  return {cosines[quarter_turns], sign * sines[quarter_turns]};
}

std::vector<std::complex<double>> Transform(std::vector<std::complex<double>> values, int sign) {
  const size_t n = values.size();
  if (n <= 1) return values;
  std::vector<std::complex<double>> even, odd;
  for (size_t i = 0; i < n; ++i) (i % 2 == 0 ? even : odd).push_back(values[i]);
  even = Transform(std::move(even), sign);
  odd = Transform(std::move(odd), sign);
  for (size_t k = 0; k < n / 2; ++k) {
    const std::complex<double> turned = UnitRoot(static_cast<int64_t>(k), static_cast<int64_t>(n), sign) * odd[k];
    values[k] = even[k] + turned;
    values[k + n / 2] = even[k] - turned;
  }
  return values;
}

int64_t LargestDivisor(int64_t n, int64_t max) {
  for (int64_t divisor = std::min(max, n); divisor > 1; --divisor) {
    if (n % divisor == 0) return divisor;
  }
  return 1;
}

}  // namespace dragoman::passes
