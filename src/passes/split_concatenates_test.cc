// SPDX-License-Identifier: Apache-2.0
#include "passes/split_concatenates.h"

#include "base/format.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

std::string ConcatenateOf(int count) {
  std::string operands;
  for (int i = 0; i < count; ++i) operands += i == 0 ? "%x" : (i % 3 == 0 ? ", %x" : ", %y");
  const int rows = 2 * count - (count + 2) / 3;
  return Format(
      "module @m\nfunc public @main(%x: tensor<1x2xf32>, %y: tensor<2x2xf32>) {{ "
      "%c = concatenate({}) {{dimension = 0}} : tensor<{}x2xf32> return(%c) }}\n",
      operands, rows);
}

int CountConcatenates(const std::string& text) {
  int count = 0;
  for (size_t at = text.find("concatenate("); at != std::string::npos; at = text.find("concatenate(", at + 1)) ++count;
  return count;
}

TEST(SplitConcatenates, FewOperandsStay) {
  EXPECT_EQ(CountConcatenates(RunForTest(SplitConcatenates, ConcatenateOf(32))), 1);
}

TEST(SplitConcatenates, ManyOperandsBecomeATreeOfTheSameElements) {
  for (const auto& [count, expected] : {std::pair(33, 2), std::pair(100, 5), std::pair(1100, 38)}) {
    const std::string text = ConcatenateOf(count);
    EXPECT_EQ(CountConcatenates(RunForTest(SplitConcatenates, text)), expected) << count;
    ExpectSameMeaning(SplitConcatenates, text, 0);
  }
}

}  // namespace
}  // namespace dragoman::passes
