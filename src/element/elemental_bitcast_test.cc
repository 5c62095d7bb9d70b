// SPDX-License-Identifier: Apache-2.0
// Bits between all pairs of element types, against the reference.
#include <gtest/gtest.h>

#include "base/format.h"
#include "lower/hero_testing.h"
#include "lower/product/product_testing.h"

namespace dragoman::kernel {
namespace {

std::vector<DType> BitTypes() {
  std::vector<DType> types;
  for (int i = 0; i < static_cast<int>(DType::kToken); ++i) {
    const auto dtype = static_cast<DType>(i);
    if (!IsComplex(dtype) && !IsPred(dtype)) types.push_back(dtype);
  }
  return types;
}

bool IsNan(DType dtype, const std::byte* element) {
  return IsFloat(dtype) && std::isnan(DecodeElement(dtype, element).real());
}

// Random bits that are no NaN, whose payload is nobody's promise; of narrow types every pattern.
ir::Literal RandomBits(const TensorType& type, std::mt19937& random) {
  std::vector<std::byte> bytes(type.size_bytes());
  const int size = SizeBytes(type.dtype), bits = Info(type.dtype).bits;
  for (int64_t i = 0; i < type.num_elements(); ++i) {
    std::byte* element = bytes.data() + i * size;
    uint64_t pattern = static_cast<uint64_t>(i);
    do {
      if (bits > 8) pattern = uint64_t{random()} << 32 | random();
      if (bits < 8) pattern &= (1u << bits) - 1;
      std::memcpy(element, &pattern, size);
      pattern = random();
    } while (IsNan(type.dtype, element));
  }
  return ir::Literal(type, std::move(bytes));
}

void ExpectSameBits(const HeroTest& test, const target::DeviceProfile& profile) {
  const auto expected = reference::Evaluate(*test.module, "main", test.inputs);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  const std::vector<ir::Literal> actual = test.Run(profile);
  ASSERT_EQ(actual.size(), 1u);
  const std::vector<std::byte> got = actual[0].Dense(), want = (*expected)[0].Dense();
  const DType dtype = actual[0].type().dtype;
  const size_t size = SizeBytes(dtype);
  for (size_t at = 0; at < want.size(); at += size) {
    if (IsNan(dtype, &want[at]) && IsNan(dtype, &got[at])) continue;
    // Of types narrower than a byte the low bits count.
    const auto mask = static_cast<std::byte>(Info(dtype).bits < 8 ? (1 << Info(dtype).bits) - 1 : 255);
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(got[at + i] & mask, want[at + i] & mask) << "element " << at / size;
  }
}

std::string BitcastBody(DType from, DType to, bool is_flat) {
  const int from_bits = Info(from).bits, to_bits = Info(to).bits;
  std::string in = is_flat ? "264x" : "11x24x", out = in;
  if (from_bits > to_bits) out += Format("{}x", from_bits / to_bits);
  if (from_bits < to_bits) in += Format("{}x", to_bits / from_bits);
  return Format("(%0: tensor<{}{}>) {{ %1 = bitcast_convert(%0) : tensor<{}{}> return(%1) }}", in, Name(from), out,
                Name(to));
}

TEST(ElementalBitcast, KeepsTheBitsBetweenAllTypes) {
  std::mt19937 random(3);
  std::vector<target::DeviceProfile> profiles = HeroProfiles();
  profiles.push_back(profiles.back());
  profiles.back().float16 = false;
  int pairs = 0;
  for (const DType from : BitTypes()) {
    for (const DType to : BitTypes()) {
      const int wide = std::max(Info(from).bits, Info(to).bits), narrow = std::min(Info(from).bits, Info(to).bits);
      if (wide % narrow != 0 || (wide == 6) != (narrow == 6)) continue;  // six bits go with no other number
      SCOPED_TRACE(Format("{} to {}", Name(from), Name(to)));
      ++pairs;
      for (const bool is_flat : {false, true}) {
        HeroTest test(fusion::GroupKind::kLoop, BitcastBody(from, to, is_flat));
        ASSERT_NE(test.module, nullptr);
        test.inputs[0] = RandomBits(test.inputs[0].type(), random);
        for (const target::DeviceProfile& profile : profiles) ExpectSameBits(test, profile);
      }
    }
  }
  EXPECT_GT(pairs, 500);
}

// Half of a complex number is a complex number of half the precision, its low word the real part.
TEST(ElementalBitcast, TakesComplexNumbersApartAndPutsThemTogether) {
  std::mt19937 random(5);
  for (const char* body : {"(%0: tensor<5x6xc128>) { %1 = bitcast_convert(%0) : tensor<5x6x2xc64> return(%1) }",
                           "(%0: tensor<5x6x2xc64>) { %1 = bitcast_convert(%0) : tensor<5x6xc128> return(%1) }"}) {
    HeroTest test(fusion::GroupKind::kLoop, body);
    ASSERT_NE(test.module, nullptr);
    test.inputs[0] = ir::Literal(test.inputs[0].type(), RandomBits({DType::kF32, {120}}, random).Dense());
    for (const target::DeviceProfile& profile : HeroProfiles()) ExpectSameBits(test, profile);
  }
}

TEST(ElementalBitcast, TakesElementsThatTheGroupComputes) {
  for (const auto& profile : HeroProfiles()) {
    HeroTest test(fusion::GroupKind::kLoop,
                  "(%0: tensor<6x4x4xui8>) { %1 = reverse(%0) {dimensions = [0]} : tensor<6x4x4xui8> %2 = "
                  "bitcast_convert(%1) : tensor<6x4xui32> %3 = transpose(%2) {permutation = [1, 0]} : tensor<4x6xui32> "
                  "%4 = bitcast_convert(%3) : tensor<4x6x2xsi16> return(%4) }");
    ExpectSameBits(test, profile);
  }
}

}  // namespace
}  // namespace dragoman::kernel
