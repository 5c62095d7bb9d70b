// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/format.h"
#include "ir/fourier.h"
#include "lower/fourier/line_plan.h"
#include "lower/hero_testing.h"
#include "reference/unit_root.h"

namespace dragoman::kernel {
namespace {

using ir::FftType;

std::string Joined(const Dims& numbers, std::string_view separator) {
  std::string text;
  for (const int64_t number : numbers) text += Format("{}{}", text.empty() ? "" : separator, number);
  return text;
}

struct Case {
  Dims dims;  // of whole lines
  int64_t dimension = 0;
  FftType fft = FftType::kFft;
  bool moves = false;  // the dimension, before the one before it
  std::string_view type = "c64";

  int64_t length() const { return dims[dimension]; }

  std::string Text() const {
    Dims order, operand = dims, result;
    for (size_t d = 0; d < dims.size(); ++d) order.push_back(static_cast<int64_t>(d));
    if (moves) std::swap(order[dimension - 1], order[dimension]);
    for (const int64_t d : order) result.push_back(dims[d]);
    operand[dimension] = ir::NumRead(fft, length());
    if (!moves) result[dimension] = ir::NumKept(fft, length());
    return Format(
        "(%x: tensor<{0}x{2}>, %w: tensor<{3}x{2}>) {{ %r = fourier(%x, %w) {{dimension = {4}, fft_type = "
        "{5}, permutation = [{6}]}} : tensor<{1}x{2}> return(%r) }}",
        Joined(operand, "x"), Joined(result, "x"), type, length() - 1, dimension, static_cast<int64_t>(fft),
        Joined(order, ", "));
  }
};

struct FourierTest {
  HeroTest test;

  FourierTest(const Case& c, const target::DeviceProfile& profile) : test(fusion::GroupKind::kFourier, c.Text()) {
    const int64_t n = c.length();
    std::vector<double> parts;
    const TensorType twists = test.inputs[1].type();
    int64_t done = 1;
    const int most_held = ir::MostHeldByTransform(RealPart(twists.dtype), profile.unrolling_is_costly);
    for (const int radix : ir::FourierRadices(n, most_held)) {
      for (int64_t j = 1; j < radix; ++j) {
        for (int64_t k = 0; k < done; ++k) {
          const auto root = reference::UnitRoot(j * k, done * radix, ir::SignOf(c.fft));
          parts.insert(parts.end(), {root.real(), root.imag()});
        }
      }
      done *= radix;
    }
    if (c.fft == FftType::kIrfft) ClearEnds(n);
    test.inputs[1] =
        ir::Literal(twists, reference::LiteralFromDoubles({RealPart(twists.dtype), {n - 1, 2}}, parts).Dense());
  }

  // The first and the middle number of a half: imaginary parts of theirs make imaginary results, which nobody reads.
  void ClearEnds(int64_t n) {
    const ir::Literal& x = test.inputs[0];
    std::vector<double> parts;
    for (int64_t i = 0; i < x.type().num_elements(); ++i) {
      const int64_t k = i % x.type().dims.back();
      const bool is_end = k == 0 || 2 * k == n;
      parts.push_back(reference::ElementAsDouble(x, i));
      parts.push_back(is_end ? 0 : reference::ElementAsDouble(x, i, true));
    }
    const TensorType pairs{RealPart(x.type().dtype), {x.type().num_elements(), 2}};
    test.inputs[0] = ir::Literal(x.type(), reference::LiteralFromDoubles(pairs, parts).Dense());
  }
};

TEST(LowerFourier, TransformsLinesOfEveryRadix) {
  for (const target::DeviceProfile& profile : HeroProfiles()) {
    for (const int64_t n : {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 22, 26, 30, 60, 64, 100, 121, 343}) {
      FourierTest({{3, n}, 1, n % 2 == 0 ? FftType::kFft : FftType::kIfft}, profile)
          .test.ExpectMatches(profile, 0, 3e-4);
    }
  }
}

TEST(LowerFourier, TransformsAlongAnyDimension) {
  for (const target::DeviceProfile& profile : HeroProfiles()) {
    FourierTest({{16, 5}, 0}, profile).test.ExpectMatches(profile, 0, 1e-4);
    FourierTest({{2, 48, 3}, 1, FftType::kIfft}, profile).test.ExpectMatches(profile, 0, 1e-4);
    FourierTest({{2, 128, 37}, 1}, profile).test.ExpectMatches(profile, 0, 1e-4);
    FourierTest({{40, 2, 33}, 0, FftType::kIfft}, profile).test.ExpectMatches(profile, 0, 1e-4);
  }
}

TEST(LowerFourier, MovesTheDimensionForward) {
  for (const target::DeviceProfile& profile : HeroProfiles()) {
    FourierTest({{2, 21, 64}, 2, FftType::kFft, true}, profile).test.ExpectMatches(profile, 0, 1e-4);
    FourierTest({{3, 5, 20, 3}, 2, FftType::kIfft, true}, profile).test.ExpectMatches(profile, 0, 1e-4);
  }
}

TEST(LowerFourier, ReadsOrKeepsHalves) {
  for (const target::DeviceProfile& profile : HeroProfiles()) {
    for (const int64_t n : {2, 3, 8, 15, 64, 105, 512}) {
      FourierTest({{3, n}, 1, FftType::kRfft}, profile).test.ExpectMatches(profile, 0, 3e-4);
      FourierTest({{3, n}, 1, FftType::kIrfft}, profile).test.ExpectMatches(profile, 0, 3e-4);
    }
  }
}

TEST(LowerFourier, KeepsTheDigitsOfDoubles) {
  for (const target::DeviceProfile& profile : HeroProfiles()) {
    FourierTest({{5, 96}, 1, FftType::kFft, false, "c128"}, profile).test.ExpectMatches(profile, 0, 1e-12);
    FourierTest({{2, 512, 3}, 1, FftType::kIfft, false, "c128"}, profile).test.ExpectMatches(profile, 0, 1e-12);
  }
}

// Real and imaginary parts share memory where both do not fit.
TEST(LowerFourier, TransformsLinesThatHardlyFit) {
  target::DeviceProfile profile = HeroProfiles()[1];
  for (const int bytes : {2200, 4400}) {
    profile.shared_memory_bytes = bytes;
    FourierTest({{3, 512}, 1}, profile).test.ExpectMatches(profile, 0, 3e-4);
    FourierTest({{512, 6}, 0, FftType::kIfft}, profile).test.ExpectMatches(profile, 0, 3e-4);
  }
}

TEST(LowerFourier, RefusesLinesThatDoNotFit) {
  const target::DeviceProfile profile = HeroProfiles()[1];
  const FourierTest longest({{3, 16384}, 1}, profile);
  EXPECT_EQ(LowerGroup(longest.test.group, {profile}).status().code(), StatusCode::kUnimplemented);
}

TEST(LinePlan, GivesColumnsNeighbours) {
  const LinePlan plan = PlanLines({DType::kF32, 65536, 1024, 1024, 1024}, HeroProfiles()[1]);
  EXPECT_EQ(plan.radices, (std::vector<int>{16, 8, 8}));
  EXPECT_EQ(plan.lines, 8);
  EXPECT_TRUE(plan.lines_first);
  EXPECT_TRUE(plan.takes_turns);
}

}  // namespace
}  // namespace dragoman::kernel
