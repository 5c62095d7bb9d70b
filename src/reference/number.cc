// SPDX-License-Identifier: Apache-2.0
#include "reference/number.h"

#include <cstring>

#include "base/check.h"
#include "types/small_float.h"

namespace dragoman::reference {
namespace {

template <typename T>
T Peek(const std::byte* element) {
  T value;
  std::memcpy(&value, element, sizeof(T));
  return value;
}

template <typename T>
void Poke(T value, std::byte* element) {
  std::memcpy(element, &value, sizeof(T));
}

Number LoadPred(const std::byte* element) { return Number::Of(*element != std::byte{0}); }
void StorePred(const Number& number, std::byte* element) { Poke<uint8_t>(number.integer != 0, element); }

template <typename T>
Number LoadInt(const std::byte* element) {
  return Number::Of(static_cast<int64_t>(Peek<T>(element)));
}
template <typename T>
void StoreInt(const Number& number, std::byte* element) {
  Poke(static_cast<T>(number.integer), element);
}

// Two and four bits in the low bits of a byte; what is above them does not count.
template <int kBits, bool kIsSigned>
Number LoadNarrowInt(const std::byte* element) {
  const int shifted = Peek<uint8_t>(element) << (8 - kBits);
  if (kIsSigned) return Number::Of(static_cast<int64_t>(static_cast<int8_t>(shifted) >> (8 - kBits)));
  return Number::Of(static_cast<int64_t>(static_cast<uint8_t>(shifted) >> (8 - kBits)));
}
template <int kBits>
void StoreNarrowInt(const Number& number, std::byte* element) {
  Poke(static_cast<uint8_t>(number.integer & ((1 << kBits) - 1)), element);
}

template <DType kDType, typename Bits>
Number LoadSmallFloat(const std::byte* element) {
  return Number::Of(DecodeSmallFloat(kDType, Peek<Bits>(element)));
}
template <DType kDType, typename Bits>
void StoreSmallFloat(const Number& number, std::byte* element) {
  Poke(static_cast<Bits>(EncodeSmallFloat(kDType, number.value.real())), element);
}

template <typename T>
Number LoadFloat(const std::byte* element) {
  return Number::Of(static_cast<double>(Peek<T>(element)));
}
template <typename T>
void StoreFloat(const Number& number, std::byte* element) {
  Poke(static_cast<T>(number.value.real()), element);
}

template <typename T>
Number LoadComplex(const std::byte* element) {
  return Number::Of(std::complex<double>(Peek<T>(element), Peek<T>(element + sizeof(T))));
}
template <typename T>
void StoreComplex(const Number& number, std::byte* element) {
  Poke(static_cast<T>(number.value.real()), element);
  Poke(static_cast<T>(number.value.imag()), element + sizeof(T));
}

struct Access {
  DType dtype;
  Loader load;
  Storer store;
};

template <DType kDType>
constexpr Access Small8() {
  return {kDType, LoadSmallFloat<kDType, uint8_t>, StoreSmallFloat<kDType, uint8_t>};
}
template <DType kDType>
constexpr Access Small16() {
  return {kDType, LoadSmallFloat<kDType, uint16_t>, StoreSmallFloat<kDType, uint16_t>};
}
template <typename T>
constexpr Access Int(DType dtype) {
  return {dtype, LoadInt<T>, StoreInt<T>};
}

constexpr Access kAccess[] = {
    {DType::kPred, LoadPred, StorePred},
    {DType::kS2, LoadNarrowInt<2, true>, StoreNarrowInt<2>},
    {DType::kS4, LoadNarrowInt<4, true>, StoreNarrowInt<4>},
    Int<int8_t>(DType::kS8),
    Int<int16_t>(DType::kS16),
    Int<int32_t>(DType::kS32),
    Int<int64_t>(DType::kS64),
    {DType::kU2, LoadNarrowInt<2, false>, StoreNarrowInt<2>},
    {DType::kU4, LoadNarrowInt<4, false>, StoreNarrowInt<4>},
    Int<uint8_t>(DType::kU8),
    Int<uint16_t>(DType::kU16),
    Int<uint32_t>(DType::kU32),
    Int<uint64_t>(DType::kU64),
    Small8<DType::kF4E2M1FN>(),
    Small8<DType::kF6E2M3FN>(),
    Small8<DType::kF6E3M2FN>(),
    Small8<DType::kF8E3M4>(),
    Small8<DType::kF8E4M3>(),
    Small8<DType::kF8E4M3B11FNUZ>(),
    Small8<DType::kF8E4M3FN>(),
    Small8<DType::kF8E4M3FNUZ>(),
    Small8<DType::kF8E5M2>(),
    Small8<DType::kF8E5M2FNUZ>(),
    Small8<DType::kF8E8M0FNU>(),
    Small16<DType::kBF16>(),
    Small16<DType::kF16>(),
    {DType::kF32, LoadFloat<float>, StoreFloat<float>},
    {DType::kF64, LoadFloat<double>, StoreFloat<double>},
    {DType::kC64, LoadComplex<float>, StoreComplex<float>},
    {DType::kC128, LoadComplex<double>, StoreComplex<double>},
};

constexpr bool HasEveryTypeInOrder() {
  for (size_t i = 0; i < std::size(kAccess); ++i) {
    if (kAccess[i].dtype != static_cast<DType>(i)) return false;
  }
  return std::size(kAccess) == static_cast<size_t>(DType::kToken);
}
static_assert(HasEveryTypeInOrder(), "one row for each element type but token");

const Access& AccessOf(DType dtype) {
  CHECK(dtype < DType::kToken);
  return kAccess[static_cast<int>(dtype)];
}

}  // namespace

Loader LoaderOf(DType dtype) { return AccessOf(dtype).load; }
Storer StorerOf(DType dtype) { return AccessOf(dtype).store; }

Number RoundTo(DType dtype, const Number& number) {
  const Access& access = AccessOf(dtype);
  std::byte element[16];
  access.store(number, element);
  return access.load(element);
}

}  // namespace dragoman::reference
