// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "element/run_group_testing.h"
#include "lower/product/kinds.h"
#include "lower/product_run_testing.h"

namespace dragoman::kernel {
namespace {

ProductTest Dot(const TensorType& lhs, const TensorType& rhs, const DotDims& dims, DType result) {
  return ProductTest(lhs, rhs, [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
    return AppendDot(block, operands, dims, result);
  });
}

ProductTest F32Dot(const Dims& lhs, const Dims& rhs, const DotDims& dims) {
  return Dot({DType::kF32, lhs}, {DType::kF32, rhs}, dims, DType::kF32);
}

TEST(LowerDot, MultipliesMatricesOfAnySizeAndTransposition) {
  const std::vector<std::array<int64_t, 3>> sizes = {{1, 1, 1},   {5, 7, 3},    {16, 32, 8},
                                                     {33, 17, 9}, {40, 12, 37}, {4, 64, 20}};
  for (const auto& [m, n, k] : sizes) {
    F32Dot({m, k}, {k, n}, {{}, {}, {1}, {0}}).ExpectRightEverywhere();
    F32Dot({k, m}, {k, n}, {{}, {}, {0}, {0}}).ExpectRightEverywhere();
    F32Dot({m, k}, {n, k}, {{}, {}, {1}, {1}}).ExpectRightEverywhere();
    F32Dot({k, m}, {n, k}, {{}, {}, {0}, {1}}).ExpectRightEverywhere();
  }
}

// Steps of K together, and parts of K within a workgroup.
TEST(LowerDot, SumsLongRowsOfFewResults) {
  const std::vector<std::array<int64_t, 3>> sizes = {{8, 12, 512}, {3, 20, 256}, {5, 7, 136}, {1, 8, 1024}};
  for (const auto& [m, n, k] : sizes) {
    for (const DType type : {DType::kF32, DType::kBF16, DType::kS8}) {
      const DType result = type == DType::kS8 ? DType::kS32 : DType::kF32;
      Dot({type, {m, k}}, {type, {k, n}}, {{}, {}, {1}, {0}}, result).ExpectRightEverywhere();
      Dot({type, {k, m}}, {type, {k, n}}, {{}, {}, {0}, {0}}, result).ExpectRightEverywhere();
    }
  }
  for (const auto& [m, n, k] : {std::array<int64_t, 3>{8, 12, 2048}, {7, 9, 1032}, {6, 70, 130}}) {
    for (const DType type : {DType::kF32, DType::kBF16}) {
      for (const ProductTest& test : {Dot({type, {m, k}}, {type, {n, k}}, {{}, {}, {1}, {1}}, type),
                                      Dot({type, {m, k}}, {type, {k, n}}, {{}, {}, {1}, {0}}, type),
                                      Dot({type, {n, k}}, {type, {k, m}}, {{}, {}, {1}, {0}}, type)}) {
        k < 1024 ? test.ExpectRightEverywhere() : test.ExpectRightAsChosen();
      }
    }
  }
  F32Dot({6, 2, 24}, {6, 100, 24}, {{0}, {0}, {2}, {2}}).ExpectRightEverywhere();
  F32Dot({40, 1, 32}, {40, 60, 32}, {{0}, {0}, {2}, {2}}).ExpectRightEverywhere();
  F32Dot({4, 1, 256}, {4, 256, 16}, {{0}, {0}, {2}, {1}}).ExpectRightEverywhere();
}

TEST(LowerDot, TakesBatchDimensionsAnywhere) {
  F32Dot({2, 5, 3, 4}, {2, 6, 3, 4}, {{0, 2}, {0, 2}, {3}, {3}}).ExpectRightEverywhere();
  F32Dot({2, 3, 5, 4}, {2, 4, 3, 8}, {{0, 1}, {0, 2}, {3}, {1}}).ExpectRightEverywhere();
  F32Dot({3, 4, 5}, {4, 7, 3}, {{0}, {2}, {1}, {0}}).ExpectRightEverywhere();
}

TEST(LowerDot, ContractsSeveralDimensionsInAnyOrder) {
  F32Dot({4, 6, 4, 3}, {8, 4, 3}, {{}, {}, {2, 3}, {1, 2}}).ExpectRightEverywhere();
  F32Dot({4, 6, 4, 3}, {3, 4, 8}, {{}, {}, {3, 2}, {0, 1}}).ExpectRightEverywhere();
  F32Dot({4, 6, 5}, {4, 6, 8}, {{}, {}, {1, 0}, {1, 0}}).ExpectRightEverywhere();
  F32Dot({4, 6, 5}, {6, 4, 8}, {{}, {}, {0, 1}, {1, 0}}).ExpectRightEverywhere();
}

TEST(LowerDot, TakesVectorsScalarsAndNoContraction) {
  F32Dot({50}, {50}, {{}, {}, {0}, {0}}).ExpectRightEverywhere();
  F32Dot({9, 50}, {50}, {{}, {}, {1}, {0}}).ExpectRightEverywhere();
  F32Dot({50}, {50, 12}, {{}, {}, {0}, {0}}).ExpectRightEverywhere();
  F32Dot({}, {7}, {{}, {}, {}, {}}).ExpectRightEverywhere();
  F32Dot({}, {}, {{}, {}, {}, {}}).ExpectRightEverywhere();
  F32Dot({5}, {8}, {{}, {}, {}, {}}).ExpectRightEverywhere();
  F32Dot({12}, {12}, {{0}, {0}, {}, {}}).ExpectRightEverywhere();
  F32Dot({12, 3}, {12}, {{0}, {0}, {}, {}}).ExpectRightEverywhere();
}

TEST(LowerDot, SumsNothingToZeroAndDropsEmptyResults) {
  F32Dot({3, 0}, {0, 5}, {{}, {}, {1}, {0}}).ExpectRightEverywhere();
  const ProductTest empty = F32Dot({3, 4}, {4, 0}, {{}, {}, {1}, {0}});
  const auto lowered = LowerDot(empty.group, {VectorProfile()});
  ASSERT_TRUE(lowered.ok());
  EXPECT_TRUE(lowered->dispatches.empty());
}

TEST(LowerDot, TakesEveryElementType) {
  struct Row {
    DType operand;
    DType result;
  };
  const std::vector<Row> rows = {
      {DType::kF16, DType::kF16},      {DType::kF16, DType::kF32},      {DType::kBF16, DType::kBF16},
      {DType::kBF16, DType::kF32},     {DType::kF64, DType::kF64},      {DType::kS8, DType::kS32},
      {DType::kS8, DType::kS8},        {DType::kU8, DType::kS32},       {DType::kU8, DType::kU8},
      {DType::kS16, DType::kS16},      {DType::kS32, DType::kS32},      {DType::kU32, DType::kU32},
      {DType::kS64, DType::kS64},      {DType::kPred, DType::kPred},    {DType::kC64, DType::kC64},
      {DType::kC128, DType::kC128},    {DType::kF8E4M3FN, DType::kF32}, {DType::kF8E5M2, DType::kF32},
      {DType::kS4, DType::kS32},       {DType::kU4, DType::kS32},       {DType::kF4E2M1FN, DType::kF32},
      {DType::kF6E2M3FN, DType::kF32}, {DType::kF6E3M2FN, DType::kF32},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(Name(row.operand)) + " to " + std::string(Name(row.result)));
    Dot({row.operand, {5, 12}}, {row.operand, {12, 8}}, {{}, {}, {1}, {0}}, row.result).ExpectRightEverywhere();
    Dot({row.operand, {7, 6}}, {row.operand, {3, 7}}, {{}, {}, {0}, {1}}, row.result).ExpectRightEverywhere();
  }
}

TEST(LowerDot, AccumulatesNarrowFloatsInF32) {
  // 4096 ones: a sum kept in f16 or bf16 stops growing at 2048 or 256.
  const ProductTest test = Dot({DType::kBF16, {1, 3000}}, {DType::kBF16, {3000, 1}}, {{}, {}, {1}, {0}}, DType::kF32);
  for (const target::DeviceProfile& profile : TestProfiles()) {
    const auto lowered = LowerDot(test.group, {profile});
    ASSERT_TRUE(lowered.ok());
    Memory memory;
    for (const ir::Value* operand : test.hero->operands) {
      std::vector<std::byte>& bytes = memory[operand];
      bytes.resize(operand->type.size_bytes());
      for (int k = 0; k < 3000; ++k) EncodeElement(DType::kBF16, 1.0, bytes.data() + 2 * k);
    }
    ASSERT_TRUE(RunLoweredGroup(*lowered, memory).ok());
    EXPECT_EQ(DecodeElement(DType::kF32, memory[test.hero->result()].data()), Number(3000.0));
  }
}

TEST(LowerDot, GivesEqualKernelsToEqualShapes) {
  const auto first = LowerDot(F32Dot({64, 96}, {96, 80}, {{}, {}, {1}, {0}}).group, {VectorProfile()});
  const auto second = LowerDot(F32Dot({64, 96}, {96, 80}, {{}, {}, {1}, {0}}).group, {VectorProfile()});
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_EQ(first->dispatches.size(), second->dispatches.size());
  for (size_t i = 0; i < first->dispatches.size(); ++i) {
    EXPECT_EQ(Print(first->dispatches[i].kernel), Print(second->dispatches[i].kernel));
  }
}

}  // namespace
}  // namespace dragoman::kernel
