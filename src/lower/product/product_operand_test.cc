// SPDX-License-Identifier: Apache-2.0
// Operands that a product takes through the ops that make them: every kernel gives the bits that it gives of operands
// written beforehand.
#include <gtest/gtest.h>

#include "lower/product/matrix_product.h"
#include "lower/product_run_testing.h"

namespace dragoman::kernel {
namespace {

using Types = std::vector<std::string>;  // of an operand, from what is in memory to what the product reads

struct Sizes {
  int64_t m, n, k;
};

struct Move {
  std::string op;
  std::string attributes;
};

// How an operand of rows × columns ("rc") comes about: from a tensor of other dimensions, by these moves.
struct OperandForm {
  std::string name;
  std::string dims;
  std::vector<Move> moves;
};

const Move kTurn = {"transpose", "permutation = [1, 0]"};
const OperandForm kForms[] = {
    {"as it is", "rc", {}},
    {"transposed", "cr", {kTurn}},
    {"reversed along one", "rc", {{"reverse", "dimensions = [0]"}}},
    {"reversed along the other", "rc", {{"reverse", "dimensions = [1]"}}},
    {"broadcast to rows", "c", {{"broadcast_in_dim", "broadcast_dimensions = [1]"}}},
    {"broadcast to columns", "r", {{"broadcast_in_dim", "broadcast_dimensions = [0]"}}},
    {"reversed and transposed", "cr", {{"reverse", "dimensions = [0, 1]"}, kTurn}},
};

std::string TypeText(const std::string& dims, int64_t rows, int64_t columns, const std::string& type) {
  std::string text = "tensor<";
  for (const char d : dims) text += Format("{}x", d == 'r' ? rows : columns);
  return text + type + ">";
}

// One operand: the parameter %`name`, and the ops that follow it.
struct OperandText {
  std::string parameter;
  std::string ops;
  std::string value;
  std::string type;

