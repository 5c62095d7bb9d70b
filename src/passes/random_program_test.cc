// SPDX-License-Identifier: Apache-2.0
// Random programs of elementwise ops, movements, indexing, reductions, loops and branches: the pipeline must not change
// what they compute. Constants are mostly 0, 1 and 2, which rewrite rules look for.
#include <algorithm>
#include <random>

#include "passes/names.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

class RandomProgram {
 public:
  explicit RandomProgram(uint32_t seed) : random_(seed) {}

  std::unique_ptr<ir::Module> Make() {
    auto module = std::make_unique<ir::Module>();
    module->name = "random";
    module->functions.push_back(std::make_unique<ir::Function>());
    ir::Function& main = *module->functions.back();
    main.name = "main";
    main.is_public = true;
    std::vector<Value*> pool;
    for (int i = 0; i < 4; ++i) pool.push_back(main.body.AddArgument(RandomType()));
    pool.push_back(main.body.AddArgument({DType::kS32, {}}));
    main.parameters.resize(pool.size());
    Builder builder(main.body);
    Grow(builder, pool, 25, 2);
    main.body.Append(OpCode::kReturn, {pool.end() - 9, pool.end()}, {});
    return module;
  }

 private:
  int Pick(int count) { return static_cast<int>(random_() % static_cast<uint32_t>(count)); }

  DType RandomDType() {
    constexpr DType kTypes[] = {DType::kF32, DType::kF32, DType::kS32, DType::kPred, DType::kU8, DType::kS16};
    return kTypes[Pick(std::size(kTypes))];
  }

  TensorType RandomType() {
    TensorType type{RandomDType(), {}};
    const int rank = Pick(4);
    for (int d = 0; d < rank; ++d) type.dims.push_back(1 + Pick(4));
    return type;
  }

  Value* From(const std::vector<Value*>& pool) {
    // The latest values more often, so that expressions grow deep.
    const int size = static_cast<int>(pool.size());
    return pool[Pick(2) == 0 ? Pick(size) : size - 1 - Pick(std::min(size, 6))];
  }

  void Grow(Builder& b, std::vector<Value*>& pool, int count, int depth) {
    for (int i = 0; i < count; ++i) {
      Value* value = Step(b, pool, depth);
      if (value != nullptr) pool.push_back(value);
    }
  }

  Value* Step(Builder& b, std::vector<Value*>& pool, int depth) {
    Value* x = From(pool);
    switch (Pick(14)) {
      case 0:
        return b.Splat(Pick(2) == 0 ? x->type : RandomType(), Pick(3));
      case 1:
        return x->type.rank() > 0 && !IsPred(x->type.dtype) ? b.Iota(x->type, Pick(x->type.rank())) : nullptr;
      case 2:
        return Pointwise(b, x, Like(b, x, pool));
      case 3:
        return Pointwise(b, x, Like(b, x, pool));
      case 4:
        return b.Select(Predicate(b, x, pool), x, Like(b, x, pool));
      case 5:
        return b.MakeTyped(OpCode::kConvert, {x}, {{RandomDType(), x->type.dims}})->result();
      case 6:
        return Reshaped(b, x);
      case 7:
        return Broadcasted(b, x);
      case 8:
        return Moved(b, x);
      case 9:
        return Joined(b, x, pool);
      case 10:
        return Indexed(b, x, pool);
      case 11:
        return Reduced(b, x);
      case 12:
        return depth > 0 ? Branched(b, x, pool, depth) : nullptr;
      case 13:
        return depth > 0 ? Looped(b, x, pool, depth) : nullptr;
    }
    return nullptr;
  }

  // Some value of the type: one at hand, or a splat.
  Value* Like(Builder& b, const Value* x, const std::vector<Value*>& pool) {
    std::vector<Value*> fitting;
    std::copy_if(pool.begin(), pool.end(), std::back_inserter(fitting), [x](Value* v) { return v->type == x->type; });
    return Pick(3) == 0 ? b.Splat(x->type, Pick(3)) : fitting[Pick(static_cast<int>(fitting.size()))];
  }

  Value* Predicate(Builder& b, Value* x, const std::vector<Value*>& pool) {
    constexpr ComparisonDirection kDirections[] = {ComparisonDirection::kEq, ComparisonDirection::kLt,
                                                   ComparisonDirection::kGe};
    return b.Compare(kDirections[Pick(3)], x, Like(b, x, pool));
  }

  Value* Pointwise(Builder& b, Value* x, Value* y) {
    if (IsPred(x->type.dtype)) {
      constexpr OpCode kOps[] = {OpCode::kAnd, OpCode::kOr, OpCode::kXor, OpCode::kNot};
      const OpCode code = kOps[Pick(4)];
      return code == OpCode::kNot ? b.Unary(code, x) : b.Binary(code, x, y);
    }
    constexpr OpCode kOps[] = {OpCode::kAdd,     OpCode::kSubtract, OpCode::kMultiply, OpCode::kMaximum,
                               OpCode::kMinimum, OpCode::kNegate,   OpCode::kDivide};
    const OpCode code = kOps[Pick(IsFloat(x->type.dtype) ? 7 : 6)];
    return code == OpCode::kNegate ? b.Unary(code, x) : b.Binary(code, x, y);
  }

