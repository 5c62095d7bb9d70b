// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "lower/hero_testing.h"
#include "lower/window/kinds.h"

namespace dragoman::kernel {
namespace {

struct WindowForm {
  std::string operand, result;
  std::string window, strides, base, dilations, padding;
};

constexpr int kNumWindowForms = 10;
const WindowForm kWindowForms[kNumWindowForms] = {
    {"2x6x8x3", "2x3x4x3", "[1, 2, 2, 1]", "[1, 2, 2, 1]", "[1, 1, 1, 1]", "[1, 1, 1, 1]", "[0, 0, 0, 0, 0, 0, 0, 0]"},
    {"2x7x7x3", "2x4x4x3", "[1, 3, 3, 1]", "[1, 2, 2, 1]", "[1, 1, 1, 1]", "[1, 1, 1, 1]", "[0, 0, 1, 1, 1, 1, 0, 0]"},
    {"2x7x7x8", "2x4x4x8", "[1, 3, 3, 1]", "[1, 2, 2, 1]", "[1, 1, 1, 1]", "[1, 1, 1, 1]", "[0, 0, 1, 1, 1, 1, 0, 0]"},
    {"6x6", "3x6", "[2, 1]", "[2, 1]", "[1, 1]", "[1, 1]", "[0, 0, 0, 0]"},
    {"9", "9", "[9]", "[1]", "[1]", "[1]", "[8, 0]"},
    {"10", "4", "[3]", "[2]", "[1]", "[2]", "[1, 0]"},
    {"5", "9", "[2]", "[1]", "[2]", "[1]", "[1, 0]"},
    {"6x5", "5x3", "[2, 3]", "[2, 2]", "[2, 1]", "[1, 1]", "[0, 0, 1, 1]"},
    {"7", "5", "[1]", "[1]", "[1]", "[1]", "[-1, -1]"},
    {"3", "6", "[2]", "[1]", "[1]", "[1]", "[4, 0]"},
};

std::string Attributes(const WindowForm& form) {
  return " {window_dimensions = " + form.window + ", window_strides = " + form.strides +
         ", base_dilations = " + form.base + ", window_dilations = " + form.dilations + ", padding = " + form.padding +
         "}";
}

std::string ReduceWindowOf(const WindowForm& form, const std::string& dtype, const std::string& op) {
  const std::string element = "tensor<" + dtype + ">";
  return "(%0: tensor<" + form.operand + "x" + dtype + ">, %1: " + element + ") { %2 = reduce_window(%0, %1)" +
         Attributes(form) + " : tensor<" + form.result + "x" + dtype + "> (%3: " + element + ", %4: " + element +
         ") { %5 = " + op + "(%3, %4) : " + element + " return(%5) } return(%2) }";
}

TEST(LowerReduceWindow, AddsAndMaximizesOverEveryFormOfWindow) {
  for (const auto& profile : HeroProfiles()) {
    for (const WindowForm& form : kWindowForms) {
      for (const char* op : {"add", "maximum"}) {
        HeroTest test(fusion::GroupKind::kReduceWindow, ReduceWindowOf(form, "f32", op));
        test.ExpectMatches(profile);
      }
    }
  }
}

TEST(LowerReduceWindow, TakesOtherTypes) {
  for (const auto& profile : HeroProfiles()) {
    for (const auto& [dtype, op] : {std::pair("si32", "multiply"),
                                    {"bf16", "add"},
                                    {"f16", "maximum"},
                                    {"i1", "or"},
                                    {"c64", "add"},
                                    {"ui8", "add"}}) {
      HeroTest test(fusion::GroupKind::kReduceWindow, ReduceWindowOf(kWindowForms[2], dtype, op));
      test.ExpectMatches(profile);
    }
  }
}

TEST(LowerReduceWindow, ReducesTwoOperandsTogether) {
  const WindowForm& form = kWindowForms[2];
  const std::string body = "(%0: tensor<" + form.operand + "xf32>, %1: tensor<" + form.operand +
                           "xsi32>, %2: tensor<f32>, %3: tensor<si32>) { "
                           "%4, %5 = reduce_window(%0, %1, %2, %3)" +
                           Attributes(form) + " : tensor<" + form.result + "xf32>, tensor<" + form.result +
                           "xsi32> (%a: tensor<f32>, %b: tensor<si32>, %c: tensor<f32>, %d: tensor<si32>) { "
                           "%e = compare(%a, %c) {comparison_direction = 2, compare_type = 0} : tensor<i1> %f = "
                           "select(%e, %a, %c) : tensor<f32> "
                           "%g = select(%e, %b, %d) : tensor<si32> return(%f, %g) } return(%4, %5) }";
  for (const auto& profile : HeroProfiles()) {
    HeroTest test(fusion::GroupKind::kReduceWindow, body);
    test.ExpectMatches(profile);
  }
}

std::string SelectAndScatterOf(const WindowForm& form, const std::string& dtype, const char* direction) {
  const std::string element = "tensor<" + dtype + ">";
  return "(%0: tensor<" + form.operand + "x" + dtype + ">, %1: tensor<" + form.result + "x" + dtype +
         ">, %2: " + element + ") { %3 = select_and_scatter(%0, %1, %2) {window_dimensions = " + form.window +
         ", window_strides = " + form.strides + ", padding = " + form.padding + "} : tensor<" + form.operand + "x" +
         dtype + "> (%4: " + element + ", %5: " + element +
         ") { %6 = compare(%4, %5) {comparison_direction = " + direction +
         ", compare_type = 0} : tensor<i1> return(%6) } (%7: " + element + ", %8: " + element +
         ") { %9 = add(%7, %8) : " + element + " return(%9) } return(%3) }";
}

TEST(LowerSelectAndScatter, GivesEachWindowsValueToItsSelectedElement) {
  for (const auto& profile : HeroProfiles()) {
    for (const WindowForm& form : kWindowForms) {
      if (form.base.find('2') != std::string::npos || form.dilations.find('2') != std::string::npos) continue;
      for (const char* dtype : {"f32", "bf16", "si32"}) {
        for (const char* direction : {"2", "4"}) {
          HeroTest test(fusion::GroupKind::kSelectAndScatter, SelectAndScatterOf(form, dtype, direction));
          test.ExpectMatches(profile);
        }
      }
    }
  }
}

}  // namespace
}  // namespace dragoman::kernel
