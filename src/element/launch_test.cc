// SPDX-License-Identifier: Apache-2.0
#include "element/launch.h"

#include <gtest/gtest.h>

#include "lower/group_testing.h"

namespace dragoman::kernel {
namespace {

target::DeviceProfile WithWorkgroups(int invocations, uint32_t along_x) {
  target::DeviceProfile profile = VectorProfile();
  profile.max_workgroup_invocations = invocations;
  profile.max_workgroup_size[0] = along_x;
  return profile;
}

// Trees over a workgroup halve it, whatever the device's limit is.
TEST(Launch, WorkgroupsArePowersOfTwoWithinTheDevicesLimits) {
  const struct {
    int invocations;
    uint32_t along_x;
    int expected;
  } rows[] = {{128, 128, 128}, {192, 192, 128},  {255, 1024, 128},  {256, 256, 256},
              {384, 384, 256}, {1024, 128, 128}, {1024, 1024, 256}, {2048, 1024, 256}};
  for (const auto& row : rows) {
    EXPECT_EQ(DefaultWorkgroupSize(WithWorkgroups(row.invocations, row.along_x)), row.expected)
        << row.invocations << " and " << row.along_x;
  }
}

TEST(Launch, InvocationsAreCountedInTheTypeThatReachesThem) {
  for (const auto& [count, type] : {std::pair{int64_t{1}, KType::kI32},
                                    {(int64_t{1} << 31) - 1, KType::kI32},
                                    {int64_t{1} << 31, KType::kI64},
                                    {int64_t{1} << 40, KType::kI64}}) {
    const target::DeviceProfile profile = VectorProfile();
    Builder b(profile);
    EXPECT_EQ(GlobalInvocation(b, 256, count).type, type) << count;
  }
}

// Workgroup 2^24 of 256 invocations starts at invocation 2^32.
TEST(Launch, InvocationsBeyond32BitsDoNotWrapAround) {
  const target::DeviceProfile profile = VectorProfile();
  Builder b(profile);
  const int out = b.AddBuffer({DType::kS64, false, true});
  b.Store(out, b.LocalIndex(), GlobalInvocation(b, 256, int64_t{1} << 33));
  std::vector<std::byte> bytes(256 * 8);
  std::vector<std::byte>* const buffers[] = {&bytes};
  InterpretOptions options;
  options.first_workgroup = int64_t{1} << 24;
  const Status status = Interpret(std::move(b).Finish(256), buffers, {}, 1, options);
  ASSERT_TRUE(status.ok()) << status.message();
  for (int i = 0; i < 256; ++i) {
    EXPECT_EQ(DecodeElement(DType::kS64, bytes.data() + 8 * i), Number(4294967296.0 + i));
  }
}

TEST(Launch, ADispatchBindsItsBuffersInTheOrderOfTheirFirstUse) {
  const TestGroup test("(%0: tensor<8xf32>, %1: tensor<8xf32>) { %2 = add(%1, %0) : tensor<8xf32> return(%2) }");
  const target::DeviceProfile profile = VectorProfile();
  Builder b(profile);
  Elemental elemental(b, test.group);
  const Index at = Index::FromLinear(b.LocalIndex());
  const Scalar second = elemental.Load(test.group.inputs[1], at);
  const Scalar first = elemental.Load(test.group.inputs[0], at);
  elemental.Load(test.group.inputs[1], at);  // is bound already
  const int temporary = elemental.BindTemporary(3, DType::kF32, false, true);
  EXPECT_EQ(elemental.BindTemporary(3, DType::kF32, false, true), temporary);
  EXPECT_NE(elemental.BindTemporary(3, DType::kU32, false, true), temporary);
  elemental.Store(test.group.outputs[0], at, {b.FAdd(first.re, second.re), {}});
  const Dispatch dispatch = FinishDispatch(std::move(b), elemental, 8, 5, "sum");
  EXPECT_EQ(dispatch.kernel.workgroup_size, 8);
  EXPECT_EQ(dispatch.workgroups, 5);
  EXPECT_EQ(dispatch.label, "sum");
  ASSERT_EQ(dispatch.arguments.size(), 5u);
  EXPECT_EQ(dispatch.kernel.buffers.size(), 5u);
  EXPECT_EQ(dispatch.arguments[0].value, test.group.inputs[1]);
  EXPECT_EQ(dispatch.arguments[1].value, test.group.inputs[0]);
  EXPECT_EQ(dispatch.arguments[2].temporary, 3);
  EXPECT_EQ(dispatch.arguments[4].value, test.group.outputs[0]);
  EXPECT_FALSE(dispatch.kernel.buffers[0].is_written);
  EXPECT_TRUE(dispatch.kernel.buffers[4].is_written);
}

}  // namespace
}  // namespace dragoman::kernel