  Value* Reshaped(Builder& b, Value* x) {
    Dims dims;
    for (const int64_t extent : x->type.dims) {
      if (extent != 1 || Pick(2) == 0) dims.push_back(extent);
    }
    if (Pick(2) == 0 && dims.size() < 4) dims.insert(dims.begin() + Pick(static_cast<int>(dims.size()) + 1), 1);
    if (Pick(4) == 0) dims = {x->type.num_elements()};
    return b.MakeTyped(OpCode::kReshape, {x}, {{x->type.dtype, dims}})->result();
  }

  Value* Broadcasted(Builder& b, Value* x) {
    Dims dims = x->type.dims;
    std::vector<int64_t> dimensions;
    for (int64_t& extent : dims) {
      if (extent == 1 && Pick(2) == 0) extent = 1 + Pick(3);
    }
    const int at = Pick(static_cast<int>(dims.size()) + 1);
    const bool adds = dims.size() < 3;
    for (int d = 0; d < static_cast<int>(dims.size()); ++d) dimensions.push_back(adds && d >= at ? d + 1 : d);
    if (adds) dims.insert(dims.begin() + at, 1 + Pick(3));
    return b.Broadcast(x, dims, dimensions);
  }

  Value* Moved(Builder& b, Value* x) {
    std::vector<int64_t> dimensions(x->type.dims.size());
    for (size_t d = 0; d < dimensions.size(); ++d) dimensions[d] = static_cast<int64_t>(d);
    std::shuffle(dimensions.begin(), dimensions.end(), random_);
    if (Pick(2) == 0) return b.Transpose(x, dimensions);
    dimensions.resize(Pick(static_cast<int>(dimensions.size()) + 1));
    return b.Reverse(x, dimensions);
  }

  Value* Joined(Builder& b, Value* x, const std::vector<Value*>& pool) {
    if (x->type.rank() == 0 || x->type.num_elements() > 100) return nullptr;
    const int d = Pick(x->type.rank());
    if (Pick(2) == 0) return b.Concatenate({x, Like(b, x, pool), x}, d);
    std::vector<int64_t> low(x->type.dims.size(), 0), high(x->type.dims.size(), 0);
    low[d] = Pick(3) - 1;
    high[d] = Pick(3) - 1;
    if (x->type.dims[d] + low[d] + high[d] < 0) return nullptr;
    return b.Pad(x, b.Scalar(x->type.dtype, Pick(2)), low, high);
  }

  Value* Indexed(Builder& b, Value* x, const std::vector<Value*>& pool) {
    if (x->type.rank() == 0) return nullptr;
    Value* index = Pick(2) == 0 ? pool[4] : b.Scalar(DType::kS32, Pick(5) - 1);
    std::vector<Value*> starts(x->type.dims.size(), index);
    Dims sizes;
    for (const int64_t extent : x->type.dims) sizes.push_back(Pick(2) == 0 ? extent : (extent + 1) / 2);
    if (Pick(3) == 0) return b.Slice(x, std::vector<int64_t>(sizes.size(), 0), sizes);
    Value* part = b.DynamicSlice(x, starts, sizes);
    return Pick(2) == 0 ? part : b.DynamicUpdateSlice(x, part, std::move(starts));
  }

  Value* Reduced(Builder& b, Value* x) {
    std::vector<int64_t> dimensions;
    for (int64_t d = 0; d < x->type.rank(); ++d) {
      if (Pick(2) == 0) dimensions.push_back(d);
    }
    if (IsPred(x->type.dtype)) return b.Reduce(x, Pick(2), dimensions, OpCode::kOr);
    return b.Reduce(x, Pick(2), dimensions, Pick(2) == 0 ? OpCode::kAdd : OpCode::kMaximum);
  }

  Value* Branched(Builder& b, Value* x, const std::vector<Value*>& pool, int depth) {
    Op* op = b.MakeTyped(OpCode::kCase, {pool[4]}, {x->type});
    for (int i = 0; i < 2 + Pick(2); ++i) {
      Block* region = b.block().AddRegion(op);
      Builder inside(*region);
      std::vector<Value*> inner = pool;
      Grow(inside, inner, 4, depth - 1);
      region->Append(OpCode::kReturn, {Like(inside, x, inner)}, {});
    }
    return op->result();
  }

