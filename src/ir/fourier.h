// SPDX-License-Identifier: Apache-2.0
// The stages of a Fourier transform along a line, which the op `fourier` has its table for. A stage of radix r makes
// small transforms of r elements of which `done`, the product of the radices before, are transformed already. Element j
// of the one that is number k of those takes the twist w^(j k), w = exp(sign 2 pi i / (done r)).
#pragma once

#include <cstdint>
#include <vector>

#include "types/dtype.h"

namespace dragoman::ir {

// As in the encoding of fft_type.
enum class FftType : int64_t { kFft = 0, kIfft = 1, kRfft = 2, kIrfft = 3 };
constexpr int SignOf(FftType type) { return type == FftType::kIfft || type == FftType::kIrfft ? 1 : -1; }
// Elements of a line of `length` that an operand, a result has.
constexpr int64_t NumRead(FftType type, int64_t length) { return type == FftType::kIrfft ? length / 2 + 1 : length; }
constexpr int64_t NumKept(FftType type, int64_t length) { return type == FftType::kRfft ? length / 2 + 1 : length; }

// Complex numbers that an invocation may hold: twice as many 32-bit registers, or four times; and more code the more.
constexpr int MostHeldByTransform(DType real, bool unrolling_is_costly) {
  if (unrolling_is_costly) return 4;
  return real == DType::kF64 ? 8 : 16;
}
// Whether a line has radices: no prime factor is above 13.
bool HasFourierRadices(int64_t length);
// As few as can be, then as even as can be; empty when there are none. Their product is the length.
std::vector<int> FourierRadices(int64_t length, int most_held);

// Where the twist of element j >= 1 of small transform k < done is in the table; of all stages length - 1.
constexpr int64_t TwistAt(int64_t done, int64_t j, int64_t k) { return done - 1 + (j - 1) * done + k; }
constexpr int64_t NumTwists(int64_t length) { return length - 1; }
constexpr int64_t LengthOfTwists(int64_t num_twists) { return num_twists + 1; }

}  // namespace dragoman::ir
