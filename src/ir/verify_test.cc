// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/format.h"
#include "ir/ir.h"

namespace dragoman::ir {
namespace {

std::string Message(std::string_view parameters, std::string_view body) {
  const auto module = Parse(Format("module @m\nfunc public @main({}) {{ {} }}", parameters, body));
  EXPECT_TRUE(module.ok()) << module.status().message();
  if (!module.ok()) return module.status().message();
  const Status status = Verify(**module);
  EXPECT_TRUE(status.ok() || status.code() == StatusCode::kInternal);
  return status.ok() ? "" : status.message();
}

struct Broken {
  const char* parameters;
  const char* body;
  const char* message;  // a part of it
};

TEST(Verify, NamesWhatIsWrongWithEachOp) {
  const Broken cases[] = {
      {"%x: tensor<2xf32>, %y: tensor<3xf32>", "%a = add(%x, %y) : tensor<2xf32> return(%a)", "does not fit"},
      {"%x: tensor<2xf32>, %y: tensor<2xf64>", "%a = add(%x, %y) : tensor<2xf32> return(%a)", "has type f64"},
      {"%x: tensor<2xf32>", "%a = add(%x) : tensor<2xf32> return(%a)", "has 1 operands"},
      {"%x: tensor<2xf32>", "%a = and(%x, %x) : tensor<2xf32> return(%a)", "does not take f32"},
      {"%x: tensor<2xf32>", "%a = negate(%x) : tensor<3xf32> return(%a)", "expected tensor<2xf32>"},
      {"%x: tensor<2xf32>", "%a = compare(%x, %x) {compare_type = 0} : tensor<2xi1> return(%a)",
       "lacks the attribute comparison_direction"},
      {"%x: tensor<6xf32>", "%a = reshape(%x) : tensor<2x4xf32> return(%a)", "differ in element count"},
      {"%x: tensor<2xf32>", "%a = broadcast_in_dim(%x) {broadcast_dimensions = [1]} : tensor<2x3xf32> return(%a)",
       "does not broadcast"},
      {"%x: tensor<2x3xf32>", "%a = transpose(%x) {permutation = [0, 0]} : tensor<2x2xf32> return(%a)", "twice"},
      {"%x: tensor<4xf32>",
       "%a = slice(%x) {start_indices = [1], limit_indices = [5], strides = [1]} : tensor<4xf32> return(%a)",
       "is not in dimension 0"},
      {"%x: tensor<4xf32>, %y: tensor<4x1xf32>", "%a = concatenate(%x, %y) {dimension = 0} : tensor<8xf32> return(%a)",
       "expected rank 1"},
      {"%x: tensor<4xf32>, %i: tensor<f32>",
       "%a = dynamic_slice(%x, %i) {slice_sizes = [2]} : tensor<2xf32> return(%a)", "integer scalars"},
      {"%x: tensor<4xf32>, %v: tensor<f32>",
       "%a = reduce(%x, %v) {dimensions = [0]} : tensor<f32> (%p: tensor<f32>) { return(%p) } return(%a)",
       "has 1 arguments, expected 2"},
      {"%x: tensor<4xf32>",
       "%a = sort(%x) {dimension = 0, is_stable = 1} : tensor<4xf32> (%p: tensor<f32>, %q: tensor<f32>) { return(%p) } "
       "return(%a)",
       "expected tensor<i1>"},
      {"%x: tensor<2x3xf32>, %y: tensor<4x5xf32>",
       "%a = dot_general(%x, %y) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], "
       "lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0} : tensor<2x5xf32> "
       "return(%a)",
       "differ in extent"},
      {"%x: tensor<2x3xf32>", "%a = cholesky(%x) {lower = 1} : tensor<2x3xf32> return(%a)", "no square matrices"},
      {"%p: tensor<i1>",
       "%a = while(%p) : tensor<i1> (%b: tensor<i1>) { return(%b) } (%c: tensor<i1>) { return() } return(%a)",
       "has 0 values, expected 1"},
      {"%x: tensor<4xf32>",
       "%a = all_gather(%x) {replica_groups = [0, 1], channel_id = 0, use_global_device_ids = 0, all_gather_dim = 0} : "
       "tensor<8xf32> return(%a)",
       "does not end in -1"},
      {"%x: tensor<4xf32>",
       "%a = all_gather(%x) {replica_groups = [], channel_id = 0, use_global_device_ids = 0, all_gather_dim = 0} : "
       "tensor<6xf32> return(%a)",
       "not made of parts"},
      {"%x: tensor<4xf32>",
       "%a = all_to_all(%x) {replica_groups = [], channel_id = 0, split_dimension = 0, concat_dimension = 0, "
       "split_count = 3} : tensor<4xf32> return(%a)",
       "into 3 parts"},
      {"%x: tensor<4xf32>",
       "%a = collective_permute(%x) {channel_id = 0, source_target_pairs = [0, 1, 2, 1]} : tensor<4xf32> return(%a)",
       "sends or receives twice"},
      {"%x: tensor<4xf32>",
       "%a = collective_broadcast(%x) {channel_id = 0, replica_groups = [1, -1, 1, -1]} : tensor<4xf32> return(%a)",
       "in groups twice"},
      {"", "%a = replica_id() : tensor<si32> return(%a)", "expected tensor<ui32>"},
      {"%i: tensor<si64>", "case(%i) () { return() } return()", "branch index is tensor<si64>"},
      {"%x: tensor<f32>", "%a = call(%x) {callee = \"none\"} : tensor<f32> return(%a)", "no function none"},
      {"%x: tensor<f32>", "return(%x) %a = negate(%x) : tensor<f32>", "return"},
  };
  for (const Broken& broken : cases) {
    const std::string message = Message(broken.parameters, broken.body);
    EXPECT_NE(message.find(broken.message), std::string::npos) << broken.body << "\n-> " << message;
    EXPECT_NE(message.find("main"), std::string::npos) << message;
  }
}

TEST(Verify, AcceptsFormsThatAreEasilyRefused) {
  EXPECT_EQ(
      Message("%x: tensor<2x2xf32>, %p: tensor<i1>, %l: tensor<f32>",
              "%a = select(%p, %x, %x) : tensor<2x2xf32> %b = clamp(%l, %x, %l) : tensor<2x2xf32> return(%a, %b)"),
      "");
  EXPECT_EQ(
      Message("%x: tensor<0x3xf32>, %v: tensor<f32>",
              "%a = pad(%x, %v) {edge_padding_low = [2, -1], edge_padding_high = [0, 0], interior_padding = [5, 1]} : "
              "tensor<2x4xf32> return(%a)"),
      "");
  EXPECT_EQ(Message("%x: tensor<3x2xui32>", "%a = bitcast_convert(%x) : tensor<3xui64> return(%a)"), "");
  EXPECT_EQ(Message("%x: tensor<3x2xbf16>, %y: tensor<2x4xbf16>",
                    "%a = dot_general(%x, %y) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], "
                    "lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0} : "
                    "tensor<3x4xf32> return(%a)"),
            "");
}

TEST(Verify, ValuesMustBeDefinedBeforeTheirUse) {
  auto module = Parse(
      "module @m\nfunc public @main(%x: tensor<f32>) {\n"
      "%a = negate(%x) : tensor<f32> %b = negate(%a) : tensor<f32> return(%b) }");
  ASSERT_TRUE(module.ok());
  auto& ops = (*module)->main()->body.ops;
  std::swap(ops[0], ops[1]);
  EXPECT_NE(Verify(**module).message().find("is not defined before it"), std::string::npos);
}

TEST(Verify, LinksBetweenOpsAndBlocksMustHold) {
  auto module = Parse("module @m\nfunc public @main(%x: tensor<f32>) { %a = negate(%x) : tensor<f32> return(%a) }");
  ASSERT_TRUE(module.ok());
  (*module)->main()->body.ops[0]->results[0]->index = 3;
  EXPECT_NE(Verify(**module).message().find("is not linked"), std::string::npos);
}

}  // namespace
}  // namespace dragoman::ir
