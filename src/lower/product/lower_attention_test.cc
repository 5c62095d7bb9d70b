// SPDX-License-Identifier: Apache-2.0
// Attention kernels, interpreted, against the reference: rows and columns, masks, statistics, element types, units of
// several vendors, extents that fill no tile.
#include <gtest/gtest.h>

#include <random>

#include "fusion/attention.h"
#include "lower/group_testing.h"
#include "lower/product/kinds.h"
#include "reference/evaluator.h"

namespace dragoman::kernel {
namespace {

// What stands in every text: batch and heads, rows, columns, depth.
struct AttentionSizes {
  int64_t batch = 2, heads = 1, rows = 70, columns = 90, depth = 16;
};

std::string Filled(std::string text, const AttentionSizes& sizes, const std::string& type) {
  const std::pair<std::string, std::string> words[] = {
      {"BATCH", std::to_string(sizes.batch)},
      {"HEADS", std::to_string(sizes.heads)},
      {"ROWS", std::to_string(sizes.rows)},
      {"COLS", std::to_string(sizes.columns)},
      {"DEPTH", std::to_string(sizes.depth)},
      {"TYPE", type},
      {"SCORES", Format("{}x{}x{}x{}", sizes.batch, sizes.heads, sizes.rows, sizes.columns)},
      {"STATS", Format("{}x{}x{}", sizes.batch, sizes.heads, sizes.rows)}};
  for (const auto& [from, to] : words) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at))
      text.replace(at, from.size(), to);
  }
  return text;
}

// %q %k %v; defines scores %s, softmax %p of `masked` scores %x.
const char* const kScores =
    "%s = dot_general(%q, %k) {lhs_batching_dimensions = [0, 2], rhs_batching_dimensions = [0, 2], "
    "lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [3], precision = 0} : tensor<SCORESxf32> "
    "%c = constant() {value = dense<0.25>} : tensor<SCORESxf32> %y = multiply(%s, %c) : tensor<SCORESxf32> ";
const char* const kSoftmax =
    "%z = constant() {value = dense<0>} : tensor<f32> %l = constant() {value = dense<0xff800000>} : tensor<f32> "
    "%m = reduce(%x, %l) {dimensions = [3]} : tensor<STATSxf32> (%a: tensor<f32>, %b: tensor<f32>) { %mx = "
    "maximum(%a, %b) : tensor<f32> return(%mx) } "
    "%mb = broadcast_in_dim(%m) {broadcast_dimensions = [0, 1, 2]} : tensor<SCORESxf32> "
    "%d = subtract(%x, %mb) : tensor<SCORESxf32> %e = exponential(%d) : tensor<SCORESxf32> "
    "%t = reduce(%e, %z) {dimensions = [3]} : tensor<STATSxf32> (%a1: tensor<f32>, %b1: tensor<f32>) { %ad = "
    "add(%a1, %b1) : tensor<f32> return(%ad) } "
    "%tb = broadcast_in_dim(%t) {broadcast_dimensions = [0, 1, 2]} : tensor<SCORESxf32> "
    "%pf = divide(%e, %tb) : tensor<SCORESxf32> %p = convert(%pf) : tensor<SCORESxTYPE> ";
const char* const kCausal =
    "%i = iota() {iota_dimension = 2} : tensor<SCORESxsi32> %j = iota() {iota_dimension = 3} : tensor<SCORESxsi32> "
    "%in = compare(%i, %j) {comparison_direction = 2, compare_type = 3} : tensor<SCORESxi1> "
    "%low = constant() {value = dense<LOWEST>} : tensor<SCORESxf32> "
    "%x = select(%in, %y, %low) : tensor<SCORESxf32> ";
const char* const kPlain = "%x = reshape(%y) : tensor<SCORESxf32> ";
const char* const kOut =
    "%o = dot_general(%v, %p) {lhs_batching_dimensions = [0, 2], rhs_batching_dimensions = [0, 1], "
    "lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [3], precision = 0} : "
    "tensor<BATCHxHEADSxDEPTHxROWSxTYPE> ";
const char* const kArguments =
    "(%q: tensor<BATCHxROWSxHEADSxDEPTHxTYPE>, %k: tensor<BATCHxCOLSxHEADSxDEPTHxTYPE>, "
    "%v: tensor<BATCHxCOLSxHEADSxDEPTHxTYPE>";

std::string Forward(const std::string& mask) {
  return std::string(kArguments) + ") { " + kScores + mask + kSoftmax + kOut + "return(%o, %m, %t) }";
}

