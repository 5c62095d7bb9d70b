// SPDX-License-Identifier: Apache-2.0
// Index arithmetic of Elemental, and what it remembers.
#include <gtest/gtest.h>

#include "element/elemental.h"
#include "lower/group_testing.h"

namespace dragoman::kernel {
namespace {

constexpr int64_t kBeyondI32 = int64_t{1} << 31;

// A kernel of `count` invocations that write `width` integers each, and what they wrote.
class IndexKernel {
 public:
  explicit IndexKernel(const fusion::Group& group) : profile_(VectorProfile()), b_(profile_), e_(b_, group) {}
  Builder& builder() { return b_; }
  Elemental& elemental() { return e_; }
  // Signed where it has 32 bits.
  void Write(V value) {
    written_.push_back(value.type == KType::kI32 ? b_.Convert(KOp::kSExt, value, KType::kI64) : value);
  }
  std::vector<std::vector<int64_t>> Run(int count) {
    const int width = static_cast<int>(written_.size());
    const int out = b_.AddBuffer({DType::kS64, false, true});
    for (int i = 0; i < width; ++i) b_.Store(out, b_.MulAdd(b_.LocalIndex(), width, b_.I32(i)), written_[i]);
    std::vector<std::byte> bytes(static_cast<size_t>(count) * width * 8);
    std::vector<std::byte>* const buffers[] = {&bytes};
    const Status status = Interpret(std::move(b_).Finish(count), buffers, {}, 1);
    EXPECT_TRUE(status.ok()) << status.message();
    std::vector<std::vector<int64_t>> rows(count, std::vector<int64_t>(width));
    for (int i = 0; i < count * width; ++i) std::memcpy(&rows[i / width][i % width], bytes.data() + 8 * i, 8);
    return rows;
  }

