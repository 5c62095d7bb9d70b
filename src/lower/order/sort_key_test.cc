// SPDX-License-Identifier: Apache-2.0
#include "lower/order/sort_key.h"

#include <gtest/gtest.h>

#include "base/format.h"
#include "lower/hero_testing.h"
#include "lower/order/radix_sort.h"
#include "lower/product/product_testing.h"

namespace dragoman::kernel {
namespace {

// Sorting two operands, of `dtype` and si32, by a comparator whose arguments are %a, %b and %c, %d.
std::string ComparatorSort(const std::string& dtype, const std::string& comparator, int count) {
  return Format(
      "(%0: tensor<{1}x{0}>, %1: tensor<{1}xsi32>, %k: tensor<si32>) {{ %2, %3 = sort(%0, %1) {{dimension = 0, "
      "is_stable "
      "= 1}} : tensor<{1}x{0}>, tensor<{1}xsi32> (%a: tensor<{0}>, %b: tensor<{0}>, %c: tensor<si32>, %d: "
      "tensor<si32>) "
      "{{ {2} }} return(%2, %3) }}",
      dtype, count, comparator);
}

std::string Compare(const std::string& lhs, const std::string& rhs, int direction, int type = 0) {
  return Format("%r = compare({}, {}) {{comparison_direction = {}, compare_type = {}}} : tensor<i1> return(%r)", lhs,
                rhs, direction, type);
}
constexpr int kIsEqual = 0, kIsAtLeast = 2, kIsMore = 3, kIsAtMost = 4, kIsLess = 5;

TEST(SortKey, IsFoundWhereBothSidesLookAtOneNumberAlike) {
  const std::string negated = "%x = negate(%a) : tensor<f32> %y = negate(%b) : tensor<f32> ";
  const std::string captured = "%x = add(%c, %k) : tensor<si32> %y = add(%d, %k) : tensor<si32> ";
  const struct {
    std::string comparator;
    bool is_found;
    int operand;
    bool is_reversible;
  } rows[] = {
      {Compare("%a", "%b", kIsLess), true, 0, true},
      {Compare("%b", "%a", kIsMore), true, 0, true},
      {Compare("%c", "%d", kIsMore), true, 1, true},
      {negated + Compare("%x", "%y", kIsLess), true, 0, false},
      {captured + Compare("%y", "%x", kIsLess), true, 1, false},
      // an order that is not strict is none; neither is equality
      {Compare("%a", "%b", kIsAtMost), false, 0, false},
      {Compare("%a", "%b", kIsAtLeast), false, 0, false},
      {Compare("%a", "%b", kIsEqual), false, 0, false},
      // the sides differ, or there is one element only
      {Compare("%a", "%a", kIsLess), false, 0, false},
      {"%x = negate(%a) : tensor<f32> " + Compare("%x", "%b", kIsLess), false, 0, false},
      {"%x = negate(%a) : tensor<f32> %y = exponential(%b) : tensor<f32> " + Compare("%x", "%y", kIsLess), false, 0,
       false},
      {"%x = convert(%a) : tensor<si32> %y = add(%c, %x) : tensor<si32> %z = convert(%b) : tensor<si32> %w = add(%d, "
       "%z) : "
       "tensor<si32> " +
           Compare("%y", "%w", kIsLess),
       false, 0, false},
      {"%x = compare(%a, %b) {comparison_direction = 5, compare_type = 0} : tensor<i1> %y = not(%x) : tensor<i1> "
       "return(%y)",
       false, 0, false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.comparator);
    const HeroTest test(fusion::GroupKind::kSort, ComparatorSort("f32", row.comparator, 16));
    ASSERT_NE(test.module, nullptr);
    const std::optional<SortKey> key = SortKey::Find(*test.group.hero);
    ASSERT_EQ(key.has_value(), row.is_found);
    if (!row.is_found) continue;
    EXPECT_EQ(key->operand(), row.operand);
    EXPECT_EQ(key->is_reversible(), row.is_reversible);
  }
}

TEST(SortKey, HasTheBitsOfItsType) {
  const std::pair<const char*, int> rows[] = {{"i1", 1},    {"si8", 8},   {"ui8", 8},     {"si16", 16}, {"ui16", 16},
                                              {"si32", 32}, {"ui32", 32}, {"f8E5M2", 16}, {"bf16", 16}, {"f16", 16},
                                              {"f32", 32},  {"ui64", 0},  {"f64", 0},     {"si64", 0}};
  for (const auto& [dtype, bits] : rows) {
    SCOPED_TRACE(dtype);
    const HeroTest test(fusion::GroupKind::kSort, ComparatorSort(dtype, Compare("%a", "%b", kIsLess), 16));
    const std::optional<SortKey> key = SortKey::Find(*test.group.hero);
    EXPECT_EQ(key.has_value() ? key->bits() : 0, bits);
  }
}

// Bits of every kind of number, and what the total order makes of them: numbers by value, zeros by sign, NaNs outside.
struct KeyRun {
  std::vector<double> numbers;
  std::vector<uint32_t> keys;
  std::vector<std::byte> back;  // of reversed keys
};

KeyRun RunKeys(DType dtype, const std::string& comparator, bool reversibly, const std::vector<std::byte>& elements) {
  const HeroTest test(fusion::GroupKind::kSort, ComparatorSort(std::string(Name(dtype)), comparator,
                                                               static_cast<int>(elements.size()) / SizeBytes(dtype)));
  const int count = static_cast<int>(test.inputs[0].type().num_elements());
  const target::DeviceProfile profile = HeroProfiles()[1];
  Builder b(profile);
  Elemental e(b, test.group);
  const auto key = SortKey::Find(*test.group.hero);
  const Index at = Index::FromLinear(b.LocalIndex());
  const auto emitted = key->Emit(e, e.Load(test.group.inputs[0], at), reversibly);
  EXPECT_TRUE(emitted.ok());
  const int out = b.AddBuffer({DType::kU32, false, true}), back = b.AddBuffer({dtype, false, true});
  b.Store(out, b.LocalIndex(), *emitted);
  b.Store(back, b.LocalIndex(), key->Reverse(b, *emitted).re);
  KeyRun run;
  std::vector<std::byte> in = elements, bits(4 * count);
  run.back.resize(elements.size());
  std::vector<std::byte>* const buffers[] = {&in, &bits, &run.back};
  const Status status = Interpret(std::move(b).Finish(count), buffers, {}, 1);
  EXPECT_TRUE(status.ok()) << status.message();
  run.keys.resize(count);
  std::memcpy(run.keys.data(), bits.data(), bits.size());
  for (int i = 0; i < count; ++i) run.numbers.push_back(DecodeElement(dtype, in.data() + i * SizeBytes(dtype)).real());
  EXPECT_LE(std::bit_width(*std::max_element(run.keys.begin(), run.keys.end())), key->bits());
  return run;
}

std::vector<std::byte> SampleElements(DType dtype) {
  const int size = SizeBytes(dtype), bits = Info(dtype).bits;
  std::vector<uint32_t> patterns = {0, 1, 2, 3, 0x3f};
  const uint32_t top = uint32_t{1} << (bits - 1);
  for (const uint32_t pattern : {0u, 1u, 7u, top - 1, top - 2, top / 2, top / 4 * 3 - 1}) {
    patterns.push_back(pattern);
    patterns.push_back(pattern | top);
  }
  std::vector<std::byte> elements;
  for (const uint32_t pattern : patterns) {
    std::byte bytes[4];
    std::memcpy(bytes, &pattern, 4);
    elements.insert(elements.end(), bytes, bytes + size);
  }
  return elements;
}

TEST(SortKey, OrdersAsTheComparatorDoes) {
  for (const DType dtype : {DType::kS8, DType::kU8, DType::kS16, DType::kU16, DType::kS32, DType::kU32, DType::kF32,
                            DType::kF16, DType::kBF16, DType::kF8E5M2}) {
    for (const int direction : {kIsLess, kIsMore}) {
      for (const bool reversibly : {false, true}) {
        SCOPED_TRACE(
            Format("{} {}{}", Name(dtype), direction == kIsLess ? "up" : "down", reversibly ? " and back" : ""));
        const KeyRun run = RunKeys(dtype, Compare("%a", "%b", direction), reversibly, SampleElements(dtype));
        for (size_t i = 0; i < run.keys.size(); ++i) {
          for (size_t j = 0; j < run.keys.size(); ++j) {
            const double x = run.numbers[i], y = run.numbers[j];
            if (std::isnan(x) || std::isnan(y)) continue;
            const bool is_before = direction == kIsLess ? x < y : x > y;
            const bool is_zero = reversibly && x == 0 && y == 0;  // ordered by sign
            EXPECT_EQ(run.keys[i] < run.keys[j], is_zero ? run.keys[i] < run.keys[j] : is_before) << x << " and " << y;
          }
          const Number back = DecodeElement(dtype, run.back.data() + i * SizeBytes(dtype));
          if (reversibly && !std::isnan(run.numbers[i])) {
            EXPECT_EQ(back, Number(run.numbers[i]));
            EXPECT_EQ(std::signbit(back.real()), std::signbit(run.numbers[i]));
          }
        }
      }
    }
  }
}

// -NaN, -infinity, ..., -0, 0, ..., infinity, NaN: a row that is sorted alone keeps the bits of each.
TEST(SortKey, SortsByTheTotalOrderOfBits) {
  const target::DeviceProfile profile = HeroProfiles()[1];
  const uint32_t order[] = {0xffc00000, 0xff800000, 0xbf800000, 0x80000000, 0, 0x3f800000, 0x7f800000, 0x7fc00000};
  for (const int direction : {kIsLess, kIsMore}) {
    for (const int count : {200, 33000}) {  // by comparisons, and by keys
      if (count == 33000 && direction == kIsMore) continue;
      HeroTest test(fusion::GroupKind::kSort,
                    Format("(%0: tensor<{0}xf32>) {{ %1 = sort(%0) {{dimension = 0, is_stable = 1}} : tensor<{0}xf32> "
                           "(%a: tensor<f32>, %b: tensor<f32>) {{ {1} }} return(%1) }}",
                           count, Compare("%a", "%b", direction, /*total order*/ 2)));
      EXPECT_EQ(SuitsRadixSort(count, profile), count == 33000);
      std::vector<uint32_t> bits(count);
      for (int i = 0; i < count; ++i) bits[i] = order[test.random() % 8];
      std::vector<std::byte> bytes(4 * count);
      std::memcpy(bytes.data(), bits.data(), bytes.size());
      test.inputs[0] = ir::Literal(test.inputs[0].type(), bytes);
      const auto place = [&](uint32_t pattern) {
        const auto at = std::find(std::begin(order), std::end(order), pattern) - std::begin(order);
        return direction == kIsLess ? at : -at;
      };
      std::stable_sort(bits.begin(), bits.end(), [&](uint32_t a, uint32_t b) { return place(a) < place(b); });
      std::memcpy(bytes.data(), bits.data(), bytes.size());
      const std::vector<ir::Literal> sorted = test.Run(profile);
      ASSERT_EQ(sorted.size(), 1u);
      EXPECT_TRUE(sorted[0].Dense() == bytes) << count;
    }
  }
}

}  // namespace
}  // namespace dragoman::kernel
