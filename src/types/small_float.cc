// SPDX-License-Identifier: Apache-2.0
#include "types/small_float.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dragoman {
namespace {

int ValueBits(const SmallFloatFormat& format) { return format.exponent_bits + format.mantissa_bits; }
uint32_t SignBit(const SmallFloatFormat& format) { return format.sign_bits != 0 ? 1u << ValueBits(format) : 0; }
uint32_t LargestBits(const SmallFloatFormat& format) { return (1u << ValueBits(format)) - 1; }
uint32_t InfinityBits(const SmallFloatFormat& format) {
  return ((1u << format.exponent_bits) - 1) << format.mantissa_bits;
}

uint32_t NanBits(const SmallFloatFormat& format, bool is_negative) {
  if (format.nan_is_negative_zero) return SignBit(format);
  const uint32_t sign = is_negative ? SignBit(format) : 0;
  // With infinities the quiet NaN is the first above them, otherwise only the last encoding is one.
  if (format.has_infinity) return sign | InfinityBits(format) | 1u << (format.mantissa_bits - 1);
  return sign | LargestBits(format);
}

// The encoding of the largest finite magnitude.
uint32_t LargestFinite(const SmallFloatFormat& format) {
  if (format.has_infinity) return InfinityBits(format) - 1;
  const bool last_is_nan = format.has_nan && !format.nan_is_negative_zero;
  return LargestBits(format) - (last_is_nan ? 1 : 0);
}

bool IsNanBits(uint32_t magnitude, bool is_negative, const SmallFloatFormat& format) {
  if (!format.has_nan) return false;
  if (format.nan_is_negative_zero) return is_negative && magnitude == 0;
  return format.has_infinity ? magnitude > InfinityBits(format) : magnitude == LargestBits(format);
}

uint32_t Overflow(bool is_negative, const SmallFloatFormat& format) {
  const uint32_t sign = is_negative ? SignBit(format) : 0;
  if (format.has_infinity) return sign | InfinityBits(format);
  if (format.has_nan) return NanBits(format, is_negative);
  return sign | LargestFinite(format);
}

// A format without zero (f8E8M0FNU) starts at its smallest power of two.
bool HasSubnormals(const SmallFloatFormat& format) { return format.mantissa_bits > 0; }

}  // namespace

double DecodeSmallFloat(DType dtype, uint32_t bits) {
  const SmallFloatFormat format = *SmallFloat(dtype);
  const uint32_t magnitude = bits & LargestBits(format);
  const bool is_negative = (bits & SignBit(format)) != 0;
  if (IsNanBits(magnitude, is_negative, format)) {
    return std::copysign(std::numeric_limits<double>::quiet_NaN(), is_negative ? -1.0 : 1.0);
  }
  const double sign = is_negative ? -1.0 : 1.0;
  if (format.has_infinity && magnitude == InfinityBits(format)) return sign * std::numeric_limits<double>::infinity();
  const int exponent = static_cast<int>(magnitude >> format.mantissa_bits);
  const uint32_t mantissa = magnitude & ((1u << format.mantissa_bits) - 1);
  if (exponent == 0 && HasSubnormals(format)) {
    return sign * std::ldexp(mantissa, 1 - format.exponent_bias - format.mantissa_bits);
  }
  return sign *
         std::ldexp(mantissa + (1u << format.mantissa_bits), exponent - format.exponent_bias - format.mantissa_bits);
}

uint32_t EncodeSmallFloat(DType dtype, double value) {
  const SmallFloatFormat format = *SmallFloat(dtype);
  const bool is_negative = std::signbit(value);
  if (std::isnan(value) && format.has_nan) return NanBits(format, is_negative);
  // As in XLA: a type without NaN gives -0 for it, one without sign and zero gives NaN for what it lacks.
  if (std::isnan(value)) return SignBit(format);
  if (format.sign_bits == 0 && value <= 0) return NanBits(format, false);
  if (std::isinf(value)) return Overflow(is_negative, format);
  const double magnitude = std::fabs(value);
  const int smallest_exponent = HasSubnormals(format) ? 1 - format.exponent_bias : -format.exponent_bias;
  const int exponent = magnitude == 0 ? smallest_exponent : std::max(std::ilogb(magnitude), smallest_exponent);
  // The magnitude in units of its last place; scaling is exact, so nearbyint is the only rounding.
  const double units = std::nearbyint(std::ldexp(magnitude, format.mantissa_bits - exponent));
  // Counting encodings from the exponent's first one carries a rounded-up mantissa into the exponent by itself.
  const int64_t steps = static_cast<int64_t>(units) - (int64_t{1} << format.mantissa_bits);
  const int64_t first = static_cast<int64_t>(exponent + format.exponent_bias) << format.mantissa_bits;
  const int64_t encoded = std::max<int64_t>(first + steps, 0);
  if (encoded > LargestFinite(format)) return Overflow(is_negative, format);
  if (encoded == 0 && format.nan_is_negative_zero) return 0;
  return static_cast<uint32_t>(encoded) | (is_negative ? SignBit(format) : 0);
}

uint32_t EncodeNearestSmallFloat(DType dtype, double value) {
  const SmallFloatFormat format = *SmallFloat(dtype);
  if (std::isnan(value)) return EncodeSmallFloat(dtype, value);
  if (format.sign_bits == 0) value = std::max(value, DecodeSmallFloat(dtype, 0));
  const double largest = DecodeSmallFloat(dtype, LargestFinite(format));
  if (std::isfinite(value) || !format.has_infinity) value = std::clamp(value, -largest, largest);
  return EncodeSmallFloat(dtype, value);
}

}  // namespace dragoman
