// SPDX-License-Identifier: Apache-2.0
// Updates in place: which copies remain, and that results are the evaluator's whatever was written over.
#include <gtest/gtest.h>

#include <random>

#include "compiler/program_interpreter_testing.h"
#include "passes/testing.h"
#include "reference/evaluator.h"
#include "target/profile_json.h"

namespace dragoman::compiler {
namespace {

struct UpdateCase {
  const char* name;
  const char* text;
  int num_copies;        // of more than 256 bytes, in all steps
  const char* starting;  // outputs that start as a donated parameter
};

// clang-format off: programs
const UpdateCase kUpdateCases[] = {
    {"donated", R"((%c: tensor<64x8xf32> {aliased_output = 0}, %r: tensor<1x8xf32>, %i: tensor<si32>) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %u = dynamic_update_slice(%c, %r, %i, %z) : tensor<64x8xf32>
      return(%u) })",
     0, "0"},
    {"kept", R"((%c: tensor<64x8xf32>, %r: tensor<1x8xf32>, %i: tensor<si32>) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %u = dynamic_update_slice(%c, %r, %i, %z) : tensor<64x8xf32>
      return(%u) })",
     1, ""},
    {"chain", R"((%c: tensor<64x8xf32> {aliased_output = 0}, %r: tensor<1x8xf32>, %i: tensor<si32>, %j: tensor<si32>) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %u = dynamic_update_slice(%c, %r, %i, %z) : tensor<64x8xf32>
      %s = add(%r, %r) : tensor<1x8xf32>
      %v = dynamic_update_slice(%u, %s, %j, %z) : tensor<64x8xf32>
      return(%v) })",
     0, "0"},
    {"through_reshapes", R"((%c: tensor<64x8xf32> {aliased_output = 0}, %r: tensor<8xf32>, %i: tensor<si32>) {
      %f = reshape(%c) : tensor<512xf32>
      %u = dynamic_update_slice(%f, %r, %i) : tensor<512xf32>
      %v = reshape(%u) : tensor<64x8xf32>
      return(%v) })",
     0, "0"},
    {"read_before", R"((%c: tensor<64x8xf32> {aliased_output = 1}, %r: tensor<1x8xf32>, %i: tensor<si32>) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %d = reverse(%c) {dimensions = [0]} : tensor<64x8xf32>
      %u = dynamic_update_slice(%c, %r, %i, %z) : tensor<64x8xf32>
      return(%d, %u) })",
     0, "1"},
    {"read_after_in_the_text", R"((%c: tensor<64x8xf32> {aliased_output = 0}, %r: tensor<1x8xf32>, %i: tensor<si32>) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %u = dynamic_update_slice(%c, %r, %i, %z) : tensor<64x8xf32>
      %e = add(%r, %r) : tensor<1x8xf32>
      %d = reverse(%c) {dimensions = [0]} : tensor<64x8xf32>
      return(%u, %d, %e) })",
     0, "0"},
    {"read_together_with_the_update",
     R"((%c: tensor<64x8xf32> {aliased_output = 0}, %r: tensor<1x8xf32>, %i: tensor<si32>) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %u = dynamic_update_slice(%c, %r, %i, %z) : tensor<64x8xf32>
      %d = reverse(%c) {dimensions = [0]} : tensor<64x8xf32>
      %e = add(%d, %u) : tensor<64x8xf32>
      return(%u, %e) })",
     1, ""},
    {"also_an_output", R"((%c: tensor<64x8xf32> {aliased_output = 0}, %r: tensor<1x8xf32>, %i: tensor<si32>) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %u = dynamic_update_slice(%c, %r, %i, %z) : tensor<64x8xf32>
      return(%u, %c) })",
     1, ""},
    {"two_updates_of_one", R"((%c: tensor<64x8xf32> {aliased_output = 0}, %r: tensor<1x8xf32>, %i: tensor<si32>) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %u = dynamic_update_slice(%c, %r, %i, %z) : tensor<64x8xf32>
      %v = dynamic_update_slice(%c, %r, %z, %z) : tensor<64x8xf32>
      return(%u, %v) })",
     1, "1"},
    {"two_updates_of_a_kept_one", R"((%c: tensor<64x8xf32>, %r: tensor<1x8xf32>, %i: tensor<si32>) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %u = dynamic_update_slice(%c, %r, %i, %z) : tensor<64x8xf32>
      %v = dynamic_update_slice(%c, %r, %z, %z) : tensor<64x8xf32>
      return(%u, %v) })",
     2, ""},
    {"temporary_that_dies", R"((%c: tensor<64x8xf32>, %r: tensor<1x8xf32>, %i: tensor<si32>) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %t = add(%c, %c) : tensor<64x8xf32>
      %s = reverse(%t) {dimensions = [1]} : tensor<64x8xf32>
      %u = dynamic_update_slice(%t, %r, %i, %z) : tensor<64x8xf32>
      return(%u, %s) })",
     0, ""},
    {"from_its_own_rows", R"((%c: tensor<64x8xf32> {aliased_output = 0}, %i: tensor<si32>, %j: tensor<si32>) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %s = dynamic_slice(%c, %j, %z) {slice_sizes = [9, 8]} : tensor<9x8xf32>
      %d = add(%s, %s) : tensor<9x8xf32>
      %u = dynamic_update_slice(%c, %d, %i, %z) : tensor<64x8xf32>
      return(%u) })",
     0, "0"},
    {"scatter_of_one_row", R"((%c: tensor<64x8xf32> {aliased_output = 0}, %r: tensor<8xf32>, %i: tensor<1xsi32>) {
      %u = scatter(%c, %i, %r) {index_vector_dim = 0, indices_are_sorted = 1, update_window_dims = [0], inserted_window_dims = [0], input_batching_dims = [], scatter_indices_batching_dims = [], scatter_dims_to_operand_dims = [0], unique_indices = 1} : tensor<64x8xf32> (%p: tensor<f32>, %q: tensor<f32>) {
        %s = add(%p, %q) : tensor<f32>
        return(%s) }
      return(%u) })",
     0, "0"},
    {"donor_of_any_output", R"((%c: tensor<64x8xf32> {is_donor = 1}, %r: tensor<1x8xf32>, %i: tensor<si32>) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %u = dynamic_update_slice(%c, %r, %i, %z) : tensor<64x8xf32>
      return(%u) })",
     0, "0"},
    {"carry_of_a_loop", R"((%c: tensor<64xf32> {aliased_output = 0}) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %n, %r = while(%z, %c) {trip_count = 20} : tensor<si32>, tensor<64xf32> (%h: tensor<si32>, %w: tensor<64xf32>) {
        %m = constant() {value = dense<20>} : tensor<si32>
        %l = compare(%h, %m) {comparison_direction = 5, compare_type = 3} : tensor<i1>
        return(%l)
      } (%i: tensor<si32>, %x: tensor<64xf32>) {
        %one = constant() {value = dense<1>} : tensor<si32>
        %j = add(%i, %one) : tensor<si32>
        %s = dynamic_slice(%x, %j) {slice_sizes = [1]} : tensor<1xf32>
        %d = add(%s, %s) : tensor<1xf32>
        %u = dynamic_update_slice(%x, %d, %i) : tensor<64xf32>
        return(%j, %u)
      }
      return(%r) })",
     0, "0"},
    {"carry_that_is_read_first", R"((%c: tensor<65xf32>) {
      %z = constant() {value = dense<0>} : tensor<si32>
      %n, %r = while(%z, %c) {trip_count = 20} : tensor<si32>, tensor<65xf32> (%h: tensor<si32>, %w: tensor<65xf32>) {
        %m = constant() {value = dense<20>} : tensor<si32>
        %l = compare(%h, %m) {comparison_direction = 5, compare_type = 3} : tensor<i1>
        return(%l)
      } (%i: tensor<si32>, %x: tensor<65xf32>) {
        %one = constant() {value = dense<1>} : tensor<si32>
        %j = add(%i, %one) : tensor<si32>
        %s = dynamic_slice(%x, %j) {slice_sizes = [7]} : tensor<7xf32>
        %d = add(%s, %s) : tensor<7xf32>
        %u = dynamic_update_slice(%x, %d, %i) : tensor<65xf32>
        return(%j, %u)
      }
      return(%r) })",
     1, ""},
};
// clang-format on

