// SPDX-License-Identifier: Apache-2.0
#include "element/group_access.h"

#include <gtest/gtest.h>

#include "lower/group_testing.h"

namespace dragoman::kernel {
namespace {

// One op on a tensor %0, with what else it takes as %1 and so on.
std::string Body(const std::string& parameters, const std::string& op, const std::string& result) {
  return "(" + parameters + ") { %r = " + op + " : tensor<" + result + "> return(%r) }";
}

struct AccessRow {
  std::string parameters, op, result;
  int lanes;
  int contiguous, uniform, separate;
};

// What four (or as many as stated) neighbours of a result load, on both sides of each condition.
const AccessRow kAccessRows[] = {
    {"%0: tensor<8x12xf32>", "negate(%0)", "8x12xf32", 4, 1, 0, 0},
    // broadcasts: of a scalar, of rows, of columns, along a dimension of extent 1
    {"%0: tensor<f32>", "broadcast_in_dim(%0) {broadcast_dimensions = []}", "8x12xf32", 4, 0, 1, 0},
    {"%0: tensor<12xf32>", "broadcast_in_dim(%0) {broadcast_dimensions = [1]}", "8x12xf32", 4, 1, 0, 0},
    {"%0: tensor<12xf32>", "broadcast_in_dim(%0) {broadcast_dimensions = [1]}", "8x12xf32", 8, 0, 0, 1},
    {"%0: tensor<8xf32>", "broadcast_in_dim(%0) {broadcast_dimensions = [0]}", "8x12xf32", 4, 0, 1, 0},
    {"%0: tensor<8x1xf32>", "broadcast_in_dim(%0) {broadcast_dimensions = [0, 1]}", "8x12xf32", 4, 0, 1, 0},
    {"%0: tensor<7x1xf32>", "broadcast_in_dim(%0) {broadcast_dimensions = [0, 1]}", "7x3xf32", 4, 0, 0, 1},
    // transposes: the innermost dimension stays, or not
    {"%0: tensor<8x6x12xf32>", "transpose(%0) {permutation = [1, 0, 2]}", "6x8x12xf32", 4, 1, 0, 0},
    {"%0: tensor<8x12xf32>", "transpose(%0) {permutation = [1, 0]}", "12x8xf32", 4, 0, 0, 1},
    {"%0: tensor<8x12x1xf32>", "transpose(%0) {permutation = [0, 2, 1]}", "8x1x12xf32", 4, 1, 0, 0},
    // reshapes keep neighbours
    {"%0: tensor<8x3xf32>", "reshape(%0)", "6x4xf32", 4, 1, 0, 0},
    // reversals of the innermost and of another dimension
    {"%0: tensor<8x12xf32>", "reverse(%0) {dimensions = [0]}", "8x12xf32", 4, 1, 0, 0},
    {"%0: tensor<8x12xf32>", "reverse(%0) {dimensions = [1]}", "8x12xf32", 4, 0, 0, 1},
    // slices: aligned, not aligned, strided, of an operand whose rows are odd
    {"%0: tensor<8x16xf32>", "slice(%0) {start_indices = [1, 4], limit_indices = [3, 12], strides = [1, 1]}", "2x8xf32",
     4, 1, 0, 0},
    {"%0: tensor<8x16xf32>", "slice(%0) {start_indices = [1, 2], limit_indices = [3, 10], strides = [1, 1]}", "2x8xf32",
     4, 0, 0, 1},
    {"%0: tensor<8x16xf32>", "slice(%0) {start_indices = [1, 2], limit_indices = [3, 10], strides = [1, 1]}", "2x8xf32",
     2, 1, 0, 0},
    {"%0: tensor<8x16xf32>", "slice(%0) {start_indices = [0, 0], limit_indices = [8, 16], strides = [1, 2]}", "8x8xf32",
     4, 0, 0, 1},
    {"%0: tensor<8x15xf32>", "slice(%0) {start_indices = [0, 0], limit_indices = [8, 8], strides = [1, 1]}", "8x8xf32",
     4, 0, 0, 1},
    // pads: by whole vectors, by less, in between
    {"%0: tensor<8x8xf32>, %1: tensor<f32>",
     "pad(%0, %1) {edge_padding_low = [1, 4], edge_padding_high = [0, 4], interior_padding = [2, 0]}", "23x16xf32", 4,
     1, 1, 0},
    {"%0: tensor<8x8xf32>, %1: tensor<f32>",
     "pad(%0, %1) {edge_padding_low = [0, 2], edge_padding_high = [0, 2], interior_padding = [0, 0]}", "8x12xf32", 4, 0,
     1, 1},
    {"%0: tensor<8x8xf32>, %1: tensor<f32>",
     "pad(%0, %1) {edge_padding_low = [0, 0], edge_padding_high = [0, 1], interior_padding = [0, 1]}", "8x16xf32", 4, 0,
     1, 1},
    // concatenations along another dimension, along the innermost in whole vectors and in others
    {"%0: tensor<3x8xf32>, %1: tensor<5x8xf32>", "concatenate(%0, %1) {dimension = 0}", "8x8xf32", 4, 2, 0, 0},
    {"%0: tensor<3x8xf32>, %1: tensor<3x4xf32>", "concatenate(%0, %1) {dimension = 1}", "3x12xf32", 4, 2, 0, 0},
    {"%0: tensor<3x6xf32>, %1: tensor<3x6xf32>", "concatenate(%0, %1) {dimension = 1}", "3x12xf32", 4, 0, 0, 2},
    // dynamic slices: whole rows, and parts of them, which may start anywhere
    {"%0: tensor<9x8xf32>, %1: tensor<si32>, %2: tensor<si32>", "dynamic_slice(%0, %1, %2) {slice_sizes = [2, 8]}",
     "2x8xf32", 4, 1, 1, 0},
    {"%0: tensor<9x16xf32>, %1: tensor<si32>, %2: tensor<si32>", "dynamic_slice(%0, %1, %2) {slice_sizes = [2, 8]}",
     "2x8xf32", 4, 0, 2, 1},
};

TEST(GroupAccess, CountsWhatNeighboursLoad) {
  for (const AccessRow& row : kAccessRows) {
    SCOPED_TRACE(row.op + " on " + row.parameters + Format(" in {} lanes", row.lanes));
    const TestGroup test(Body(row.parameters, row.op, row.result));
    ASSERT_NE(test.module, nullptr);
    const ir::Value* roots[] = {test.group.outputs[0]};
    const LaneAccess access = AnalyzeLanes(test.group, roots, row.lanes);
    EXPECT_EQ(access.contiguous, row.contiguous);
    EXPECT_EQ(access.separate, row.separate);
    // Starts of whole dimensions are not looked at; the count may hold them all the same.
    EXPECT_GE(access.uniform, row.uniform);
    EXPECT_EQ(access.num_ops, 1);
  }
}

TEST(GroupAccess, CountsEachLoadAndEachOperationOnce) {
  const TestGroup test(
      "(%0: tensor<64xf32>, %1: tensor<64xf32>) { %2 = add(%0, %1) : tensor<64xf32> %3 = multiply(%2, %0) : "
      "tensor<64xf32> %4 = subtract(%3, %2) : tensor<64xf32> return(%4, %2) }");
  const ir::Value* roots[] = {test.group.outputs[0], test.group.outputs[1]};
  const LaneAccess access = AnalyzeLanes(test.group, roots, 4);
  EXPECT_EQ(access.contiguous, 2);
  EXPECT_EQ(access.num_ops, 3);
  // What is known is neither computed nor are its producers.
  const LaneAccess rest = AnalyzeLanes(test.group, roots, 4, {test.group.members[0]->result()});
  EXPECT_EQ(rest.contiguous, 1);
  EXPECT_EQ(rest.num_ops, 2);
}

// What one op leaves to the next: all lanes alike stay alike, and lanes on their own stay on their own.
TEST(GroupAccess, CarriesTheMannerThroughWhatIsComputed) {
  const struct {
    const char* body;
    int contiguous, uniform, separate;
  } rows[] = {
      {"%1 = negate(%0) : tensor<8xf32> %2 = broadcast_in_dim(%1) {broadcast_dimensions = [0]} : tensor<8x12xf32>", 0,
       1, 0},
      {"%1 = negate(%0) : tensor<8xf32> %2 = reverse(%1) {dimensions = [0]} : tensor<8xf32>", 0, 0, 1},
      {"%1 = reverse(%0) {dimensions = [0]} : tensor<8xf32> %2 = broadcast_in_dim(%1) {broadcast_dimensions = [0]} : "
       "tensor<8x12xf32>",
       0, 1, 0},
      {"%1 = reverse(%0) {dimensions = [0]} : tensor<8xf32> %2 = negate(%1) : tensor<8xf32>", 0, 0, 1},
      {"%1 = negate(%0) : tensor<8xf32> %2 = broadcast_in_dim(%1) {broadcast_dimensions = [1]} : tensor<5x8xf32>", 1, 0,
       0},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.body);
    const TestGroup test(Format("(%0: tensor<8xf32>) {{ {} return(%2) }}", row.body));
    const ir::Value* roots[] = {test.group.outputs[0]};
    const LaneAccess access = AnalyzeLanes(test.group, roots, 4);
    EXPECT_EQ(access.contiguous, row.contiguous);
    EXPECT_EQ(access.uniform, row.uniform);
    EXPECT_EQ(access.separate, row.separate);
  }
}

// A reader of the value itself and one of its reverse compute it at two positions.
TEST(GroupAccess, CountsAnOperationOnceAPosition) {
  const TestGroup test(
      "(%0: tensor<64xf32>) { %1 = exponential(%0) : tensor<64xf32> %2 = reverse(%1) {dimensions = [0]} : "
      "tensor<64xf32> %3 = add(%1, %2) : tensor<64xf32> return(%3) }");
  const ir::Value* roots[] = {test.group.outputs[0]};
  EXPECT_EQ(AnalyzeLanes(test.group, roots, 1).num_ops, 4);
}

TEST(GroupAccess, FindsKernelsThatNeedNoExtents) {
  const struct {
    std::string parameters, op, result;
    bool is_linear;
  } rows[] = {
      {"%0: tensor<6x8xf32>", "negate(%0)", "6x8xf32", true},
      {"%0: tensor<6x8xf32>", "reshape(%0)", "48xf32", true},
      {"%0: tensor<f32>", "broadcast_in_dim(%0) {broadcast_dimensions = []}", "6x8xf32", true},
      {"%0: tensor<6xf32>", "broadcast_in_dim(%0) {broadcast_dimensions = [1]}", "1x6xf32", true},
      {"%0: tensor<8xf32>", "broadcast_in_dim(%0) {broadcast_dimensions = [1]}", "6x8xf32", false},
      {"%0: tensor<6x8xf32>", "transpose(%0) {permutation = [1, 0]}", "8x6xf32", false},
      {"%0: tensor<6x8xf32>", "reverse(%0) {dimensions = [0]}", "6x8xf32", false},
      {"%0: tensor<6x8xf32>", "slice(%0) {start_indices = [0, 0], limit_indices = [3, 8], strides = [1, 1]}", "3x8xf32",
       false},
      {"", "iota() {iota_dimension = 0}", "48xf32", true},
      {"", "iota() {iota_dimension = 1}", "1x48xf32", true},
      {"", "iota() {iota_dimension = 1}", "6x8xf32", false},
      {"%0: tensor<6x8xf32>", "bitcast_convert(%0)", "6x8xui32", true},
      {"%0: tensor<6x8xf32>", "bitcast_convert(%0)", "6x8x4xui8", false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.op + " to " + row.result);
    const TestGroup test(Body(row.parameters, row.op, row.result));
    ASSERT_NE(test.module, nullptr);
    const ir::Value* roots[] = {test.group.outputs[0]};
    EXPECT_EQ(IsLinearAccess(test.group, roots), row.is_linear);
  }
}

TEST(GroupAccess, FillsVectorsWithTheWidestType) {
  const struct {
    const char* in;
    const char* out;
    int vector_bytes;
    int lanes;
  } rows[] = {{"si8", "si8", 16, 8},  {"si8", "si8", 4, 4},  {"bf16", "bf16", 16, 8}, {"bf16", "f32", 16, 4},
              {"f32", "bf16", 16, 4}, {"f32", "f32", 16, 4}, {"f32", "f32", 8, 2},    {"f32", "f32", 4, 1},
              {"f32", "f32", 12, 2},  {"f64", "f32", 16, 2}, {"c64", "f32", 16, 2},   {"c128", "c128", 16, 1},
              {"c128", "c128", 4, 1}, {"f32", "f32", 64, 8}, {"i1", "i1", 16, 8}};
  for (const auto& row : rows) {
    SCOPED_TRACE(Format("{} to {} by {} bytes", row.in, row.out, row.vector_bytes));
    const TestGroup test(
        Format("(%0: tensor<64x{}>) {{ %1 = convert(%0) : tensor<64x{}> return(%1) }}", row.in, row.out));
    EXPECT_EQ(PreferredLanes(test.group, row.vector_bytes), row.lanes);
  }
  // What all lanes share does not count.
  const TestGroup uniform(
      "(%0: tensor<64xf32>, %1: tensor<f64>) { %2 = convert(%1) : tensor<f32> %3 = broadcast_in_dim(%2) "
      "{broadcast_dimensions = []} : tensor<64xf32> %4 = add(%0, %3) : tensor<64xf32> return(%4) }");
  EXPECT_EQ(PreferredLanes(uniform.group, 16), 4);
}

// Constants: splats and iota are written into code whatever the plan says, short ones unless they are inputs.
TEST(GroupAccess, ComputesMembersAndConstantsThatAreInNoMemory) {
  std::string sixteen, seventeen;
  for (int i = 0; i < 17; ++i) {
    const std::string number = std::to_string(i * i);
    if (i < 16) sixteen += (i > 0 ? ", " : "") + number;
    seventeen += (i > 0 ? ", " : "") + number;
  }
  TestGroup test(Format(
      "(%p: tensor<4xf32>) {{ %splat = constant() {{value = dense<7>}} : tensor<99xf32> %short = constant() {{value = "
      "dense<[{}]>}} : tensor<16xf32> %long = constant() {{value = dense<[{}]>}} : tensor<17xf32> %iota = iota() "
      "{{iota_dimension = 0}} : tensor<99xf32> %sum = add(%splat, %iota) : tensor<99xf32> return(%sum, %short, %long) "
      "}}",
      sixteen, seventeen));
  ASSERT_NE(test.module, nullptr);
  const auto& ops = test.group.members;
  const auto is_computed = [&](int i) { return Membership(test.group).IsComputed(ops[i]->result()); };
  EXPECT_FALSE(Membership(test.group).IsComputed(test.group.inputs[0]));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(is_computed(i)) << i;
  for (ir::Op* op : ops) test.group.inputs.push_back(op->result());
  EXPECT_TRUE(is_computed(0));
  EXPECT_FALSE(is_computed(1));
  EXPECT_FALSE(is_computed(2));
  EXPECT_TRUE(is_computed(3));
  EXPECT_FALSE(is_computed(4));
  test.group.inputs.clear();
  std::vector<ir::Op*> all;
  all.swap(test.group.members);
  EXPECT_TRUE(Membership(test.group).IsComputed(all[1]->result()));
  EXPECT_FALSE(Membership(test.group).IsComputed(all[2]->result()));
  EXPECT_FALSE(Membership(test.group).IsComputed(all[4]->result()));
}

}  // namespace
}  // namespace dragoman::kernel