  // Carries a recurrence, two stacks (forward and backward), a value that may be passed on, and a sum.
  Value* Looped(Builder& b, Value* x, std::vector<Value*>& pool, int depth) {
    const int64_t count = Pick(9);
    Dims stacked = x->type.dims;
    stacked.insert(stacked.begin(), std::max<int64_t>(count, 1));
    Value* zeros = b.Splat({x->type.dtype, stacked}, 0);
    const auto body = [&](Builder& inside, Value* index, const std::vector<Value*>& carried) -> std::vector<Value*> {
      std::vector<Value*> inner = pool;
      inner.push_back(carried[0]);
      if (Pick(2) == 0) inner.push_back(carried[3]);
      Grow(inside, inner, 5, depth - 1);
      Value* next = Pointwise(inside, carried[0], Like(inside, x, inner));
      Value* last = inside.Scalar(DType::kS32, static_cast<double>(count - 1));
      Value* first_stack = Stacked(inside, carried[1], Like(inside, x, inner), index);
      Value* second_stack = Stacked(inside, carried[2], Like(inside, x, inner), inside.Subtract(last, index));
      Value* passed = Pick(2) == 0 ? carried[3] : Like(inside, x, inner);
      Value* sum =
          IsPred(x->type.dtype) ? inside.And(carried[4], next) : inside.Add(carried[4], Like(inside, x, inner));
      return {next, first_stack, second_stack, passed, sum};
    };
    const std::vector<Value*> results = b.ForLoop(count, {x, zeros, zeros, x, x}, body);
    pool.insert(pool.end(), results.begin() + 1, results.end());
    return results[0];
  }

  static Value* Stacked(Builder& b, Value* stack, Value* row, Value* place) {
    Dims dims = row->type.dims;
    dims.insert(dims.begin(), 1);
    std::vector<Value*> starts(dims.size(), b.Scalar(DType::kS32, 0));
    starts[0] = place;
    return b.DynamicUpdateSlice(stack, b.Reshape(row, dims), std::move(starts));
  }

  std::mt19937 random_;
};

// Sums may be taken in another order.
double Tolerance(DType dtype) { return IsFloat(dtype) ? 1e-4 : 0; }

TEST(RandomProgram, ThePipelineKeepsWhatItComputes) {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    auto module = RandomProgram(seed).Make();
    const std::string text = ir::Print(*module);
    const Status valid = ir::Verify(*module);
    ASSERT_TRUE(valid.ok()) << seed << " " << valid.message();
    std::mt19937 random(seed);
    std::vector<ir::Literal> inputs;
    for (const auto& argument : module->main()->body.arguments) inputs.push_back(RandomLiteral(argument->type, random));
    const auto before = reference::Evaluate(*module, "main", inputs);
    ASSERT_TRUE(before.ok()) << before.status().message();
    const target::DeviceProfile profile;
    const Status status = RunPipeline(*module, {profile}, {.verify_each = true});
    ASSERT_TRUE(status.ok()) << seed << " " << status.message() << text;
    const auto after = reference::Evaluate(*module, "main", inputs);
    ASSERT_TRUE(after.ok()) << after.status().message();
    for (size_t i = 0; i < before->size(); ++i) {
      ExpectNear((*after)[i], (*before)[i], Tolerance((*after)[i].type().dtype));
      if (::testing::Test::HasFailure())
        FAIL() << "seed " << seed << " result " << i << "\n" << text << ir::Print(*module);
    }
  }
}

// Each pass on what the passes before it make of random programs.
TEST(RandomProgram, PassesSayWhetherTheyChangeAnythingAndChangeNothingTwice) {
  const target::DeviceProfile profile;
  for (uint32_t seed = 1000; seed < 1150; ++seed) {
    auto module = RandomProgram(seed).Make();
    for (const Pass& pass : Pipeline()) {
      const std::string before = ir::Print(*module);
      const auto result = pass.run(*module, {profile});
      ASSERT_TRUE(result.ok()) << pass.name << ": " << result.status().message();
      const std::string once = ir::Print(*module);
      ASSERT_EQ(result->changed, once != before) << pass.name << ", seed " << seed << "\n" << before << once;
      const auto again = pass.run(*module, {profile});
      ASSERT_TRUE(again.ok()) << pass.name << ": " << again.status().message();
      ASSERT_FALSE(again->changed) << pass.name << ", seed " << seed << "\n" << once << ir::Print(*module);
      ASSERT_EQ(ir::Print(*module), once) << pass.name << ", seed " << seed;
    }
  }
}

TEST(RandomProgram, EqualProgramsComeOutEqual) {
  const target::DeviceProfile profile;
  for (uint32_t seed = 0; seed < 50; ++seed) {
    auto first = RandomProgram(seed).Make(), second = RandomProgram(seed).Make();
    ASSERT_TRUE(RunPipeline(*first, {profile}, {}).ok() && RunPipeline(*second, {profile}, {}).ok());
    ASSERT_EQ(ir::Print(*first), ir::Print(*second)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace dragoman::passes
