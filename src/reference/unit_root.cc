// SPDX-License-Identifier: Apache-2.0
#include "reference/unit_root.h"

#include <numbers>

#include "reference/elementary.h"

namespace dragoman::reference {

std::complex<double> UnitRoot(int64_t k, int64_t n, int sign) {
  k %= n;
  // Within an eighth of a turn the angle is most exact; the rest is symmetry.
  const int64_t eighths = 8 * k / n;
  const int64_t quarter_turns = (eighths + 1) / 2 % 4;
  const double rest = static_cast<double>(4 * k - (eighths + 1) / 2 * n) / static_cast<double>(4 * n);
  const double angle = 2 * std::numbers::pi * rest;
  const double c = Cosine(angle);
  const double s = Sine(angle);
  const double cosines[] = {c, -s, -c, s};
  const double sines[] = {s, c, -s, -c};
  return {cosines[quarter_turns], sign * sines[quarter_turns]};
}

}  // namespace dragoman::reference
