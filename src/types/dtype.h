// SPDX-License-Identifier: Apache-2.0
// Element types. One row a type; everything else about a type is derived from its row.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace dragoman {

enum class DTypeKind : uint8_t { kBool, kSigned, kUnsigned, kFloat, kComplex, kToken };

// X(enumerator, text name, bits of the value, bytes an element takes in a buffer, kind)
// Types narrower than a byte take one byte an element (low bits) in buffers, as in the StableHLO artifact and in PJRT.
// clang-format off: a table, one row a line
#define DRAGOMAN_DTYPES(X)                         \
  X(kPred, "i1", 1, 1, kBool)                      \
  X(kS2, "si2", 2, 1, kSigned)                     \
  X(kS4, "si4", 4, 1, kSigned)                     \
  X(kS8, "si8", 8, 1, kSigned)                     \
  X(kS16, "si16", 16, 2, kSigned)                  \
  X(kS32, "si32", 32, 4, kSigned)                  \
  X(kS64, "si64", 64, 8, kSigned)                  \
  X(kU2, "ui2", 2, 1, kUnsigned)                   \
  X(kU4, "ui4", 4, 1, kUnsigned)                   \
  X(kU8, "ui8", 8, 1, kUnsigned)                   \
  X(kU16, "ui16", 16, 2, kUnsigned)                \
  X(kU32, "ui32", 32, 4, kUnsigned)                \
  X(kU64, "ui64", 64, 8, kUnsigned)                \
  X(kF4E2M1FN, "f4E2M1FN", 4, 1, kFloat)           \
  X(kF6E2M3FN, "f6E2M3FN", 6, 1, kFloat)           \
  X(kF6E3M2FN, "f6E3M2FN", 6, 1, kFloat)           \
  X(kF8E3M4, "f8E3M4", 8, 1, kFloat)               \
  X(kF8E4M3, "f8E4M3", 8, 1, kFloat)               \
  X(kF8E4M3B11FNUZ, "f8E4M3B11FNUZ", 8, 1, kFloat) \
  X(kF8E4M3FN, "f8E4M3FN", 8, 1, kFloat)           \
  X(kF8E4M3FNUZ, "f8E4M3FNUZ", 8, 1, kFloat)       \
  X(kF8E5M2, "f8E5M2", 8, 1, kFloat)               \
  X(kF8E5M2FNUZ, "f8E5M2FNUZ", 8, 1, kFloat)       \
  X(kF8E8M0FNU, "f8E8M0FNU", 8, 1, kFloat)         \
  X(kBF16, "bf16", 16, 2, kFloat)                  \
  X(kF16, "f16", 16, 2, kFloat)                    \
  X(kF32, "f32", 32, 4, kFloat)                    \
  X(kF64, "f64", 64, 8, kFloat)                    \
  X(kC64, "c64", 64, 8, kComplex)                  \
  X(kC128, "c128", 128, 16, kComplex)              \
  X(kToken, "token", 0, 0, kToken)
// clang-format on

enum class DType : uint8_t {
#define X(name, text, bits, bytes, kind) name,
  DRAGOMAN_DTYPES(X)
#undef X
};

struct DTypeInfo {
  std::string_view name;
  int bits;
  int size_bytes;
  DTypeKind kind;
};

const DTypeInfo& Info(DType dtype);
std::optional<DType> DTypeFromName(std::string_view name);

inline std::string_view Name(DType dtype) { return Info(dtype).name; }
inline int SizeBytes(DType dtype) { return Info(dtype).size_bytes; }
inline bool IsPred(DType dtype) { return Info(dtype).kind == DTypeKind::kBool; }
inline bool IsSigned(DType dtype) { return Info(dtype).kind == DTypeKind::kSigned; }
inline bool IsUnsigned(DType dtype) { return Info(dtype).kind == DTypeKind::kUnsigned; }
inline bool IsInteger(DType dtype) { return IsSigned(dtype) || IsUnsigned(dtype); }
inline bool IsFloat(DType dtype) { return Info(dtype).kind == DTypeKind::kFloat; }
inline bool IsComplex(DType dtype) { return Info(dtype).kind == DTypeKind::kComplex; }
inline bool IsToken(DType dtype) { return dtype == DType::kToken; }
// c64 → f32, c128 → f64, every other type itself.
DType RealPart(DType dtype);

// The encoding of a float narrower than f32: sign bit count, exponent and mantissa bits, bias, and which specials
// exist.
struct SmallFloatFormat {
  int sign_bits;
  int exponent_bits;
  int mantissa_bits;
  int exponent_bias;
  bool has_infinity;  // otherwise overflow gives NaN (or the largest value where has_nan is false)
  bool has_nan;
  bool nan_is_negative_zero;  // the FNUZ types: the bits of -0 mean NaN, there is no -0
};
// For f4, all f6 and f8, bf16 and f16; nullopt otherwise.
std::optional<SmallFloatFormat> SmallFloat(DType dtype);

}  // namespace dragoman
