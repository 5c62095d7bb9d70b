// SPDX-License-Identifier: Apache-2.0
// For tests: one dot_general or convolution through any product kernel, interpreted, against the plain loops.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/format.h"
#include "element/run_group_testing.h"
#include "lower/group_testing.h"
#include "lower/hero_testing.h"
#include "lower/product/lower_product.h"
#include "lower/product/product_testing.h"

namespace dragoman::kernel {

// A block with two arguments and the op made by `append(block, operands)`.
struct ProductTest {
  ir::Block block;
  fusion::Group group;
  ir::Op* hero = nullptr;

  template <typename Append>
  ProductTest(const TensorType& lhs, const TensorType& rhs, Append append) {
    const std::vector<ir::Value*> operands = {block.AddArgument(lhs), block.AddArgument(rhs)};
    hero = append(block, operands);
    const bool is_dot = hero->code == ir::OpCode::kDotGeneral;
    group.kind = is_dot ? fusion::GroupKind::kDot : fusion::GroupKind::kConvolution;
    group.hero = hero;
    group.members = {hero};
    group.inputs = operands;
    group.outputs = {hero->result()};
  }

  Product Prepared() const {
    return *PrepareProduct(group,
                           group.kind == fusion::GroupKind::kDot ? DotProduct(*hero) : ConvolutionProduct(*hero));
  }

  // Runs what was lowered on random operands and compares every element.
  void ExpectRight(const StatusOr<LoweredGroup>& lowered, const std::string& what) const {
    ASSERT_TRUE(lowered.ok()) << lowered.status().message();
    for (const Dispatch& dispatch : lowered->dispatches) {
      const Status verified = Verify(dispatch.kernel);
      ASSERT_TRUE(verified.ok()) << what << verified.message();
    }
    std::vector<Numbers> operands;
    Memory memory;
    for (int i = 0; i < 2; ++i) {
      const TensorType& type = hero->operands[i]->type;
      operands.push_back(RandomNumbers(type, 3 + i));
      std::vector<std::byte>& bytes = memory[hero->operands[i]];
      bytes.resize(type.size_bytes());
      for (size_t k = 0; k < operands[i].size(); ++k) {
        EncodeElement(type.dtype, operands[i][k], bytes.data() + k * SizeBytes(type.dtype));
      }
    }
    const Status run = RunLoweredGroup(*lowered, memory);
    ASSERT_TRUE(run.ok()) << what << run.message();
    const Numbers expected = group.kind == fusion::GroupKind::kDot
                                 ? ReferenceDot(*hero, operands[0], operands[1])
                                 : ReferenceConvolution(*hero, operands[0], operands[1]);
    Compare(expected, memory[hero->result()], what);
  }

  void Compare(const Numbers& expected, const std::vector<std::byte>& bytes, const std::string& what) const {
    const DType dtype = hero->type().dtype;
    int failures = 0;
    for (size_t k = 0; k < expected.size() && failures < 4; ++k) {
      // Through the result's encoding, for its rounding and wrap-around.
      std::byte encoded[16];
      EncodeElement(dtype, IsPred(dtype) ? Number(expected[k] != 0.0) : expected[k], encoded);
      const Number want = DecodeElement(dtype, encoded);
      const Number got = DecodeElement(dtype, bytes.data() + k * SizeBytes(dtype));
      if (want == got) continue;
      ++failures;
      ADD_FAILURE() << what << " element " << k << " is " << got << ", expected " << want;
    }
  }

  void ExpectRightWith(const ProductConfig& config, const std::string& what) const {
    ExpectRight(LowerProductWith(group, {VectorProfile()}, Prepared(), config), what);
  }

