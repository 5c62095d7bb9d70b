// SPDX-License-Identifier: Apache-2.0
#include "fusion/plan.h"

#include <gtest/gtest.h>

#include "fusion/plan_testing.h"

namespace dragoman::fusion {
namespace {

constexpr const char* kSoftmax = R"((%x: tensor<128x1000xf32>) {
  %low = constant() {value = dense<-inf>} : tensor<f32>
  %zero = constant() {value = dense<0.0>} : tensor<f32>
  %max = reduce(%x, %low) {dimensions = [1]} : tensor<128xf32> (%a: tensor<f32>, %b: tensor<f32>) {
    %c = maximum(%a, %b) : tensor<f32>
    return(%c)
  }
  %maxes = broadcast_in_dim(%max) {broadcast_dimensions = [0]} : tensor<128x1000xf32>
  %shifted = subtract(%x, %maxes) : tensor<128x1000xf32>
  %e = exponential(%shifted) : tensor<128x1000xf32>
  %sum = reduce(%e, %zero) {dimensions = [1]} : tensor<128xf32> (%d: tensor<f32>, %f: tensor<f32>) {
    %g = add(%d, %f) : tensor<f32>
    return(%g)
  }
  %sums = broadcast_in_dim(%sum) {broadcast_dimensions = [0]} : tensor<128x1000xf32>
  %y = divide(%e, %sums) : tensor<128x1000xf32>
  return(%y)
})";

TEST(PlanBlock, GivesSoftmaxOneKernel) {
  const Planned planned = PlanText(kSoftmax);
  ASSERT_EQ(planned.plan.groups.size(), 1u) << planned.plan.ToString();
  EXPECT_EQ(planned.plan.groups[0].kind, GroupKind::kRow);
  EXPECT_EQ(planned.plan.groups[0].outputs.size(), 1u);
}

TEST(PlanBlock, GivesEveryOpAKernelWithoutFusion) {
  const Planned planned = PlanText(kSoftmax, /*fuse=*/false);
  EXPECT_EQ(planned.plan.groups.size(), 7u) << planned.plan.ToString();
  for (const Group& group : planned.plan.groups) EXPECT_TRUE(group.reasons.empty()) << planned.plan.ToString();
}

TEST(PlanBlock, KeepsColumnReductionsOutOfRows) {
  const Planned planned = PlanText(R"((%x: tensor<128x1000xf32>) {
    %zero = constant() {value = dense<0.0>} : tensor<f32>
    %sum = reduce(%x, %zero) {dimensions = [0]} : tensor<1000xf32> (%a: tensor<f32>, %b: tensor<f32>) {
      %c = add(%a, %b) : tensor<f32>
      return(%c)
    }
    %sums = broadcast_in_dim(%sum) {broadcast_dimensions = [1]} : tensor<128x1000xf32>
    %y = subtract(%x, %sums) : tensor<128x1000xf32>
    return(%y)
  })");
  EXPECT_EQ(planned.Count(GroupKind::kRow), 0);
  EXPECT_EQ(planned.Count(GroupKind::kReduce), 1);
  EXPECT_EQ(planned.Count(GroupKind::kLoop), 1);
  EXPECT_EQ(
      planned.First(GroupKind::kLoop).reasons,
      std::vector<std::string>{"apart from the reduce before it: it has 1000 elements where this computes 128000"});
}

TEST(PlanBlock, PutsBiasAndReluIntoTheProductsEpilogue) {
  const Planned planned = PlanText(R"((%x: tensor<8x16xf32>, %w: tensor<16x32xf32>, %b: tensor<32xf32>) {
    %zero = constant() {value = dense<0.0>} : tensor<f32>
    %p = dot_general(%x, %w) {lhs_batching_dimensions = [], rhs_batching_dimensions = [],
      lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 0} : tensor<8x32xf32>
    %bias = broadcast_in_dim(%b) {broadcast_dimensions = [1]} : tensor<8x32xf32>
    %s = add(%p, %bias) : tensor<8x32xf32>
    %zeros = broadcast_in_dim(%zero) {broadcast_dimensions = []} : tensor<8x32xf32>
    %r = maximum(%s, %zeros) : tensor<8x32xf32>
    return(%r)
  })");
  ASSERT_EQ(planned.plan.groups.size(), 1u) << planned.plan.ToString();
  EXPECT_EQ(planned.plan.groups[0].kind, GroupKind::kDot);
  ASSERT_EQ(planned.plan.groups[0].outputs.size(), 1u);
  EXPECT_EQ(planned.plan.groups[0].outputs[0]->op->code, ir::OpCode::kMaximum);
  EXPECT_EQ(planned.plan.groups[0].inputs.size(), 3u);
}

