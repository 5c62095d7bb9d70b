// SPDX-License-Identifier: Apache-2.0
#include "element/pieces.h"

namespace dragoman::kernel {

int64_t Pieces::count() const {
  int64_t count = 1;
  for (const PieceDigit& digit : digits) count *= digit.count;
  return count;
}

Pieces RunsOf(int64_t length, int64_t count) { return Simplified({{{length, count}}}); }

Pieces Simplified(Pieces pieces) {
  std::vector<PieceDigit> digits;
  for (const PieceDigit& digit : pieces.digits) {
    if (digit.count == 1) continue;
    if (!digits.empty() && digits.back().stride == digit.stride * digit.count) {
      digits.back() = {digit.stride, digits.back().count * digit.count};
    } else {
      digits.push_back(digit);
    }
  }
  return {std::move(digits)};
}

std::optional<Pieces> Coarsened(Pieces pieces, int64_t count) {
  if (count < 1 || pieces.count() % count != 0) return std::nullopt;
  int64_t times = pieces.count() / count;
  while (times > 1) {
    PieceDigit& last = pieces.digits.back();
    if (times % last.count == 0) {
      times /= last.count;
      pieces.digits.pop_back();
    } else if (last.count % times == 0) {
      last = {last.stride * times, last.count / times};
      times = 1;
    } else {
      return std::nullopt;
    }
  }
  return pieces;
}

}  // namespace dragoman::kernel