// %w: the gradient of the result, as it lies in memory. %g: that of the softmax.
const char* const kIncoming =
    "%gd = dot_general(%w, %v) {lhs_batching_dimensions = [0, 2], rhs_batching_dimensions = [0, 2], "
    "lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [3], precision = 0} : tensor<SCORESxTYPE> "
    "%g = convert(%gd) : tensor<SCORESxf32> ";
const char* const kDelta =
    "%pg = multiply(%pf, %g) : tensor<SCORESxf32> "
    "%dl = reduce(%pg, %z) {dimensions = [3]} : tensor<STATSxf32> (%a2: tensor<f32>, %b2: tensor<f32>) { %ad2 = "
    "add(%a2, %b2) : tensor<f32> return(%ad2) } ";
const char* const kScoreGradient =
    "%dlb = broadcast_in_dim(%dl) {broadcast_dimensions = [0, 1, 2]} : tensor<SCORESxf32> "
    "%df = subtract(%g, %dlb) : tensor<SCORESxf32> %ds = multiply(%pf, %df) : tensor<SCORESxf32> "
    "%dc = multiply(%ds, %c) : tensor<SCORESxf32> ";
const char* const kProbability =
    "%mb = broadcast_in_dim(%m) {broadcast_dimensions = [0, 1, 2]} : tensor<SCORESxf32> "
    "%d = subtract(%x, %mb) : tensor<SCORESxf32> %e = exponential(%d) : tensor<SCORESxf32> "
    "%tb = broadcast_in_dim(%t) {broadcast_dimensions = [0, 1, 2]} : tensor<SCORESxf32> "
    "%pf = divide(%e, %tb) : tensor<SCORESxf32> %p = convert(%pf) : tensor<SCORESxTYPE> ";

std::string RowGradient(const std::string& mask = kPlain) {
  return std::string(kArguments) + ", %w: tensor<BATCHxROWSxHEADSxDEPTHxTYPE>) { " + kScores + mask + kSoftmax +
         kIncoming + kDelta + kScoreGradient +
         "%dq = dot_general(%dc, %k) {lhs_batching_dimensions = [0, 1], rhs_batching_dimensions = [0, 2], "
         "lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [1], precision = 0} : "
         "tensor<BATCHxHEADSxROWSxDEPTHxf32> return(%dq, %dl) }";
}

// The rows' values are given.
std::string ColumnGradients(const std::string& mask = kPlain) {
  return std::string(kArguments) +
         ", %w: tensor<BATCHxROWSxHEADSxDEPTHxTYPE>, %m: tensor<STATSxf32>, %t: tensor<STATSxf32>, "
         "%dl: tensor<STATSxf32>) { " +
         kScores + mask + kProbability + kIncoming + kScoreGradient +
         "%dv = dot_general(%w, %p) {lhs_batching_dimensions = [0, 2], rhs_batching_dimensions = [0, 1], "
         "lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [2], precision = 0} : "
         "tensor<BATCHxHEADSxDEPTHxCOLSxTYPE> "
         "%dk = dot_general(%dc, %q) {lhs_batching_dimensions = [0, 1], rhs_batching_dimensions = [0, 2], "
         "lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1], precision = 0} : "
         "tensor<BATCHxHEADSxCOLSxDEPTHxf32> return(%dv, %dk) }";
}

target::DeviceProfile MatrixProfile(int m, int n, int subgroup_size) {
  target::DeviceProfile profile = VectorProfile();
  profile.cooperative_matrix = profile.vulkan_memory_model = profile.subgroup_basic = true;
  profile.subgroup_size = profile.subgroup_min_size = profile.subgroup_max_size = subgroup_size;
  profile.matrix_registers = 208;
  for (const DType input : {DType::kF16, DType::kBF16}) {
    profile.matrix_shapes.push_back({m, n, 16, input, DType::kF32});
  }
  profile.shared_memory_bytes = 65536;
  return profile;
}

// Every output is near the reference's.
void ExpectNear(const std::string& text, const target::DeviceProfile& profile, double tolerance, double large = 1) {
  TestGroup test(text, fusion::GroupKind::kAttention);
  ASSERT_FALSE(test.group.members.empty());
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  std::vector<ir::Literal> inputs;
  for (size_t i = 0; i < test.group.inputs.size(); ++i) {
    Numbers numbers(test.input_type(static_cast<int>(i)).num_elements());
    const bool is_of_rows = test.input_type(static_cast<int>(i)).rank() == 3;  // such as sums, which are not near 0
    for (Number& number : numbers) number = is_of_rows ? 2 + 0.1 * normal(random) : large * normal(random);
    test.SetInput(static_cast<int>(i), numbers);
    inputs.emplace_back(test.input_type(static_cast<int>(i)), test.memory[test.group.inputs[i]]);
  }
  const auto expected = reference::Evaluate(*test.module, "main", inputs);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  const StatusOr<LoweredGroup> lowered = LowerAttention(test.group, {profile});
  ASSERT_TRUE(lowered.ok()) << lowered.status().message();
  ExpectWithinLimits(*lowered, profile);
  TestGroup::RunLowered(*lowered, test.memory, profile);
  for (size_t i = 0; i < test.group.outputs.size(); ++i) {
    const DType type = test.output_type(static_cast<int>(i)).dtype;
    const Dims& dims = test.output_type(static_cast<int>(i)).dims;
    test.Expect(
        static_cast<int>(i),
        [&](const Dims& at) { return DecodeElement(type, (*expected)[i].element(LinearAt(dims, at))); }, tolerance);
  }
}