  OperandText(const std::string& name, const OperandForm& form, const Types& types, int64_t rows, int64_t columns)
      : value("%" + name) {
    std::string dims = form.dims;
    type = TypeText(dims, rows, columns, types[0]);
    parameter = Format("{}: {}", value, type);
    int count = 0;
    const auto add = [&](const Move& move, const std::string& element) {
      const std::string result = Format("%{}{}", name, count++);
      type = TypeText(dims, rows, columns, element);
      ops += Format("{} = {}({}) {{{}}} : {} ", result, move.op, value, move.attributes, type);
      value = result;
    };
    // The first move comes before the conversions.
    const auto move_all = [&](size_t begin, size_t end, const std::string& element) {
      for (size_t i = begin; i < end; ++i) {
        if (form.moves[i].op != "reverse") dims = "rc";
        add(form.moves[i], element);
      }
    };
    const size_t before = std::min<size_t>(1, form.moves.size());
    move_all(0, before, types.front());
    for (size_t i = 1; i < types.size(); ++i) add({"convert", ""}, types[i]);
    move_all(before, form.moves.size(), types.back());
  }
};

std::string DotText(const std::string& lhs, const std::string& rhs, const Sizes& sizes, const std::string& result) {
  return Format(
      "%d = dot_general({}, {}) {{lhs_batching_dimensions = [], rhs_batching_dimensions = [], "
      "lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0}} : {} return(%d) }}",
      lhs, rhs, TypeText("rc", sizes.m, sizes.n, result));
}

// Numbers that conversions round; sums of products of `whole` ones are exact.
ir::Literal UnevenNumbers(const TensorType& type, uint32_t seed, bool whole) {
  std::mt19937 random(seed);
  const auto count = static_cast<size_t>(type.num_elements());
  if (!IsFloat(type.dtype)) {
    std::vector<int64_t> values(count);
    for (int64_t& value : values)
      value = IsPred(type.dtype) ? random() % 2 : static_cast<int64_t>(random() % 200) - 100;
    return reference::LiteralFromInts(type, values);
  }
  std::vector<double> values(count);
  for (double& value : values) {
    value = whole ? static_cast<double>(random() % 601) - 300.0
                  : (static_cast<double>(random() % 200001) - 100000.0) / 777.0;
  }
  return reference::LiteralFromDoubles(type, values);
}

std::vector<std::byte> ResultOf(const ProductGroup& group, const std::vector<ir::Literal>& operands,
                                const ProductConfig& config) {
  const auto lowered = group.LowerWith(config);
  EXPECT_TRUE(lowered.ok()) << lowered.status().message();
  if (!lowered.ok()) return {};
  for (const Dispatch& dispatch : lowered->dispatches) EXPECT_TRUE(Verify(dispatch.kernel).ok());
  Memory memory;
  for (size_t i = 0; i < operands.size(); ++i) memory[group.group.inputs[i]] = operands[i].Dense();
  EXPECT_TRUE(RunLoweredGroup(*lowered, memory).ok());
  return memory[group.group.outputs[0]];
}

// Every kind of kernel, in one and several parts.
std::vector<ProductConfig> KernelsFor(const Sizes& sizes, std::optional<DType> matrix_input) {
  std::vector<ProductConfig> configs = {TileTestConfig(8, 8, 4, 2, 2), TileTestConfig(32, 16, 16, 1, 4),
                                        DirectTestConfig(3, 4, ProductAxis::kM, ProductAxis::kN),
                                        DirectTestConfig(8, 4, ProductAxis::kM, ProductAxis::kN)};
  configs.back().exchanges_rows = true;
  configs.back().workgroup_size = 16;
  if (sizes.m <= 8) {
    configs.push_back(DirectTestConfig(1, static_cast<int>(sizes.m), ProductAxis::kN, ProductAxis::kM));
    configs.back().kernel = ProductKernel::kRow;
    configs.back().workgroup_size = 16;
  }
  if (matrix_input.has_value()) {
    configs.push_back(TileTestConfig(32, 32, 16, 16, 16));
    configs.back().unit = TileUnit::kMatrix;
    configs.back().matrix = {16, 16, 16, *matrix_input, DType::kF32};
    configs.back().subgroup_size = 32;
    configs.back().workgroup_size = 4 * 32;
  }
  const size_t count = configs.size();
  for (size_t i = 0; i < count; ++i) {
    configs.push_back(configs[i]);
    configs.back().splits = 2;
  }
  return configs;
}

void ExpectSameBits(const OperandForm& lhs_form, const OperandForm& rhs_form, const Types& types, const Sizes& sizes) {
  SCOPED_TRACE(Format("{} times {}, {} to {}, {}x{}x{}", lhs_form.name, rhs_form.name, types.front(), types.back(),
                      sizes.m, sizes.n, sizes.k));
  const OperandText lhs("a", lhs_form, types, sizes.m, sizes.k);
  const OperandText rhs("b", rhs_form, types, sizes.k, sizes.n);
  const std::string result = types.back() == "si32" ? "si32" : "f32";
  const std::string head = Format("({}, {}) {{ ", lhs.parameter, rhs.parameter);
  const ProductGroup taken(head + lhs.ops + rhs.ops + DotText(lhs.value, rhs.value, sizes, result));
  const ProductGroup written(Format("(%a: {}, %b: {}) {{ ", lhs.type, rhs.type) + DotText("%a", "%b", sizes, result));
  const auto moves = ir::Parse("module @moves\nfunc public @main" + head + lhs.ops + rhs.ops +
                               Format("return({}, {}) }}", lhs.value, rhs.value));
  ASSERT_TRUE(moves.ok()) << moves.status().message();
  const auto product = PrepareProduct(taken.group, DotProduct(*taken.group.hero));
  ASSERT_TRUE(product.ok()) << product.status().message();
  for (const ProductConfig& config : KernelsFor(sizes, MatrixInput(*product, SimplifyProduct(*product)))) {
    // How many elements an invocation adds before the next one's depends on what is contiguous there.
    const bool whole = config.kernel == ProductKernel::kRow;
    const std::vector<ir::Literal> sources = {UnevenNumbers(taken.group.inputs[0]->type, 1, whole),
                                              UnevenNumbers(taken.group.inputs[1]->type, 2, whole)};
    const auto operands = reference::Evaluate(**moves, "main", sources);
    ASSERT_TRUE(operands.ok()) << operands.status().message();
    EXPECT_TRUE(ResultOf(taken, sources, config) == ResultOf(written, *operands, config))
        << NameOf(config) << " " << config.tile_m << " in " << config.splits;
  }
}

TEST(ProductOperand, IsMovedAndRoundedAtEachLoad) {
  for (size_t i = 0; i < std::size(kForms); ++i) {
    for (const Types& types : std::vector<Types>{{"f32"}, {"f32", "bf16"}, {"bf16", "f32"}}) {
      ExpectSameBits(kForms[i], kForms[(i + 3) % std::size(kForms)], types, {5, 7, 3});
      ExpectSameBits(kForms[i], kForms[(i + 5) % std::size(kForms)], types, {33, 18, 20});
      ExpectSameBits(kForms[i], kForms[(i + 1) % std::size(kForms)], types, {4, 32, 24});
    }
  }
}

TEST(ProductOperand, ConvertsBetweenAllKindsOfTypes) {
  const std::vector<Types> all = {{"f32", "f16"},  {"f16", "f32"},       {"f64", "f32"},         {"si8", "f32"},
                                  {"i1", "bf16"},  {"si32", "f32"},      {"f32", "bf16", "f32"}, {"si16", "si32"},
                                  {"f32", "si32"}, {"f8E4M3FN", "bf16"}, {"ui8", "f16"}};
  for (const Types& types : all) {
    ExpectSameBits(kForms[0], kForms[0], types, {17, 10, 6});
    ExpectSameBits(kForms[1], kForms[6], types, {6, 20, 36});
  }
}

TEST(ProductOperand, StaysOnMatrixUnitsWhereItIsRounded) {
  const auto input = [](const Types& types) {
    const OperandText lhs("a", kForms[0], types, 32, 32);
    const OperandText rhs("b", kForms[1], types, 32, 32);
    const ProductGroup group(Format("({}, {}) {{ ", lhs.parameter, rhs.parameter) + lhs.ops + rhs.ops +
                             DotText(lhs.value, rhs.value, {32, 32, 32}, "f32"));
    const auto product = PrepareProduct(group.group, DotProduct(*group.group.hero));
    return MatrixInput(*product, SimplifyProduct(*product));
  };
  EXPECT_EQ(input({"f32", "bf16"}), DType::kBF16);
  EXPECT_EQ(input({"bf16", "f32"}), std::nullopt);
}

TEST(ProductOperand, ThatIsComputedInTheGroupIsAnInternalError) {
  const ProductGroup group("(%a: tensor<4x6xf32>, %b: tensor<6x4xf32>) { %c = negate(%a) : tensor<4x6xf32> " +
                           DotText("%c", "%b", {4, 4, 6}, "f32"));
  EXPECT_EQ(LowerGroup(group.group, {VectorProfile()}).status().code(), StatusCode::kInternal);
}

}  // namespace
}  // namespace dragoman::kernel
