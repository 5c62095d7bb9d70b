// SPDX-License-Identifier: Apache-2.0
// FloatMath's angles: x less the nearest multiple of pi/2, for x of any size.
#include <cmath>

#include "scalar/float_constants.h"
#include "scalar/float_math.h"
#include "types/two_over_pi.h"

namespace dragoman::kernel {
namespace {

constexpr double kTwoOverPi = 0.6366197723675814;

// How an angle of the type is reduced by integers: x = M 2^k, and of 2/pi only the bits from 2^(1-k) down matter, as
// many words of them as leave a full mantissa where the multiple of pi/2 is nearest to x (2^-30 of f32, 2^-61 of f64).
struct LargeAngle {
  int mantissa_words;
  int window_words;
  int turn_words;       // of the product's fraction that count
  int first_bit_bias;   // an exponent less this is where the window begins
  int first_word_bits;  // of the number of the word there
};
constexpr LargeAngle kLargeF32 = {1, 3, 2, 120, 3};
constexpr LargeAngle kLargeF64 = {2, 6, 4, 1045, 5};

}  // namespace

FloatMath::Angle FloatMath::ReduceAngle(V x) {
  const Nearest nearest = RoundToNearest(x, kTwoOverPi);
  V rest = x;
  for (const double part : k_.pio2) {
    if (type_ == KType::kF32) {
      rest = b_.Fma(nearest.n, Const(-part), rest);
      continue;
    }
    const V product = b_.FMul(nearest.n, Const(part));
    rest = b_.FSub(b_.FSub(rest, product), ProductError(nearest.n, Const(part), product));
  }
  const V quadrant = type_ == KType::kF64 ? b_.Convert(KOp::kTruncI, nearest.bits, KType::kI32) : nearest.bits;
  const V is_large = LessOrEqual(Const(k_.angle_limit), Abs(x));
  const std::vector<V> result = b_.IfValue(
      is_large,
      [&] {
        const Angle angle = ReduceLargeAngle(x);
        return std::vector<V>{angle.rest, angle.quadrant};
      },
      [&] {
        return std::vector<V>{rest, quadrant};
      });
  return {result[0], result[1]};
}

// `count` words of 2/pi from a bit on. The words move down by powers of two, as the number of the first one says.
std::vector<V> FloatMath::TwoOverPiFrom(V first_bit, int count, int first_word_bits) {
  const V zero = b_.I32(0);
  std::vector<V> words = {zero};
  for (const uint32_t word : kTwoOverPiWords) words.push_back(b_.I32(word));
  const V first_word = b_.Binary(KOp::kShrU, first_bit, b_.I32(5));
  for (int bit = first_word_bits - 1; bit >= 0; --bit) {
    const size_t distance = size_t{1} << bit;
    const V is_moved = b_.INe(b_.And(first_word, b_.I32(int64_t{1} << bit)), zero);
    std::vector<V> moved(static_cast<size_t>(count) + distance);
    for (size_t i = 0; i < moved.size(); ++i) {
      const V near = i < words.size() ? words[i] : zero;
      moved[i] = b_.Select(is_moved, i + distance < words.size() ? words[i + distance] : zero, near);
    }
    words = std::move(moved);
  }
  const V shift = b_.And(first_bit, b_.I32(31)), rest = b_.Xor(shift, b_.I32(31));
  std::vector<V> window(count);
  for (int i = 0; i < count; ++i) {
    const V below = b_.Binary(KOp::kShrU, b_.Binary(KOp::kShrU, words[i + 1], b_.I32(1)), rest);
    window[i] = b_.Or(b_.Binary(KOp::kShl, words[i], shift), below);
  }
  return window;
}

// factor * number, the highest word first in all of them and as long as `number`: what is above is dropped.
std::vector<V> FloatMath::MultiplyWords(std::span<const V> factor, std::span<const V> number) {
  const auto carry_of = [&](V sum, V part) { return b_.Select(b_.ULt(sum, part), b_.I32(1), b_.I32(0)); };
  std::vector<V> product(number.size(), b_.I32(0));
  for (size_t j = 0; j < factor.size(); ++j) {
    const V digit = factor[factor.size() - 1 - j];
    V carry = b_.I32(0);
    for (size_t i = number.size(); i-- > j;) {
      const V low = b_.IMul(digit, number[i]);
      const V sum = b_.IAdd(product[i - j], low);
      const V with_carry = b_.IAdd(sum, carry);
      const V carries = b_.IAdd(carry_of(sum, low), carry_of(with_carry, carry));
      carry = b_.IAdd(b_.Binary(KOp::kUMulHigh, digit, number[i]), carries);
      product[i - j] = with_carry;
    }
  }
  return product;
}

// Payne and Hanek: the product's two highest bits are the quadrant, those below the way from it to the next.
FloatMath::Angle FloatMath::ReduceLargeAngle(V x) {
  const LargeAngle& form = type_ == KType::kF64 ? kLargeF64 : kLargeF32;
  const V bits = Bits(x);
  std::vector<V> mantissa;
  V upper = bits;
  if (type_ == KType::kF64) {
    upper = b_.Convert(KOp::kTruncI, b_.Binary(KOp::kShrU, bits, b_.I64(32)), KType::kI32);
    mantissa.push_back(b_.Convert(KOp::kTruncI, bits, KType::kI32));
  }
  const int fraction_bits = k_.mantissa_bits - 32 * (form.mantissa_words - 1);
  const int64_t hidden = int64_t{1} << fraction_bits;
  mantissa.insert(mantissa.begin(), b_.Or(b_.And(upper, b_.I32(hidden - 1)), b_.I32(hidden)));
  const V exponent =
      b_.And(b_.Binary(KOp::kShrU, upper, b_.I32(fraction_bits)), b_.I32(2 * int64_t{k_.exponent_bias} + 1));
  const V last_bit = b_.I32((int64_t{32} << form.first_word_bits) - 1);
  const V first_bit = b_.UMin(b_.ISub(exponent, b_.I32(form.first_bit_bias)), last_bit);
  const std::vector<V> window = TwoOverPiFrom(first_bit, form.window_words, form.first_word_bits);
  const std::vector<V> product = MultiplyWords(mantissa, window);
  std::vector<V> turn(form.turn_words);
  for (size_t i = 0; i < turn.size(); ++i) {
    turn[i] = b_.Or(b_.Binary(KOp::kShl, product[i], b_.I32(2)), b_.Binary(KOp::kShrU, product[i + 1], b_.I32(30)));
  }
  // From the upper half it is nearer to the next quadrant: all ones less the fraction, one last bit from exact.
  const V flipped = b_.Binary(KOp::kShrS, turn[0], b_.I32(31));
  V fraction;
  for (size_t i = turn.size(); i-- > 0;) {
    const V part = b_.Convert(KOp::kUToF, b_.Xor(turn[i], flipped), type_);
    const V unit = Const(std::ldexp(1.0, -32 * static_cast<int>(i + 1)));
    fraction = i + 1 == turn.size() ? b_.FMul(part, unit) : b_.Fma(part, unit, fraction);
  }
  const V rest = b_.FMul(fraction, Const(0.5 * k_.pi_high));
  const V quadrant = b_.ISub(b_.Binary(KOp::kShrU, product[0], b_.I32(30)), flipped);
  const V is_upper = b_.INe(flipped, b_.I32(0)), is_negative = IsNegative(x);
  return {b_.Select(b_.Xor(is_negative, is_upper), Neg(rest), rest),
          b_.Select(is_negative, b_.ISub(b_.I32(0), quadrant), quadrant)};
}

}  // namespace dragoman::kernel
