// SPDX-License-Identifier: Apache-2.0
#include "read/op_writer.h"

#include <gtest/gtest.h>

namespace dragoman::read {
namespace {

using ir::AttrKey;
using ir::OpCode;

ir::Attributes Comparison(ComparisonType type) {
  ir::Attributes attributes;
  attributes.Set(AttrKey::kComparisonDirection, int64_t{0});
  attributes.Set(AttrKey::kCompareType, static_cast<int64_t>(type));
  return attributes;
}

TEST(OpWriter, StatesTheTypeOfComparisons) {
  const struct {
    DType dtype;
    ComparisonType said, expected;
  } cases[] = {
      {DType::kF16, ComparisonType::kNoType, ComparisonType::kFloat},
      {DType::kC64, ComparisonType::kNoType, ComparisonType::kFloat},
      {DType::kS8, ComparisonType::kNoType, ComparisonType::kSigned},
      {DType::kU8, ComparisonType::kNoType, ComparisonType::kUnsigned},
      {DType::kPred, ComparisonType::kNoType, ComparisonType::kUnsigned},
      {DType::kF32, ComparisonType::kTotalOrder, ComparisonType::kTotalOrder},
  };
  for (const auto& test : cases) {
    ir::Block block;
    ir::Value* x = block.AddArgument({test.dtype, {}});
    const auto op =
        OpWriter(100).Append(block, {OpCode::kCompare, {x, x}, {{DType::kPred, {}}}, Comparison(test.said), 7});
    ASSERT_TRUE(op.ok()) << op.status().message();
    EXPECT_EQ((*op)->attributes.Int(AttrKey::kCompareType), static_cast<int64_t>(test.expected)) << Name(test.dtype);
    EXPECT_EQ((*op)->location, 7u);
  }
}

TEST(OpWriter, KeepsTokensToControlFlowAndEffects) {
  ir::Block block;
  ir::Value* token = block.AddArgument({DType::kToken, {}});
  const std::vector<TensorType> types = {{DType::kToken, {}}};
  OpWriter writer(100);
  EXPECT_TRUE(writer.Append(block, {OpCode::kAfterAll, {token}, types, {}}).ok());
  EXPECT_TRUE(writer.Append(block, {OpCode::kOptimizationBarrier, {token}, types, {}}).ok());
  EXPECT_EQ(writer.Append(block, {OpCode::kReshape, {token}, types, {}}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(writer.Append(block, {OpCode::kReshape, {}, types, {}}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(block.ops.size(), 2u);
}

TEST(OpWriter, BoundsWhatASmallProgramGrowsTo) {
  ir::Block block;
  OpWriter writer(100);
  const TensorType wide{DType::kF32, Dims(64, 1)};
  int count = 0;
  Status status;
  for (; status.ok() && count < 100000; ++count) {
    status = writer.Append(block, {OpCode::kIota, {}, {wide}, {}}).status();
  }
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "The program expands to more than 256 times its size.");
  EXPECT_LT(count, 3000);  // half a kilobyte each, and a megabyte for all
}

TEST(OpWriter, BoundsHowDeepRegionsNest) {
  OpWriter writer(100);
  for (int i = 0; i < ir::kMaxRegionDepth; ++i) EXPECT_TRUE(writer.Enter().ok());
  EXPECT_EQ(writer.Enter().code(), StatusCode::kUnimplemented);
  writer.Leave();
  writer.Leave();
  EXPECT_TRUE(writer.Enter().ok());
}

}  // namespace
}  // namespace dragoman::read