 private:
  target::DeviceProfile profile_;
  Builder b_;
  Elemental e_;
  std::vector<V> written_;
};

std::string TensorOf(const Dims& dims) {
  std::string text = "tensor<";
  for (const int64_t dim : dims) text += Format("{}x", dim);
  return text + "f32>";
}

TestGroup NegateGroup(const Dims& dims) {
  return TestGroup(Format("(%0: {0}) {{ %1 = negate(%0) : {0} return(%1) }}", TensorOf(dims)));
}

Dims DimsAt(int64_t linear, const Dims& extents) {
  Dims at(extents.size());
  for (size_t d = extents.size(); d-- > 0; linear /= extents[d]) at[d] = linear % extents[d];
  return at;
}

TEST(ElementalIndex, TakesTheTypeThatReachesTheCount) {
  EXPECT_EQ(IndexType(0), KType::kI32);
  EXPECT_EQ(IndexType(kBeyondI32 - 1), KType::kI32);
  EXPECT_EQ(IndexType(kBeyondI32), KType::kI64);
  EXPECT_EQ(InnermostDim({}), -1);
  EXPECT_EQ(InnermostDim({1, 1}), -1);
  EXPECT_EQ(InnermostDim({4, 1, 1}), 0);
  EXPECT_EQ(InnermostDim({4, 0}), 1);
  EXPECT_EQ(InnermostDim({1, 4, 3}), 2);
}

TEST(ElementalIndex, WidensWithoutSignAndNarrowsToTheLowBits) {
  const TestGroup test = NegateGroup({4});
  IndexKernel kernel(test.group);
  Builder& b = kernel.builder();
  const V high = b.Or(b.LocalIndex(), b.I32(INT32_MIN));  // no constant
  kernel.Write(ToIndexType(b, high, KType::kI64));
  kernel.Write(ToIndexType(b, ToIndexType(b, high, KType::kI64), KType::kI32));
  EXPECT_EQ(ToIndexType(b, high, KType::kI32).id, high.id);
  for (const auto& row : kernel.Run(2)) {
    EXPECT_EQ(row[0] >> 1, kBeyondI32 >> 1);
    EXPECT_EQ(row[1] >> 1, -(kBeyondI32 >> 1));
  }
}

TEST(ElementalIndex, ClampsStartsOfEveryType) {
  const int64_t starts[] = {-kBeyondI32 - 7, -129, -1, 0, 1, 3, 127, 200, 255, 70000, kBeyondI32 - 1, kBeyondI32 + 1};
  for (const DType dtype :
       {DType::kS8, DType::kU8, DType::kS16, DType::kU16, DType::kS32, DType::kU32, DType::kS64, DType::kU64}) {
    for (const int64_t max : {int64_t{0}, int64_t{2}, int64_t{150}, kBeyondI32 - 1, kBeyondI32, kBeyondI32 * 4}) {
      SCOPED_TRACE(Format("{} up to {}", Name(dtype), max));
      std::vector<std::byte> in(std::size(starts) * SizeBytes(dtype)), out(std::size(starts) * 8);
      for (size_t i = 0; i < std::size(starts); ++i) {
        std::memcpy(in.data() + i * SizeBytes(dtype), &starts[i], SizeBytes(dtype));  // the low bytes
      }
      const target::DeviceProfile profile = VectorProfile();
      Builder b(profile);
      const int from = b.AddBuffer({dtype, true, false}), to = b.AddBuffer({DType::kS64, false, true});
      const V clamped = ClampStart(b, {b.Load(from, b.LocalIndex()), {}}, dtype, max);
      EXPECT_EQ(clamped.type, IndexType(max));
      b.Store(to, b.LocalIndex(), ToIndexType(b, clamped, KType::kI64));
      std::vector<std::byte>* const buffers[] = {&in, &out};
      const Status status = Interpret(std::move(b).Finish(std::size(starts)), buffers, {}, 1);
      ASSERT_TRUE(status.ok()) << status.message();
      for (size_t i = 0; i < std::size(starts); ++i) {
        int64_t start = 0, got = 0;
        std::memcpy(&got, out.data() + 8 * i, 8);
        std::memcpy(&start, in.data() + i * SizeBytes(dtype), SizeBytes(dtype));
        const int unused = 64 - Info(dtype).bits;
        if (IsSigned(dtype)) start = static_cast<int64_t>(static_cast<uint64_t>(start) << unused) >> unused;
        const bool is_huge = IsUnsigned(dtype) && start < 0;
        EXPECT_EQ(got, is_huge ? max : std::clamp<int64_t>(start, 0, max)) << starts[i];
      }
    }
  }
}

const Dims kShapesOfIndices[] = {{12},    {1},       {},       {3, 4}, {1, 12}, {12, 1}, {2, 1, 3, 1, 2},
                                 {8, 16}, {5, 7, 3}, {4, 1, 8}};

TEST(ElementalIndex, TakesLinearIndicesApartAndPutsThemTogether) {
  for (const Dims& dims : kShapesOfIndices) {
    SCOPED_TRACE(ToString(dims));
    const TestGroup test = NegateGroup(dims);
    IndexKernel kernel(test.group);
    Elemental& e = kernel.elemental();
    std::vector<V> apart;
    {
      Elemental::Scope scope(e);  // where they came from is forgotten after it
      apart = e.Delinearize(Index::FromLinear(kernel.builder().LocalIndex()), dims);
    }
    ASSERT_EQ(apart.size(), dims.size());
    for (const V index : apart) kernel.Write(index);
    kernel.Write(e.Linear(Index::FromDims(apart), dims));
    const auto rows = kernel.Run(static_cast<int>(NumElements(dims)));
    for (int64_t i = 0; i < NumElements(dims); ++i) {
      const Dims expected = DimsAt(i, dims);
      for (size_t d = 0; d < dims.size(); ++d) EXPECT_EQ(rows[i][d], expected[d]) << i;
      EXPECT_EQ(rows[i].back(), i);
    }
  }
}

// The linear index of dimensions that came from one is that one; so are those of the leading dimensions.
TEST(ElementalIndex, RemembersWhereDimensionsCameFrom) {
  const TestGroup test = NegateGroup({5, 7, 3});
  const target::DeviceProfile profile = VectorProfile();
  Builder b(profile);
  Elemental e(b, test.group);
  const V linear = b.LocalIndex();
  const std::vector<V> dims = e.Delinearize(Index::FromLinear(linear), {5, 7, 3});
  EXPECT_EQ(e.Linear(Index::FromDims(dims), {5, 7, 3}).id, linear.id);
  EXPECT_EQ(e.Linear(Index::FromDims({dims[0], dims[1]}), {5, 7}).id, b.UDiv(linear, b.I32(3)).id);
  EXPECT_NE(e.Linear(Index::FromDims({dims[0], dims[1]}), {7, 5}).id, b.UDiv(linear, b.I32(3)).id);
  const std::vector<V> again = e.Delinearize(Index::FromLinear(linear), {5, 7, 3});
  for (int d = 0; d < 3; ++d) EXPECT_EQ(again[d].id, dims[d].id);
}

TEST(ElementalIndex, ReshapesPositionsByRunsOfDimensions) {
  const std::pair<Dims, Dims> rows[] = {
      {{12}, {3, 4}},         {{3, 4}, {12}},     {{3, 4}, {4, 3}},        {{2, 6, 5}, {2, 3, 2, 5}},
      {{4, 6, 2}, {8, 3, 2}}, {{1, 12, 1}, {12}}, {{12}, {1, 4, 1, 3, 1}}, {{5, 1, 2}, {5, 2}},
      {{2, 3, 4, 5}, {6, 20}}};
  for (const auto& [from, to] : rows) {
    for (const bool needs_dims : {false, true}) {
      SCOPED_TRACE(ToString(from) + " to " + ToString(to) + (needs_dims ? " by dimension" : ""));
      // The reshape's operand is of `to`; reversing looks at dimensions.
      const TestGroup test(Format("(%0: {0}) {{ %1 = {1}(%0) {2} : {0} %2 = reshape(%1) : {3} return(%2) }}",
                                  TensorOf(to), needs_dims ? "reverse" : "negate",
                                  needs_dims ? "{dimensions = [0]}" : "", TensorOf(from)));
      ASSERT_NE(test.module, nullptr);
      IndexKernel kernel(test.group);
      Elemental& e = kernel.elemental();
      const ir::Value* operand = test.group.members[0]->result();
      EXPECT_EQ(e.NeedsDims(operand), needs_dims);
      const std::vector<V> at = e.Delinearize(Index::FromLinear(kernel.builder().LocalIndex()), from);
      const Index index = e.Reshape(Index::FromDims(at), from, operand);
      for (const V dim : e.Delinearize(index, to)) kernel.Write(dim);
      const auto written = kernel.Run(static_cast<int>(NumElements(from)));
      for (int64_t i = 0; i < NumElements(from); ++i)
        EXPECT_EQ(Dims(written[i].begin(), written[i].end()), DimsAt(i, to));
    }
  }
}

TEST(ElementalIndex, ComputesAValueOnceWithinAScopeAndAgainOutsideOfIt) {
  const TestGroup test("(%0: tensor<64xf32>) { %1 = exponential(%0) : tensor<64xf32> return(%1) }");
  const target::DeviceProfile profile = VectorProfile();
  Builder b(profile);
  Elemental e(b, test.group);
  const Index at = Index::FromLinear(b.LocalIndex());
  const ir::Value* result = test.group.outputs[0];
  V inner;
  b.If(b.ULt(b.LocalIndex(), b.I32(8)), [&] {
    Elemental::Scope scope(e);
    inner = e.At(result, at)->re;
    EXPECT_EQ(e.At(result, at)->re.id, inner.id);
  });
  const V outer = e.At(result, at)->re;
  EXPECT_NE(outer.id, inner.id);
  b.If(b.ULt(b.LocalIndex(), b.I32(8)), [&] {
    Elemental::Scope scope(e);
    EXPECT_EQ(e.At(result, at)->re.id, outer.id);
  });
  EXPECT_NE(e.At(result, Index::FromLinear(b.I32(3)))->re.id, outer.id);
}

TEST(ElementalIndex, PinnedAndRememberedValuesAreNotComputed) {
  const TestGroup test(
      "(%0: tensor<64xf32>) { %1 = exponential(%0) : tensor<64xf32> %2 = negate(%1) : tensor<64xf32> return(%2) }");
  const target::DeviceProfile profile = VectorProfile();
  Builder b(profile);
  Elemental e(b, test.group);
  const ir::Value* exponential = test.group.members[0]->result();
  const Index at = Index::FromLinear(b.LocalIndex());
  const V known = b.F32(42);
  EXPECT_TRUE(e.IsComputed(exponential));
  {
    Elemental::Scope scope(e);
    e.Remember(exponential, at, {{known, {}}});
    EXPECT_EQ(e.At(exponential, at)->re.id, known.id);
    EXPECT_TRUE(e.arguments().empty());
    EXPECT_NE(e.At(exponential, Index::FromLinear(b.I32(5)))->re.id, known.id);
  }
  EXPECT_NE(e.At(exponential, at)->re.id, known.id);
  EXPECT_EQ(e.arguments().size(), 1u);
  e.Pin(exponential, {known, {}});
  EXPECT_FALSE(e.IsComputed(exponential));
  EXPECT_EQ(e.At(exponential, at)->re.id, known.id);
  EXPECT_EQ(e.AtLanes(exponential, at, 4)->size(), 1u);
  EXPECT_EQ(e.arguments().size(), 1u);
}

TEST(ElementalIndex, LoadsVectorsOfFourAndComplexNumbersInParts) {
  for (const auto& [dtype, lanes, loads] :
       {std::tuple{"f32", 4, 1}, {"f32", 1, 1}, {"bf16", 8, 2}, {"c64", 1, 1}, {"c64", 2, 1}, {"c64", 4, 2}}) {
    SCOPED_TRACE(Format("{} of {}", lanes, dtype));
    const TestGroup test(Format("(%0: tensor<64x{0}>) {{ %1 = add(%0, %0) : tensor<64x{0}> return(%1) }}", dtype));
    const target::DeviceProfile profile = VectorProfile();
    Builder b(profile);
    Elemental e(b, test.group);
    const V first = b.IMul(b.LocalIndex(), b.I32(lanes));
    EXPECT_EQ(e.LoadLanes(test.group.inputs[0], Index::FromLinear(first), lanes).size(), static_cast<size_t>(lanes));
    const std::string text = Print(std::move(b).Finish(8));
    int found = 0;
    for (size_t at = text.find("load @"); at != std::string::npos; at = text.find("load @", at + 1)) ++found;
    EXPECT_EQ(found, loads) << text;
  }
}

}  // namespace
}  // namespace dragoman::kernel
