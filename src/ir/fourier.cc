// SPDX-License-Identifier: Apache-2.0
#include "ir/fourier.h"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace dragoman::ir {
namespace {

constexpr int kPrimes[] = {2, 3, 5, 7, 11, 13};

class RadixSearch {
 public:
  explicit RadixSearch(int most) : most_(most) {}

  std::vector<int> Run(int64_t length) {
    Search(length, std::max(most_, kPrimes[5]));
    return best_;
  }

 private:
  static int Sum(const std::vector<int>& list) { return std::accumulate(list.begin(), list.end(), 0); }
  // Primes may be more than an invocation should hold: they cannot be divided.
  bool Fits(int radix) const {
    return radix <= most_ || std::find(std::begin(kPrimes), std::end(kPrimes), radix) != std::end(kPrimes);
  }

  // From large to small.
  void Search(int64_t rest, int largest) {
    if (rest == 1) {
      if (best_.empty() || chosen_.size() < best_.size() || Sum(chosen_) < Sum(best_)) best_ = chosen_;
      return;
    }
    if (!best_.empty() && chosen_.size() == best_.size()) return;
    for (int radix = largest; radix > 1; --radix) {
      if (rest % radix != 0 || !Fits(radix)) continue;
      chosen_.push_back(radix);
      Search(rest / radix, radix);
      chosen_.pop_back();
    }
  }

  const int most_;
  std::vector<int> chosen_;
  std::vector<int> best_;
};

}  // namespace

bool HasFourierRadices(int64_t length) {
  if (length < 2) return false;
  for (const int prime : kPrimes) {
    while (length % prime == 0) length /= prime;
  }
  return length == 1;
}

std::vector<int> FourierRadices(int64_t length, int most_held) {
  if (!HasFourierRadices(length)) return {};
  return RadixSearch(most_held).Run(length);
}

}  // namespace dragoman::ir
