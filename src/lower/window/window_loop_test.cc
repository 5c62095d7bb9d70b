// SPDX-License-Identifier: Apache-2.0
#include "lower/window/window_loop.h"

#include <gtest/gtest.h>

#include "base/format.h"
#include "lower/hero_testing.h"

namespace dragoman::kernel {
namespace {

std::string ShapeText(const Dims& dims) {
  std::string text;
  for (const int64_t dim : dims) text += Format("{}x", dim);
  return text;
}

struct WindowSpec {
  Dims operand;
  std::vector<int64_t> sizes, strides, base, dilations, padding;

  Dims Result() const {
    Dims result;
    for (size_t d = 0; d < operand.size(); ++d) {
      const int64_t dilated = operand[d] == 0 ? 0 : (operand[d] - 1) * base[d] + 1;
      const int64_t room = dilated + padding[2 * d] + padding[2 * d + 1];
      const int64_t window = (sizes[d] - 1) * dilations[d] + 1;
      result.push_back(room < window ? 0 : (room - window) / strides[d] + 1);
    }
    return result;
  }
  std::string Body(const std::string& dtype, const std::string& op) const {
    return Format(
        "(%0: tensor<{0}{2}>, %1: tensor<{2}>) {{ %2 = reduce_window(%0, %1) {{window_dimensions = {4}, window_strides "
        "= "
        "{5}, base_dilations = {6}, window_dilations = {7}, padding = {8}}} : tensor<{1}{2}> (%a: tensor<{2}>, %b: "
        "tensor<{2}>) {{ %c = {3}(%a, %b) : tensor<{2}> return(%c) }} return(%2) }}",
        ShapeText(operand), ShapeText(Result()), dtype, op, ToString(sizes), ToString(strides), ToString(base),
        ToString(dilations), ToString(padding));
  }
};

// Every combination of size, stride, both dilations and padding (that crops, too) of one dimension beside a plain one.
TEST(WindowLoop, WalksEveryKindOfWindow) {
  int forms = 0;
  for (const int64_t size : {1, 2, 3, 7}) {
    for (const int64_t stride : {1, 2, 3}) {
      for (const auto& [base, dilation] : {std::pair{1, 1}, {2, 1}, {1, 2}, {3, 2}}) {
        for (const auto& [low, high] : {std::pair{0, 0}, {1, 0}, {0, 2}, {3, 3}, {-1, 0}, {-2, 4}}) {
          const WindowSpec spec = {{6, 4}, {size, 1}, {stride, 1}, {base, 1}, {dilation, 1}, {low, high, 0, 0}};
          if (NumElements(spec.Result()) == 0) continue;
          SCOPED_TRACE(spec.Body("f32", "subtract"));
          const HeroTest test(fusion::GroupKind::kReduceWindow, spec.Body("f32", "subtract"));
          ASSERT_NE(test.module, nullptr);
          for (const target::DeviceProfile& profile : HeroProfiles()) test.ExpectMatches(profile);
          ++forms;
        }
      }
    }
  }
  EXPECT_GT(forms, 200);
}

TEST(WindowLoop, ReadsVectorsAlongADimensionThatWindowsLeaveAlone) {
  const ir::WindowAxis plain{1, 1, 1, 1, 0, 0}, pool{3, 2, 1, 1, 1, 1};
  const target::DeviceProfile gpu = HeroProfiles()[1];
  const auto lanes = [&](const ir::WindowAxis& last, DType dtype, int64_t extent) {
    const TensorType types[] = {{dtype, {5, extent}}};
    return WindowLanes({pool, last}, types, gpu);
  };
  EXPECT_EQ(lanes(plain, DType::kF32, 64), 4);
  EXPECT_EQ(lanes(plain, DType::kBF16, 64), 4);
  EXPECT_EQ(lanes(plain, DType::kF64, 64), 2);
  EXPECT_EQ(lanes(plain, DType::kC128, 64), 1);
  EXPECT_EQ(lanes(plain, DType::kF32, 6), 2);
  EXPECT_EQ(lanes(plain, DType::kF32, 7), 1);
  EXPECT_EQ(lanes(pool, DType::kF32, 64), 1);
  for (const ir::WindowAxis& other :
       {ir::WindowAxis{1, 2, 1, 1, 0, 0}, ir::WindowAxis{1, 1, 1, 1, 1, 0}, ir::WindowAxis{1, 1, 1, 1, 0, 1},
        ir::WindowAxis{1, 1, 1, 1, -1, 0}, ir::WindowAxis{1, 1, 2, 1, 0, 0}}) {
    EXPECT_EQ(lanes(other, DType::kF32, 64), 1);
  }
  // The narrowest of all that is read and written decides.
  const TensorType types[] = {{DType::kF32, {5, 64}}, {DType::kF64, {5, 62}}};
  EXPECT_EQ(WindowLanes({pool, plain}, types, gpu), 2);
  EXPECT_EQ(WindowLanes({pool, plain}, types, HeroProfiles()[0]), 1);
  EXPECT_EQ(WindowLanes({}, types, gpu), 1);
  EXPECT_EQ(WindowSize({pool, plain, pool}), 9);
  EXPECT_EQ(WindowSize({}), 1);
}

TEST(WindowLoop, PoolsImagesOnEveryDevice) {
  const WindowSpec pool = {{2, 9, 9, 12}, {1, 3, 3, 1}, {1, 2, 2, 1},
                           {1, 1, 1, 1},  {1, 1, 1, 1}, {0, 0, 1, 1, 1, 1, 0, 0}};
  const WindowSpec volume = {{1, 4, 5, 6, 4}, {1, 2, 2, 3, 1}, {1, 1, 2, 2, 1},
                             {1, 2, 1, 1, 1}, {1, 1, 2, 1, 1}, {0, 0, 1, 0, 0, 1, 1, 1, 0, 0}};
  const WindowSpec planes = {{2, 3, 8, 8}, {1, 1, 2, 2}, {1, 1, 2, 2},
                             {1, 1, 1, 1}, {1, 1, 1, 1}, {0, 0, 0, 0, 0, 0, 0, 0}};
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    SCOPED_TRACE(profile.name);
    for (const WindowSpec& spec : {pool, volume, planes}) {
      for (const auto& [dtype, op] :
           {std::pair{"f32", "maximum"}, {"f16", "add"}, {"si8", "add"}, {"c128", "multiply"}}) {
        SCOPED_TRACE(spec.Body(dtype, op));
        const HeroTest test(fusion::GroupKind::kReduceWindow, spec.Body(dtype, op));
        ASSERT_NE(test.module, nullptr);
        test.ExpectMatches(profile);
      }
    }
  }
}

std::string SelectBody(const WindowSpec& spec, const std::string& dtype, int direction) {
  return Format(
      "(%0: tensor<{0}{2}>, %1: tensor<{1}{2}>, %2: tensor<{2}>) {{ %3 = select_and_scatter(%0, %1, %2) "
      "{{window_dimensions "
      "= {4}, window_strides = {5}, padding = {6}}} : tensor<{0}{2}> (%a: tensor<{2}>, %b: tensor<{2}>) {{ %c = "
      "compare(%a, %b) {{comparison_direction = {3}, compare_type = 0}} : tensor<i1> return(%c) }} (%d: tensor<{2}>, "
      "%e: "
      "tensor<{2}>) {{ %f = add(%d, %e) : tensor<{2}> return(%f) }} return(%3) }}",
      ShapeText(spec.operand), ShapeText(spec.Result()), dtype, direction, ToString(spec.sizes), ToString(spec.strides),
      ToString(spec.padding));
}

// Windows that overlap, leave gaps, lie in padding, and of which several select one element; ties and every direction.
TEST(WindowLoop, SelectsAndScattersOverEveryKindOfWindow) {
  int forms = 0;
  for (const int64_t size : {1, 2, 3, 5}) {
    for (const int64_t stride : {1, 2, 4}) {
      for (const auto& [low, high] : {std::pair{0, 0}, {1, 1}, {0, 3}, {-1, 0}, {4, 4}}) {
        const WindowSpec spec = {{7, 4}, {size, 1}, {stride, 1}, {1, 1}, {1, 1}, {low, high, 0, 0}};
        if (NumElements(spec.Result()) == 0) continue;
        for (const int direction : {2, 3, 4, 5}) {
          SCOPED_TRACE(SelectBody(spec, "f32", direction));
          HeroTest test(fusion::GroupKind::kSelectAndScatter, SelectBody(spec, "f32", direction));
          ASSERT_NE(test.module, nullptr);
          for (const target::DeviceProfile& profile : HeroProfiles()) test.ExpectMatches(profile);
          ++forms;
        }
      }
    }
  }
  EXPECT_GT(forms, 150);
}

// Two kernels and a number a window between them, whatever the device.
TEST(WindowLoop, SelectsAndScattersOnEveryDevice) {
  const WindowSpec pool = {{2, 9, 9, 8}, {1, 3, 3, 1}, {1, 2, 2, 1},
                           {1, 1, 1, 1}, {1, 1, 1, 1}, {0, 0, 1, 1, 1, 1, 0, 0}};
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    for (const char* dtype : {"f32", "bf16", "f16", "si32", "f64"}) {
      SCOPED_TRACE(Format("{} on {}", dtype, profile.name));
      const HeroTest test(fusion::GroupKind::kSelectAndScatter, SelectBody(pool, dtype, 2));
      ASSERT_NE(test.module, nullptr);
      const auto lowered = LowerGroup(test.group, {profile});
      ASSERT_TRUE(lowered.ok());
      EXPECT_EQ(lowered->dispatches.size(), 2u);
      EXPECT_EQ(lowered->temporaries, std::vector<int64_t>{4 * NumElements(pool.Result())});
      test.ExpectMatches(profile);
    }
  }
}