struct NamedType {
  DType type;
  double tolerance;
};
// f32 is the sum of two bf16.
const NamedType kTypes[] = {{DType::kBF16, 0.03}, {DType::kF16, 0.004}, {DType::kF32, 4e-4}};

const target::DeviceProfile kProfiles[] = {MatrixProfile(16, 16, 32), MatrixProfile(16, 16, 64),
                                           MatrixProfile(8, 16, 16)};

void ExpectNearEverywhere(const std::string& text, const AttentionSizes& sizes, double large = 1) {
  for (const NamedType& type : kTypes) {
    for (const target::DeviceProfile& profile : kProfiles) {
      SCOPED_TRACE(Format("{} in subgroups of {}", Name(type.type), profile.subgroup_size));
      ExpectNear(Filled(text, sizes, std::string(Name(type.type))), profile, type.tolerance * large * large, large);
    }
  }
}

std::string WithLowest(std::string text, const std::string& lowest) {
  return text.replace(text.find("LOWEST"), 6, lowest);
}

TEST(LowerAttention, Forward) {
  ExpectNearEverywhere(Forward(kPlain), {});
  ExpectNearEverywhere(Forward(kPlain), {.batch = 1, .heads = 3, .rows = 64, .columns = 64, .depth = 24});
}

TEST(LowerAttention, RowsWithoutNumbersAndMasks) {
  const AttentionSizes sizes = {.batch = 1, .rows = 70, .columns = 70};
  ExpectNearEverywhere(WithLowest(Forward(kCausal), "-2.3e38"), sizes);
  ExpectNearEverywhere(WithLowest(Forward(kCausal), "0xff800000"), sizes);
  // What stands for -inf here leaves rows of nothing else: NaN.
  const std::string nothing =
      "%low = constant() {value = dense<0xff800000>} : tensor<SCORESxf32> "
      "%x = minimum(%y, %low) : tensor<SCORESxf32> ";
  ExpectNearEverywhere(Forward(nothing), sizes);
}

// The number of tiles that a walk by a causal mask leaves out differs from workgroup to workgroup.
const AttentionSizes kManyTiles = {.batch = 1, .rows = 192, .columns = 192};

TEST(LowerAttention, CausalMasksLeaveOutTiles) {
  for (const std::string& text : {Forward(kCausal), RowGradient(kCausal), ColumnGradients(kCausal)}) {
    ExpectNearEverywhere(WithLowest(text, "-2.3e38"), kManyTiles);
  }
  ExpectNearEverywhere(WithLowest(Forward(kCausal), "-2.3e38"), {.batch = 1, .rows = 100, .columns = 230});
}

// Some rows have nothing larger than what the mask puts there, so that this counts.
TEST(LowerAttention, ScoresBelowTheMaskBringTilesBack) {
  const std::string huge = std::string(
                               "%h = constant() {value = dense<1e31>} : tensor<SCORESxf32> "
                               "%yh = multiply(%y, %h) : tensor<SCORESxf32> ") +
                           kCausal;
  std::string text = WithLowest(Forward(huge), "-3e30");
  text = text.replace(text.find("%x = select(%in, %y, %low)"), 26, "%x = select(%in, %yh, %low)");
  ExpectNear(Filled(text, kManyTiles, "bf16"), kProfiles[0], 0.03);
}

TEST(LowerAttention, LargeScores) { ExpectNearEverywhere(Forward(kPlain), {}, 4); }

TEST(LowerAttention, GradientByRows) {
  ExpectNearEverywhere(RowGradient(), {});
  ExpectNearEverywhere(RowGradient(), {.batch = 1, .heads = 2, .rows = 64, .columns = 40, .depth = 8});
}

TEST(LowerAttention, GradientByColumns) {
  ExpectNearEverywhere(ColumnGradients(), {});
  ExpectNearEverywhere(ColumnGradients(), {.batch = 1, .heads = 2, .rows = 40, .columns = 64, .depth = 8});
}

}  // namespace
}  // namespace dragoman::kernel