  // Every kernel that can compute it, with tiles that fit badly, and what the profiles choose.
  void ExpectRightEverywhere() const;
  void ExpectRightAsChosen() const;
};

inline ProductConfig TileTestConfig(int tile_m, int tile_n, int tile_k, int rows, int columns) {
  ProductConfig config;
  config.kernel = ProductKernel::kTile;
  config.tile_m = tile_m;
  config.tile_n = tile_n;
  config.tile_k = tile_k;
  config.rows = rows;
  config.columns = columns;
  config.unroll_k = 2;
  config.workgroup_size = tile_m / rows * (tile_n / columns);
  return config;
}

inline ProductConfig DirectTestConfig(int rows, int columns, ProductAxis row_axis, ProductAxis column_axis) {
  ProductConfig config;
  config.rows = rows;
  config.columns = columns;
  config.row_axis = row_axis;
  config.column_axis = column_axis;
  config.workgroup_size = 8;
  return config;
}

// Of every kernel on scalar units, with tiles and rows that divide small products and such as do not.
inline std::vector<ProductConfig> SmallConfigs(const ProductForm& form, DType accumulator) {
  std::vector<ProductConfig> configs = {
      TileTestConfig(8, 8, 4, 2, 2),
      TileTestConfig(16, 32, 8, 8, 8),
      TileTestConfig(32, 16, 16, 1, 4),
      DirectTestConfig(1, 1, ProductAxis::kM, ProductAxis::kN),
      DirectTestConfig(3, 4, ProductAxis::kM, ProductAxis::kN),
      DirectTestConfig(2, 4, ProductAxis::kM, ProductAxis::kBatch),
      DirectTestConfig(2, 2, ProductAxis::kN, ProductAxis::kBatch),
  };
  for (const ProductAxis axis : {ProductAxis::kM, ProductAxis::kN}) {
    const int64_t extent = form.extent(axis);
    if (extent > 8) continue;
    ProductConfig config = DirectTestConfig(1, static_cast<int>(extent),
                                            axis == ProductAxis::kM ? ProductAxis::kN : ProductAxis::kM, axis);
    config.kernel = ProductKernel::kRow;
    config.workgroup_size = 16;
    configs.push_back(config);
  }
  for (const int columns : {1, 4}) {
    if (SizeBytes(accumulator) != 4) continue;
    ProductConfig config = DirectTestConfig(columns == 1 ? 8 : 16, columns, ProductAxis::kM, ProductAxis::kN);
    config.exchanges_rows = true;
    config.workgroup_size = 16;
    configs.push_back(config);
  }
  return configs;
}

inline void ProductTest::ExpectRightEverywhere() const {
  if (hero->type().num_elements() == 0) return;
  const ProductForm form = SimplifyProduct(Prepared());
  const bool can_split = form.extent(ProductAxis::kK) > 1;
  for (ProductConfig config : SmallConfigs(form, Prepared().accumulator)) {
    for (const int splits : {1, 3}) {
      if (splits > 1 && !can_split) continue;
      config.splits = splits;
      config.split_digits = splits > 1 ? static_cast<int>((form.DigitsOf(ProductAxis::kK).size() + 1) / 2) : 1;
      ExpectRightWith(config, Format("{} {}x{} of {}x{}x{} in {} parts: ", NameOf(config), config.rows, config.columns,
                                     config.tile_m, config.tile_n, config.tile_k, splits));
    }
  }
  ExpectRightAsChosen();
}

inline void ProductTest::ExpectRightAsChosen() const {
  for (const target::DeviceProfile& profile : TestProfiles()) {
    ExpectRight(LowerGroup(group, {profile}), profile.unrolling_is_costly ? "on a CPU: " : "on a GPU: ");
  }
}

// The function's parameters are the inputs, every other op is a member, what it returns are the outputs; the one
// dot_general or convolution is the hero.
struct ProductGroup {
  std::unique_ptr<ir::Module> module;
  fusion::Group group;
  std::vector<ir::Literal> inputs;
  std::vector<ir::Literal> expected;

  explicit ProductGroup(const std::string& body) {
    auto parsed = ir::Parse("module @test\nfunc public @main" + body);
    if (!parsed.ok()) {
      ADD_FAILURE() << parsed.status().message();
      return;
    }
    module = std::move(*parsed);
    const Status verified = ir::Verify(*module);
    EXPECT_TRUE(verified.ok()) << verified.message();
    ir::Block& block = module->main()->body;
    for (const auto& argument : block.arguments) group.inputs.push_back(argument.get());
    for (const auto& op : block.ops) {
      if (op->code == ir::OpCode::kReturn) continue;
      group.members.push_back(op.get());
      if (op->code == ir::OpCode::kDotGeneral) group.kind = fusion::GroupKind::kDot;
      if (op->code == ir::OpCode::kConvolution) group.kind = fusion::GroupKind::kConvolution;
      if (ir::Info(op->code).kind == ir::OpKind::kContraction) group.hero = op.get();
    }
    group.outputs = block.terminator()->operands;
  }

  // Random inputs and what the reference makes of them; before ExpectRight.
  void Evaluate() {
    HeroTest data(fusion::GroupKind::kLoop, "(%0: tensor<f32>) { %1 = negate(%0) : tensor<f32> return(%1) }");
    for (const ir::Value* input : group.inputs) inputs.push_back(data.Random(input->type));
    auto evaluated = reference::Evaluate(*module, "main", inputs);
    ASSERT_TRUE(evaluated.ok()) << evaluated.status().message();
    expected = *std::move(evaluated);
  }

  StatusOr<LoweredGroup> LowerWith(const ProductConfig& config) const {
    const bool is_dot = group.kind == fusion::GroupKind::kDot;
    ASSIGN_OR_RETURN(const Product product,
                     PrepareProduct(group, is_dot ? DotProduct(*group.hero) : ConvolutionProduct(*group.hero)));
    return LowerProductWith(group, {VectorProfile()}, product, config);
  }

  void ExpectRight(const StatusOr<LoweredGroup>& lowered, double tolerance) const {
    ASSERT_TRUE(lowered.ok()) << lowered.status().message();
    Memory memory;
    for (size_t i = 0; i < inputs.size(); ++i) memory[group.inputs[i]] = inputs[i].Dense();
    for (const Dispatch& dispatch : lowered->dispatches) {
      const Status verified = Verify(dispatch.kernel);
      ASSERT_TRUE(verified.ok()) << verified.message();
    }
    const Status run = RunLoweredGroup(*lowered, memory);
    ASSERT_TRUE(run.ok()) << run.message();
    for (size_t i = 0; i < expected.size(); ++i) {
      HeroTest::ExpectClose(ir::Literal(expected[i].type(), memory[group.outputs[i]]), expected[i], tolerance);
    }
  }
};

}  // namespace dragoman::kernel