// A maximum with NaN is NaN; a comparison with it is false, so that what comes next is selected.
TEST(WindowLoop, FollowsTheRulesOfNaNsAndInfinities) {
  const WindowSpec pool = {{9, 8}, {3, 1}, {2, 1}, {1, 1}, {1, 1}, {1, 1, 0, 0}};
  for (const target::DeviceProfile& profile : LimitProfiles()) {
    SCOPED_TRACE(profile.name);
    const auto spoil = [](HeroTest& test) {
      std::vector<double> values(72);
      for (double& value : values) {
        const uint32_t draw = test.random() % 12;
        value = draw == 0 ? std::nan("") : draw == 1 ? INFINITY : draw == 2 ? -INFINITY : draw == 3 ? -0.0 : draw;
      }
      test.SetDoubles(0, values);
    };
    for (const char* op : {"maximum", "minimum", "add"}) {
      SCOPED_TRACE(op);
      HeroTest test(fusion::GroupKind::kReduceWindow, pool.Body("f32", op));
      spoil(test);
      test.ExpectMatches(profile);
    }
    for (const int direction : {2, 4}) {
      HeroTest test(fusion::GroupKind::kSelectAndScatter, SelectBody(pool, "f32", direction));
      spoil(test);
      test.ExpectMatches(profile);
    }
  }
}

TEST(WindowLoop, RefusesMoreElementsThanItCounts) {
  for (const auto& [extent, is_refused] : {std::pair{(int64_t{1} << 31) - 1, false}, {int64_t{1} << 31, true}}) {
    const auto parsed = ir::Parse("module @test\nfunc public @main" +
                                  WindowSpec{{extent}, {2}, {2}, {1}, {1}, {0, 1}}.Body("si8", "add"));
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    fusion::Group group;
    group.kind = fusion::GroupKind::kReduceWindow;
    group.hero = (*parsed)->main()->body.ops[0].get();
    group.members = {group.hero};
    group.inputs = group.hero->operands;
    group.outputs = {group.hero->result()};
    const auto lowered = LowerGroup(group, {HeroProfiles()[1]});
    EXPECT_EQ(lowered.status().code(), is_refused ? StatusCode::kUnimplemented : StatusCode::kOk);
  }
}

}  // namespace
}  // namespace dragoman::kernel
