// SPDX-License-Identifier: Apache-2.0
// Deep programs of slices, pads, rolls, concatenates, reshapes and what is pointwise, which would grow exponentially if
// every value were computed wherever it is read: they compute what the evaluator says, and their code stays in
// proportion to their length.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "compiler/compiler.h"
#include "compiler/interpret_testing.h"
#include "ir/builder.h"
#include "target/profile_json.h"

namespace dragoman::compiler {
namespace {

using ir::Builder;
using Value = ir::Value;
using ir::OpCode;

// On vectors of `kSize` integers, whose sums and products are the same in any order.
constexpr int64_t kSize = 48;

class DeepProgram {
 public:
  explicit DeepProgram(uint32_t seed) : random_(seed) {}

  std::unique_ptr<ir::Module> Make(int depth) {
    auto module = std::make_unique<ir::Module>();
    module->name = "deep";
    module->functions.push_back(std::make_unique<ir::Function>());
    ir::Function& main = *module->functions.back();
    main.name = "main";
    main.is_public = true;
    std::vector<Value*> values = {main.body.AddArgument({DType::kS32, {kSize}}),
                                  main.body.AddArgument({DType::kS32, {kSize}})};
    start_ = main.body.AddArgument({DType::kS32, {}});
    main.parameters.resize(3);
    Builder builder(main.body);
    for (int i = 0; i < depth; ++i) values.push_back(Step(builder, values.back(), values[Pick(values.size())]));
    main.body.Append(OpCode::kReturn, {values.back(), values[values.size() / 2]}, {});
    return module;
  }

 private:
  int64_t Pick(int64_t count) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(count)); }

  Value* Pointwise(Builder& b, Value* x, Value* y) {
    constexpr OpCode kOps[] = {OpCode::kAdd, OpCode::kSubtract, OpCode::kMaximum, OpCode::kXor, OpCode::kMultiply};
    return b.Binary(kOps[Pick(std::size(kOps))], x, y);
  }

  Value* Roll(Builder& b, Value* x, int64_t by) {
    return b.Concatenate({b.SliceDim(x, 0, by, kSize), b.SliceDim(x, 0, 0, by)}, 0);
  }

  Value* Shift(Builder& b, Value* x, int64_t by) {
    return b.Pad(b.SliceDim(x, 0, 0, kSize - by), b.Scalar(DType::kS32, 3), {by}, {0});
  }

  // Even and odd elements apart, combined, one after the other.
  Value* Butterfly(Builder& b, Value* x) {
    Value* pairs = b.Reshape(x, {kSize / 2, 2});
    Value* even = b.Reshape(b.SliceDim(pairs, 1, 0, 1), {kSize / 2});
    Value* odd = b.Reshape(b.SliceDim(pairs, 1, 1, 2), {kSize / 2});
    return b.Concatenate({Pointwise(b, even, odd), Pointwise(b, odd, even)}, 0);
  }

  Value* Transposed(Builder& b, Value* x) {
    return b.Reshape(b.Transpose(b.Reshape(x, {6, kSize / 6}), {1, 0}), {kSize});
  }

  // Neighbours along both dimensions of a plane.
  Value* Stencil(Builder& b, Value* x) {
    Value* plane = b.Pad(b.Reshape(x, {6, 8}), b.Scalar(DType::kS32, 0), {1, 1}, {1, 1});
    Value* rows = b.Add(b.Slice(plane, {0, 1}, {6, 9}), b.Slice(plane, {2, 1}, {8, 9}));
    Value* columns = b.Add(b.Slice(plane, {1, 0}, {7, 8}), b.Slice(plane, {1, 2}, {7, 10}));
    return b.Reshape(Pointwise(b, rows, columns), {kSize});
  }

  Value* Moved(Builder& b, Value* x) {
    Value* moved = b.DynamicSlice(b.Concatenate({x, x}, 0), {start_}, {kSize});
    return Pick(2) == 0 ? moved : b.Reverse(moved, {0});
  }

  Value* Step(Builder& b, Value* x, Value* other) {
    switch (Pick(7)) {
      case 0:
        return Pointwise(b, x, Roll(b, x, 1 + Pick(kSize - 1)));
      case 1:
        return Pointwise(b, Shift(b, x, 1 + Pick(kSize - 1)), x);
      case 2:
        return Butterfly(b, x);
      case 3:
        return Pointwise(b, Transposed(b, x), x);
      case 4:
        return Stencil(b, x);
      case 5:
        return Pointwise(b, Moved(b, x), x);
      default:
        return Pointwise(b, Pointwise(b, x, other), b.Splat(x->type, 3));
    }
  }

  std::mt19937 random_;
  Value* start_ = nullptr;
};

size_t CountOps(const ir::Module& module) { return module.main()->body.ops.size(); }

struct Words {
  size_t all = 0;
  size_t largest = 0;
};

