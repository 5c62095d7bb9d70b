// SPDX-License-Identifier: Apache-2.0
#include "passes/recognize_scans.h"

#include "base/format.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

std::string Program(std::string_view window, std::string_view padding, std::string_view result) {
  return Format(R"(module @m
func public @main(%x: tensor<3x5xf32>) {{
  %v = constant() {{value = dense<0>}} : tensor<f32>
  %r = reduce_window(%x, %v) {{window_dimensions = {}, window_strides = [1, 1], base_dilations = [1, 1],
    window_dilations = [1, 1], padding = {}}} : {} (%a: tensor<f32>, %b: tensor<f32>) {{
    %s = add(%a, %b) : tensor<f32>
    return(%s)
  }}
  return(%r)
}})",
                window, padding, result);
}

TEST(RecognizeScans, ForwardAndReverseOnEitherAxis) {
  const std::string type = "tensor<3x5xf32>";
  for (const auto& [window, padding, scan] :
       {std::tuple{"[1, 5]", "[0, 0, 4, 0]", "{dimension = 1, is_reverse = 0}"},
        std::tuple{"[1, 5]", "[0, 0, 0, 4]", "{dimension = 1, is_reverse = 1}"},
        std::tuple{"[3, 1]", "[2, 0, 0, 0]", "{dimension = 0, is_reverse = 0}"},
        std::tuple{"[1, 7]", "[0, 0, 6, 0]", "{dimension = 1, is_reverse = 0}"}}) {
    const std::string text = Program(window, padding, type);
    ExpectSameMeaning(RecognizeScans, text, 1e-6);
    EXPECT_NE(RunForTest(RecognizeScans, text).find(scan), std::string::npos) << text;
  }
}

TEST(RecognizeScans, OtherWindowsStay) {
  for (const auto& [window, padding, result] : {std::tuple{"[1, 4]", "[0, 0, 3, 0]", "tensor<3x5xf32>"},
                                                std::tuple{"[1, 5]", "[0, 0, 2, 2]", "tensor<3x5xf32>"},
                                                std::tuple{"[1, 5]", "[0, 0, 0, 0]", "tensor<3x1xf32>"},
                                                std::tuple{"[1, 5]", "[1, 0, 4, 0]", "tensor<4x5xf32>"},
                                                std::tuple{"[3, 5]", "[2, 0, 4, 0]", "tensor<3x5xf32>"}}) {
    const std::string printed = RunForTest(RecognizeScans, Program(window, padding, result));
    EXPECT_NE(printed.find("reduce_window("), std::string::npos) << printed;
  }
}

}  // namespace
}  // namespace dragoman::passes