std::string Module(const char* text) { return Format("module @m func public @main{}", text); }

void CountCopies(const program::Program& program, const std::vector<program::Step>& steps, int& count) {
  for (const program::Step& step : steps) {
    const bool is_copy = step.kind == program::StepKind::kCopy;
    if (is_copy && program.slots[step.slot_b].size_bytes > 256) ++count;
    for (const auto& body : step.bodies) CountCopies(program, body, count);
  }
}

std::string Starting(const program::Program& program) {
  std::string text;
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    if (program.outputs[i].starts_as_parameter) text += std::to_string(i);
  }
  return text;
}

std::vector<ir::Literal> Inputs(const ir::Module& module) {
  std::mt19937 random(7);
  std::vector<ir::Literal> inputs;
  for (const auto& argument : module.main()->body.arguments) {
    const bool is_index = argument->type.dtype == DType::kS32;
    inputs.push_back(is_index ? reference::LiteralFromInts(argument->type, std::vector<int64_t>{5})
                              : passes::RandomLiteral(argument->type, random));
  }
  return inputs;
}

class UpdateInPlace : public ::testing::TestWithParam<std::tuple<UpdateCase, const char*>> {};

TEST_P(UpdateInPlace, CopiesNoMoreThanItMust) {
  const auto& [update, device] = GetParam();
  const auto profile = target::LoadProfile(Format("tests/profiles/{}.json", device));
  ASSERT_TRUE(profile.ok()) << profile.status().message();
  auto module = ir::Parse(Module(update.text));
  ASSERT_TRUE(module.ok()) << module.status().message();
  const std::vector<ir::Literal> inputs = Inputs(**module);
  const auto expected = reference::Evaluate(**module, "main", inputs);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  const auto compiled = CompileForInterpreter(*std::move(module), *profile, true);
  ASSERT_TRUE(compiled.ok()) << compiled.status().message();
  const std::string text = program::Print(compiled->program);
  int num_copies = 0;
  CountCopies(compiled->program, compiled->program.steps, num_copies);
  EXPECT_EQ(num_copies, update.num_copies) << text;
  EXPECT_EQ(Starting(compiled->program), update.starting) << text;
  std::vector<Bytes> bytes;
  for (const ir::Literal& input : inputs) bytes.push_back(input.Dense());
  for (const bool runs_backwards : {false, true}) {
    const auto outputs = ProgramInterpreter(*compiled, {}, runs_backwards).Run(bytes);
    ASSERT_TRUE(outputs.ok()) << outputs.status().message() << text;
    for (size_t i = 0; i < expected->size(); ++i) EXPECT_EQ((*outputs)[i], (*expected)[i].Dense()) << i << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Compile, UpdateInPlace,
                         ::testing::Combine(::testing::ValuesIn(kUpdateCases), ::testing::Values("h100", "navi31")),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param);
                         });

}  // namespace
}  // namespace dragoman::compiler