Words CountWords(const program::Program& program) {
  Words words;
  for (const program::Kernel& kernel : program.kernels) {
    words.all += kernel.spirv.size();
    words.largest = std::max(words.largest, kernel.spirv.size());
  }
  return words;
}

TEST(DeepPrograms, HaveCodeInProportionToTheirLength) {
  for (const char* device : {"lavapipe", "navi31"}) {
    const auto profile = target::LoadProfile(Format("tests/profiles/{}.json", device));
    ASSERT_TRUE(profile.ok()) << profile.status().message();
    for (const int depth : {10, 60, 300}) {
      for (uint32_t seed = 0; seed < 3; ++seed) {
        auto module = DeepProgram(seed).Make(depth);
        const size_t num_ops = CountOps(*module);
        const auto program = CompileModule(std::move(module), *profile, {});
        ASSERT_TRUE(program.ok()) << program.status().message();
        const Words words = CountWords(*program);
        EXPECT_LE(words.all, 300 * num_ops) << depth << " deep, seed " << seed;
        EXPECT_LE(words.largest, 40000u) << depth << " deep, seed " << seed;
        EXPECT_LE(program->steps.size(), num_ops / 2 + 2) << depth << " deep, seed " << seed;
      }
    }
  }
}

TEST(DeepPrograms, ComputeWhatTheEvaluatorSays) {
  for (const target::DeviceProfile& profile : kernel::TestProfiles()) {
    for (uint32_t seed = 10; seed < 16; ++seed) {
      const auto module = DeepProgram(seed).Make(seed % 2 == 0 ? 12 : 50);
      ExpectInterpretsRight(*module, profile, seed);
    }
  }
}

// Selections within selections, by their merge labels.
int DepthOfBranches(const program::Kernel& kernel) {
  constexpr uint32_t kOpSelectionMerge = 247, kOpBranchConditional = 250, kOpLabel = 248;
  std::vector<uint32_t> open;  // merge labels of the selections around
  size_t deepest = 0;
  for (size_t at = 5; at < kernel.spirv.size(); at += kernel.spirv[at] >> 16) {
    const uint32_t op = kernel.spirv[at] & 0xffff;
    if (op == kOpLabel && !open.empty() && open.back() == kernel.spirv[at + 1]) open.pop_back();
    if (op == kOpSelectionMerge) open.push_back(kernel.spirv[at + 1]);
    if (op == kOpBranchConditional) deepest = std::max(deepest, open.size());
  }
  return static_cast<int>(deepest);
}

TEST(DeepPrograms, GrowingConcatenationsNestFewBranches) {
  std::string text = "module @m func public @main(%0: tensor<400xf32>) { ";
  std::string last = "%first";
  text += "%first = slice(%0) {start_indices = [0], limit_indices = [1], strides = [1]} : tensor<1xf32> ";
  for (int i = 1; i < 200; ++i) {
    text += Format(
        "%s{0} = slice(%0) {{start_indices = [{1}], limit_indices = [{2}], strides = [1]}} : tensor<1xf32> "
        "%c{0} = concatenate({3}, %s{0}) {{dimension = 0}} : tensor<{4}xf32> ",
        i, 2 * i, 2 * i + 1, last, i + 1);
    last = Format("%c{}", i);
  }
  auto module = ir::Parse(text + Format("return({}) }}", last));
  ASSERT_TRUE(module.ok()) << module.status().message();
  const auto profile = target::LoadProfile("tests/profiles/lavapipe.json");
  ASSERT_TRUE(profile.ok());
  const auto program = CompileModule(*std::move(module), *profile, {});
  ASSERT_TRUE(program.ok()) << program.status().message();
  for (const program::Kernel& kernel : program->kernels) {
    EXPECT_LE(DepthOfBranches(kernel), 30);
    EXPECT_GE(DepthOfBranches(kernel), 1);
  }
}

TEST(DeepPrograms, LongChainsAreCutAndNoRuleJoinsThemAgain) {
  std::string text = "module @m func public @main(%0: tensor<1000xf32>, %c: tensor<1000xf32>) { ";
  constexpr int kLength = 20000;
  for (int i = 1; i <= kLength; ++i)
    text += Format("%{} = {}(%{}, %c) : tensor<1000xf32> ", i, i % 2 == 0 ? "add" : "multiply", i - 1);
  auto module = ir::Parse(text + Format("return(%{}) }}", kLength));
  ASSERT_TRUE(module.ok()) << module.status().message();
  const auto program = CompileModule(*std::move(module), kernel::TestProfiles()[0], {});
  ASSERT_TRUE(program.ok()) << program.status().message();
  EXPECT_LE(CountWords(*program).largest, 20000u);
  EXPECT_LE(program->steps.size(), 100u);
}

}  // namespace
}  // namespace dragoman::compiler