TEST(PlanBlock, MergesAnOptimizerUpdateIntoOneLoop) {
  const Planned planned =
      PlanText(R"((%w: tensor<100xf32>, %m: tensor<100xf32>, %v: tensor<100xf32>, %g: tensor<100xf32>) {
    %m2 = add(%m, %g) : tensor<100xf32>
    %gg = multiply(%g, %g) : tensor<100xf32>
    %v2 = add(%v, %gg) : tensor<100xf32>
    %root = sqrt(%v2) : tensor<100xf32>
    %step = divide(%m2, %root) : tensor<100xf32>
    %w2 = subtract(%w, %step) : tensor<100xf32>
    return(%w2, %m2, %v2)
  })");
  ASSERT_EQ(planned.plan.groups.size(), 1u) << planned.plan.ToString();
  EXPECT_EQ(planned.plan.groups[0].outputs.size(), 3u);
  EXPECT_EQ(planned.plan.groups[0].inputs.size(), 4u);
}

// An argsort writes the order alone.
TEST(PlanBlock, SortsWriteWhatIsRead) {
  const Planned planned = PlanText(R"((%x: tensor<9xf32>, %n: tensor<9xsi32>) {
    %s, %i = sort(%x, %n) {dimension = 0, is_stable = 1} : tensor<9xf32>, tensor<9xsi32>
        (%a: tensor<f32>, %b: tensor<f32>, %c: tensor<si32>, %d: tensor<si32>) {
      %l = compare(%a, %b) {comparison_direction = 5, compare_type = 1} : tensor<i1>
      return(%l)
    }
    return(%i)
  })");
  ASSERT_EQ(planned.plan.groups.size(), 1u) << planned.plan.ToString();
  ASSERT_EQ(planned.plan.groups[0].outputs.size(), 1u);
  EXPECT_EQ(planned.plan.groups[0].outputs[0]->type.dtype, DType::kS32);
}

TEST(PlanBlock, DoesNotMergeAcrossAnotherKernel) {
  // %q is read by the reduction, whose result %y needs beside %q: one kernel for %q and %y would wait for itself.
  const Planned planned = PlanText(R"((%x: tensor<64x32xf32>) {
    %zero = constant() {value = dense<0.0>} : tensor<f32>
    %q = power(%x, %x) : tensor<64x32xf32>
    %total = reduce(%q, %zero) {dimensions = [0]} : tensor<32xf32> (%a: tensor<f32>, %b: tensor<f32>) {
      %c = add(%a, %b) : tensor<f32>
      return(%c)
    }
    %t = broadcast_in_dim(%total) {broadcast_dimensions = [1]} : tensor<64x32xf32>
    %y = multiply(%q, %t) : tensor<64x32xf32>
    return(%y, %q)
  })");
  EXPECT_EQ(planned.Count(GroupKind::kLoop), 2) << planned.plan.ToString();
  EXPECT_EQ(planned.Count(GroupKind::kReduce), 1);
}

TEST(PlanBlock, ComputesCostlyScalarsOnce) {
  const Planned planned = PlanText(R"((%x: tensor<1000xf32>, %t: tensor<f32>) {
    %p = power(%t, %t) : tensor<f32>
    %ps = broadcast_in_dim(%p) {broadcast_dimensions = []} : tensor<1000xf32>
    %y = multiply(%x, %ps) : tensor<1000xf32>
    return(%y)
  })");
  EXPECT_EQ(planned.plan.groups.size(), 2u) << planned.plan.ToString();
}

TEST(PlanBlock, ComputesCheapProducersAgainInsteadOfStoringThem) {
  const Planned planned = PlanText(R"((%x: tensor<1000xf32>, %y: tensor<20x50xf32>) {
    %n = negate(%x) : tensor<1000xf32>
    %a = reshape(%n) : tensor<20x50xf32>
    %r = transpose(%a) {permutation = [1, 0]} : tensor<50x20xf32>
    %s = add(%a, %y) : tensor<20x50xf32>
    return(%r, %s)
  })");
  EXPECT_EQ(planned.plan.groups.size(), 2u) << planned.plan.ToString();
  for (const Group& group : planned.plan.groups) EXPECT_EQ(group.outputs.size(), 1u);
}

