// SPDX-License-Identifier: Apache-2.0
#include "kernel/small_float.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dragoman::kernel {
namespace {

struct Layout {
  SmallFloatFormat format;
  uint32_t sign;          // the sign bit, 0 when there is none
  uint32_t exponent_max;  // all ones
  uint32_t nan;
  uint32_t largest;  // bits of the largest finite value
};

Layout LayoutOf(DType dtype) {
  const SmallFloatFormat format = *SmallFloat(dtype);
  Layout layout{format, 0, 0, 0, 0};
  const int m = format.mantissa_bits;
  layout.sign = format.sign_bits != 0 ? 1u << (format.exponent_bits + m) : 0;
  layout.exponent_max = (1u << format.exponent_bits) - 1;
  const uint32_t all = (layout.exponent_max << m) | ((1u << m) - 1);
  if (format.nan_is_negative_zero) {
    layout.nan = layout.sign;
    layout.largest = all;
  } else if (format.has_infinity) {
    layout.nan = (layout.exponent_max << m) | (1u << (m - 1));
    layout.largest = (layout.exponent_max << m) - 1;
  } else {
    layout.nan = all;
    layout.largest = format.has_nan ? all - 1 : all;
  }
  return layout;
}

uint32_t Overflow(const Layout& layout, uint32_t sign) {
  if (layout.format.has_infinity) return sign | (layout.exponent_max << layout.format.mantissa_bits);
  return layout.format.has_nan ? layout.nan | (layout.format.nan_is_negative_zero ? 0 : sign) : sign | layout.largest;
}

}  // namespace

uint32_t EncodeSmallFloat(DType dtype, double value) {
  const Layout layout = LayoutOf(dtype);
  const SmallFloatFormat& format = layout.format;
  const uint32_t sign = std::signbit(value) ? layout.sign : 0;
  if (std::isnan(value)) return format.has_nan ? layout.nan | (format.nan_is_negative_zero ? 0 : sign) : layout.sign;
  const double magnitude = std::fabs(value);
  // An unsigned format has neither zero nor negative numbers (f8E8M0FNU: powers of two alone).
  if (format.sign_bits == 0 && (std::signbit(value) || value == 0)) return value == 0 ? 0 : layout.nan;
  if (std::isinf(magnitude)) return Overflow(layout, sign);
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  const int lowest = 1 - format.exponent_bias - (format.sign_bits == 0 ? 1 : 0);
  exponent = std::max(exponent - 1, lowest);
  if (magnitude == 0) exponent = lowest;
  const double steps = std::nearbyint(std::ldexp(magnitude, format.mantissa_bits - exponent));
  const uint32_t hidden = format.sign_bits == 0 ? 0u : 1u;
  const uint32_t base = static_cast<uint32_t>(exponent - lowest) << format.mantissa_bits;
  const uint32_t bits = base + static_cast<uint32_t>(steps) - (hidden != 0 ? 0 : 1);
  if (bits > layout.largest) return Overflow(layout, sign);
  return bits == 0 && format.nan_is_negative_zero ? 0 : sign | bits;
}

double DecodeSmallFloat(DType dtype, uint32_t bits) {
  const Layout layout = LayoutOf(dtype);
  const SmallFloatFormat& format = layout.format;
  const uint32_t magnitude =
      bits & ~layout.sign & ((layout.exponent_max << format.mantissa_bits) | ((1u << format.mantissa_bits) - 1));
  const bool negative = layout.sign != 0 && (bits & layout.sign) != 0;
  if (format.nan_is_negative_zero && bits == layout.sign) return std::numeric_limits<double>::quiet_NaN();
  if (magnitude > layout.largest) {
    const bool infinite = format.has_infinity && (magnitude & ((1u << format.mantissa_bits) - 1)) == 0;
    const double special =
        infinite ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
    return std::copysign(special, negative ? -1.0 : 1.0);
  }
  const uint32_t exponent = magnitude >> format.mantissa_bits;
  const uint32_t mantissa = magnitude & ((1u << format.mantissa_bits) - 1);
  const bool subnormal = exponent == 0 && format.sign_bits != 0;
  const double steps = subnormal ? mantissa : (1u << format.mantissa_bits) + mantissa;
  const int power = static_cast<int>(subnormal ? 1 : exponent) - format.exponent_bias - format.mantissa_bits;
  return std::copysign(std::ldexp(steps, power), negative ? -1.0 : 1.0);
}

}  // namespace dragoman::kernel
