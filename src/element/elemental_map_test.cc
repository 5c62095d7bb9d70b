// SPDX-License-Identifier: Apache-2.0
// Ops that read an operand at another position, pads, concatenations, iota, constants and short reductions: alone and
// behind each other, by elements and by vectors, against the reference.
#include <gtest/gtest.h>

#include "base/format.h"
#include "lower/hero_testing.h"

namespace dragoman::kernel {
namespace {

// Vectors of 16, 8 and 4 bytes, and none.
std::vector<target::DeviceProfile> LaneProfiles() {
  std::vector<target::DeviceProfile> profiles = HeroProfiles();
  for (const int bytes : {8, 4}) {
    profiles.push_back(profiles[1]);
    profiles.back().vector_bytes = bytes;
  }
  return profiles;
}

// Inputs from %1 on may be of indices: small integers, negative and beyond the end, as random numbers are anyway.
void ExpectMatches(const std::string& body) {
  SCOPED_TRACE(body);
  const HeroTest test(fusion::GroupKind::kLoop, body);
  ASSERT_NE(test.module, nullptr);
  for (const target::DeviceProfile& profile : LaneProfiles()) {
    SCOPED_TRACE(Format("vectors of {} bytes, {}", profile.vector_bytes, profile.unrolling_is_costly ? "CPU" : "GPU"));
    test.ExpectMatches(profile);
  }
}

struct Step {
  std::string op;
  std::string result;
};

// %0 goes through the steps; `%` stands for what came before.
std::string Chain(const std::string& parameters, const std::vector<Step>& steps, const std::string& dtype) {
  std::string body = "(" + parameters + ") { ", last = "%0";
  for (size_t i = 0; i < steps.size(); ++i) {
    std::string op = steps[i].op;
    op.replace(op.find("(%"), 2, "(" + last);
    last = Format("%s{}", i);
    body += Format("{} = {} : tensor<{}x{}> ", last, op, steps[i].result, dtype);
  }
  return body + "return(" + last + ") }";
}

// A movement from 8x12 (or what it says) of which the next may start.
struct Movement {
  const char* name;
  Dims from;
  std::string op;
  Dims to;
};

const Movement kMovements[] = {
    {"transpose", {8, 12}, "transpose(%) {permutation = [1, 0]}", {12, 8}},
    {"transpose back", {12, 8}, "transpose(%) {permutation = [1, 0]}", {8, 12}},
    {"reverse rows", {8, 12}, "reverse(%) {dimensions = [0]}", {8, 12}},
    {"reverse all", {8, 12}, "reverse(%) {dimensions = [0, 1]}", {8, 12}},
    {"slice", {8, 12}, "slice(%) {start_indices = [0, 4], limit_indices = [8, 12], strides = [1, 1]}", {8, 8}},
    {"slice off", {8, 12}, "slice(%) {start_indices = [1, 3], limit_indices = [7, 11], strides = [2, 1]}", {3, 8}},
    {"slice strided", {8, 12}, "slice(%) {start_indices = [0, 1], limit_indices = [8, 12], strides = [1, 3]}", {8, 4}},
    {"flatten", {8, 12}, "reshape(%)", {96}},
    {"split", {8, 12}, "reshape(%)", {8, 3, 4}},
    {"regroup", {8, 12}, "reshape(%)", {6, 16}},
    {"odd rows", {8, 12}, "reshape(%)", {32, 3}},
    {"spread", {8, 12}, "broadcast_in_dim(%) {broadcast_dimensions = [0, 2]}", {8, 2, 12}},
    {"spread inside", {8, 12}, "broadcast_in_dim(%) {broadcast_dimensions = [0, 1]}", {8, 12, 5}},
    {"turn spread", {8, 12}, "broadcast_in_dim(%) {broadcast_dimensions = [1, 0]}", {12, 8}},
    {"crop",
     {8, 12},
     "pad(%, %p) {edge_padding_low = [-1, -4], edge_padding_high = [0, -4], interior_padding = [0, 0]}",
     {7, 4}},
    {"pad",
     {8, 12},
     "pad(%, %p) {edge_padding_low = [1, 4], edge_padding_high = [0, 0], interior_padding = [0, 0]}",
     {9, 16}},
    {"pad off",
     {8, 12},
     "pad(%, %p) {edge_padding_low = [0, 1], edge_padding_high = [2, 2], interior_padding = [1, 0]}",
     {17, 15}},
    {"pad inside",
     {8, 12},
     "pad(%, %p) {edge_padding_low = [0, -1], edge_padding_high = [0, 2], interior_padding = [0, 2]}",
     {8, 35}},
    {"concatenate", {8, 12}, "concatenate(%, %0, %0) {dimension = 0}", {24, 12}},
    {"concatenate inside", {8, 12}, "concatenate(%, %0) {dimension = 1}", {8, 24}},
    {"slice dynamically", {8, 12}, "dynamic_slice(%, %i, %i) {slice_sizes = [3, 12]}", {3, 12}},
    {"slice anywhere", {8, 12}, "dynamic_slice(%, %i, %i) {slice_sizes = [3, 8]}", {3, 8}},
};

std::string DimsText(const Dims& dims) {
  std::string text;
  for (const int64_t dim : dims) text += (text.empty() ? "" : "x") + std::to_string(dim);
  return text;
}

// Each after each, the elementwise op between them computed at whatever position the second asks for.
TEST(ElementalMap, FollowsEveryMovementThroughEveryOther) {
  int chains = 0;
  for (const char* dtype : {"f32", "bf16", "c64"}) {
    for (const Movement& first : kMovements) {
      for (const Movement& second : kMovements) {
        const Dims start = {8, 12};
        if (first.from != start || second.from != start || NumElements(first.to) != NumElements(start)) continue;
        SCOPED_TRACE(Format("{}, then {} of {}", first.name, second.name, dtype));
        ++chains;
        const std::string parameters = Format("%0: tensor<8x12x{0}>, %p: tensor<{0}>, %i: tensor<si32>", dtype);
        ExpectMatches(Chain(parameters,
                            {{first.op, DimsText(first.to)},
                             {"negate(%)", DimsText(first.to)},
                             {"reshape(%)", DimsText(start)},
                             {second.op, DimsText(second.to)}},
                            dtype));
      }
    }
  }
  EXPECT_GT(chains, 450);
}

TEST(ElementalMap, TakesTensorsOfNoneOneAndOddManyElements) {
  for (const char* dims : {"0x12", "8x0", "1x1", "1x12", "8x1", "7x5", "1x13"}) {
    const std::string type = Format("tensor<{}xf32>", dims);
    const std::string rows(dims, std::string(dims).find('x')), columns(std::string(dims).substr(rows.size() + 1));
    ExpectMatches(Format("(%0: {0}) {{ %1 = reverse(%0) {{dimensions = [0, 1]}} : {0} return(%1) }}", type));
    ExpectMatches(Format("(%0: {0}) {{ %1 = transpose(%0) {{permutation = [1, 0]}} : tensor<{2}x{1}xf32> return(%1) }}",
                         type, rows, columns));
    ExpectMatches(
        Format("(%0: {0}, %1: tensor<f32>) {{ %2 = pad(%0, %1) {{edge_padding_low = [1, 2], edge_padding_high "
               "= [0, 1], interior_padding = [1, 0]}} : tensor<{1}x{2}xf32> return(%2) }}",
               type, 1 + std::stoi(rows) + std::max(std::stoi(rows) - 1, 0), std::stoi(columns) + 3));
    ExpectMatches(
        Format("(%0: {0}, %1: tensor<3x{2}xf32>) {{ %2 = concatenate(%1, %0, %1) {{dimension = 0}} : "
               "tensor<{1}x{2}xf32> return(%2) }}",
               type, 6 + std::stoi(rows), columns));
  }
}

struct GatherRow {
  const char* operand;
  const char* starts;
  const char* result;
  const char* attributes;
};

TEST(ElementalMap, GathersByIndicesOfEveryTypeAndForm) {
  const GatherRow rows[] = {
      // rows of a table; the window is the whole row
      {"9x8", "7x1", "7x8",
       "offset_dims = [1], collapsed_slice_dims = [0], operand_batching_dims = [], start_indices_batching_dims = [], "
       "start_index_map = [0], index_vector_dim = 1, slice_sizes = [1, 8]"},
      // no index vector dimension: each index is one
      {"9x8", "7", "7x8",
       "offset_dims = [1], collapsed_slice_dims = [0], operand_batching_dims = [], start_indices_batching_dims = [], "
       "start_index_map = [0], index_vector_dim = 1, slice_sizes = [1, 8]"},
      // parts of rows, which may start anywhere
      {"9x8", "7x2", "7x4",
       "offset_dims = [1], collapsed_slice_dims = [0], operand_batching_dims = [], start_indices_batching_dims = [], "
       "start_index_map = [0, 1], index_vector_dim = 1, slice_sizes = [1, 4]"},
      // points, with the vectors along the first dimension and the components exchanged
      {"9x8", "2x3x5", "3x5",
       "offset_dims = [], collapsed_slice_dims = [0, 1], operand_batching_dims = [], start_indices_batching_dims = [], "
       "start_index_map = [1, 0], index_vector_dim = 0, slice_sizes = [1, 1]"},
      // windows around the batch
      {"9x8x4", "6x1", "2x6x8x4",
       "offset_dims = [0, 2, 3], collapsed_slice_dims = [], operand_batching_dims = [], start_indices_batching_dims = "
       "[], start_index_map = [0], index_vector_dim = 1, slice_sizes = [2, 8, 4]"},
      // a batch of tables
      {"3x9x4", "3x5x1", "3x5x4",
       "offset_dims = [2], collapsed_slice_dims = [1], operand_batching_dims = [0], start_indices_batching_dims = [0], "
       "start_index_map = [1], index_vector_dim = 2, slice_sizes = [1, 1, 4]"},
  };
  for (const GatherRow& row : rows) {
    for (const char* index : {"si32", "ui8", "si8", "si64", "ui32"}) {
      ExpectMatches(
          Format("(%0: tensor<{}xf32>, %1: tensor<{}x{}>) {{ %2 = gather(%0, %1) {{{}, indices_are_sorted = "
                 "0}} : tensor<{}xf32> return(%2) }}",
                 row.operand, row.starts, index, row.attributes, row.result));
    }
  }
}

// Eight positions are added in place; nine are not, and a kernel that reaches them is an error, never a wrong sum.
TEST(ElementalMap, ReducesUpToEightElementsInPlace) {
  const auto body = [](int64_t count, const char* op, const char* init) {
    return Format(
        "(%0: tensor<12x{0}x2xf32>) {{ %i = constant() {{value = dense<{2}>}} : tensor<f32> %1 = negate(%0) : "
        "tensor<12x{0}x2xf32> %r = reduce(%1, %i) {{dimensions = [1]}} : tensor<12x2xf32> (%a: tensor<f32>, %b: "
        "tensor<f32>) {{ %c = {1}(%a, %b) : tensor<f32> return(%c) }} %t = transpose(%r) {{permutation = [1, 0]}} : "
        "tensor<2x12xf32> return(%t) }}",
        count, op, init);
  };
  for (const int64_t count : {0, 1, 2, 7, 8}) {
    ExpectMatches(body(count, "add", "5"));
    ExpectMatches(body(count, "maximum", "-1"));
    ExpectMatches(body(count, "subtract", "0"));
  }
  const HeroTest test(fusion::GroupKind::kLoop, body(9, "add", "0"));
  EXPECT_EQ(LowerGroup(test.group, {HeroProfiles()[1]}).status().code(), StatusCode::kInternal);
}

TEST(ElementalMap, CountsAndKeepsConstantsOfEveryType) {
  for (const char* dtype :
       {"si8", "ui8", "si16", "si32", "ui32", "si64", "ui64", "f16", "bf16", "f32", "f64", "c64", "c128", "f8E5M2"}) {
    for (const int dimension : {0, 1}) {
      ExpectMatches(
          Format("() {{ %0 = iota() {{iota_dimension = {}}} : tensor<6x8x{}> return(%0) }}", dimension, dtype));
    }
    const std::string values = dtype[0] == 'c' ? "[(1, 2), (0, -3), (4, 0), (5, 5)]" : "[1, 0, 3, 2]";
    ExpectMatches(
        Format("(%0: tensor<3x4x{0}>) {{ %1 = constant() {{value = dense<{1}>}} : tensor<4x{0}> %2 = "
               "broadcast_in_dim(%1) {{broadcast_dimensions = [1]}} : tensor<3x4x{0}> %3 = add(%0, %2) : "
               "tensor<3x4x{0}> return(%3) }}",
               dtype, values));
  }
}

// Each operand is reached by few comparisons, whichever of many it is.
TEST(ElementalMap, ConcatenatesManyOperandsOfUnevenLengths) {
  std::string parameters, operands;
  int total = 0;
  for (int i = 0; i < 23; ++i) {
    const int length = i * 7 % 5;
    parameters += Format("{}%{}: tensor<{}x4xf32>", i > 0 ? ", " : "", i, length);
    operands += Format("{}%{}", i > 0 ? ", " : "", i);
    total += length;
  }
  ExpectMatches(Format("({}) {{ %r = concatenate({}) {{dimension = 0}} : tensor<{}x4xf32> return(%r) }}", parameters,
                       operands, total));
}

}  // namespace
}  // namespace dragoman::kernel