TEST(PlanBlock, WritesReturnedConstants) {
  const Planned planned = PlanText(R"(() {
    %zero = constant() {value = dense<0.0>} : tensor<5xf32>
    return(%zero)
  })");
  ASSERT_EQ(planned.plan.groups.size(), 1u);
  EXPECT_EQ(planned.plan.groups[0].kind, GroupKind::kLoop);
}

TEST(PlanBlock, GivesAnEmptyProgramNoKernel) {
  EXPECT_TRUE(PlanText("(%x: tensor<5xf32>) { return(%x) }").plan.groups.empty());
}

// Mean and mean of squares of each channel, as batch normalisation asks.
TEST(PlanBlock, ReducesOfOneTensorShareItsReads) {
  const Planned planned = PlanText(R"((%x: tensor<512x64xf32>) {
    %zero = constant() {value = dense<0.0>} : tensor<f32>
    %s = reduce(%x, %zero) {dimensions = [0]} : tensor<64xf32> (%a: tensor<f32>, %b: tensor<f32>) {
      %c = add(%a, %b) : tensor<f32>
      return(%c)
    }
    %xx = multiply(%x, %x) : tensor<512x64xf32>
    %q = reduce(%xx, %zero) {dimensions = [0]} : tensor<64xf32> (%d: tensor<f32>, %e: tensor<f32>) {
      %f = add(%d, %e) : tensor<f32>
      return(%f)
    }
    %ss = multiply(%s, %s) : tensor<64xf32>
    %v = subtract(%q, %ss) : tensor<64xf32>
    return(%s, %v)
  })");
  EXPECT_EQ(planned.plan.groups.size(), 1u) << planned.plan.ToString();
  EXPECT_EQ(planned.Count(GroupKind::kReduce), 1);
}

// The second reduce reads the first one's result: they cannot be one kernel.
TEST(PlanBlock, ReducesThatDependOnEachOtherStayApart) {
  const Planned planned = PlanText(R"((%x: tensor<512x64xf32>) {
    %zero = constant() {value = dense<0.0>} : tensor<f32>
    %s = reduce(%x, %zero) {dimensions = [0]} : tensor<64xf32> (%a: tensor<f32>, %b: tensor<f32>) {
      %c = add(%a, %b) : tensor<f32>
      return(%c)
    }
    %m = broadcast_in_dim(%s) {broadcast_dimensions = [1]} : tensor<512x64xf32>
    %d = subtract(%x, %m) : tensor<512x64xf32>
    %q = reduce(%d, %zero) {dimensions = [0]} : tensor<64xf32> (%e: tensor<f32>, %f: tensor<f32>) {
      %g = add(%e, %f) : tensor<f32>
      return(%g)
    }
    return(%s, %q)
  })");
  EXPECT_EQ(planned.Count(GroupKind::kReduce), 2) << planned.plan.ToString();
}

// Two reduces share their reads of x. What reads the early one comes before the product that the late one reads, and
// yet depends on it from then on: the product and the sum at the end, with that between them, cannot be one kernel.
TEST(PlanBlock, SeesDependenciesOfWhatComesBefore) {
  const Planned planned = PlanText(R"((%x: tensor<64x64xf32>) {
    %zero = constant() {value = dense<0.0>} : tensor<f32>
    %early = reduce(%x, %zero) {dimensions = [0]} : tensor<64xf32> (%a: tensor<f32>, %b: tensor<f32>) {
      %c = add(%a, %b) : tensor<f32>
      return(%c)
    }
    %y = dot_general(%early, %x) {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]} : tensor<64xf32>
    %z = dot_general(%x, %x) {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : tensor<64x64xf32>
    %m = multiply(%x, %z) : tensor<64x64xf32>
    %late = reduce(%m, %zero) {dimensions = [0]} : tensor<64xf32> (%d: tensor<f32>, %e: tensor<f32>) {
      %f = add(%d, %e) : tensor<f32>
      return(%f)
    }
    %wide = broadcast_in_dim(%y) {broadcast_dimensions = [1]} : tensor<64x64xf32>
    %sum = add(%z, %wide) : tensor<64x64xf32>
    return(%late, %sum)
  })");
  EXPECT_EQ(planned.Count(GroupKind::kReduce), 1) << planned.plan.ToString();
  EXPECT_EQ(planned.plan.groups.size(), 4u) << planned.plan.ToString();
}

}  // namespace
}  // namespace dragoman::fusion
