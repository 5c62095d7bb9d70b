// SPDX-License-Identifier: Apache-2.0
#include "kernel/interpreter.h"

#include <gtest/gtest.h>

#include <cstring>

#include "kernel/builder.h"

namespace dragoman::kernel {
namespace {

class InterpreterTest : public testing::Test {
 protected:
  target::DeviceProfile profile;
  Builder b{profile};
  std::vector<std::byte> memory = std::vector<std::byte>(256 * 4);

  Status Run(int workgroups = 1) {
    const Kernel kernel = std::move(b).Finish(64);
    std::vector<std::byte>* const buffers[] = {&memory};
    return Interpret(kernel, buffers, {}, workgroups);
  }
  int32_t At(int i) const {
    int32_t value = 0;
    std::memcpy(&value, memory.data() + 4 * i, 4);
    return value;
  }
};

TEST_F(InterpreterTest, PassesValuesThroughSharedMemory) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  const int shared = b.AddShared(KType::kI32, 64);
  b.StoreShared(shared, b.LocalIndex(), b.LocalIndex());
  b.Barrier();
  b.Store(out, b.GlobalIndex(64), b.LoadShared(shared, b.ISub(b.I32(63), b.LocalIndex())));
  const Status status = Run(2);
  ASSERT_TRUE(status.ok()) << status.message();
  for (int i = 0; i < 128; ++i) EXPECT_EQ(At(i), 63 - i % 64);
}

TEST_F(InterpreterTest, ReportsAMissingBarrier) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  const int shared = b.AddShared(KType::kI32, 64);
  b.StoreShared(shared, b.LocalIndex(), b.LocalIndex());
  b.Store(out, b.LocalIndex(), b.LoadShared(shared, b.ISub(b.I32(63), b.LocalIndex())));
  const Status status = Run();
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_NE(status.message().find("load_shared"), std::string::npos) << status.message();
}

TEST_F(InterpreterTest, ReportsABarrierThatSomeMiss) {
  b.AddBuffer({DType::kS32, false, true});
  b.If(b.ULt(b.LocalIndex(), b.I32(3)), [&] { b.Barrier(); });
  const Status status = Run();
  EXPECT_NE(status.message().find("reached by 3 of 64"), std::string::npos) << status.message();
}

TEST_F(InterpreterTest, ReportsAccessOutOfBounds) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  b.Store(out, b.IAdd(b.LocalIndex(), b.I32(193)), b.I32(1));
  const Status status = Run();
  EXPECT_NE(status.message().find("element 256 of 256"), std::string::npos) << status.message();
}

TEST_F(InterpreterTest, ReportsConflictsBetweenWorkgroups) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  b.Store(out, b.LocalIndex(), b.WorkgroupIndex());
  EXPECT_TRUE(Status(Run(1)).ok());
  Builder again(profile);
  const int target = again.AddBuffer({DType::kS32, false, true});
  again.Store(target, again.LocalIndex(), again.WorkgroupIndex());
  std::vector<std::byte>* const buffers[] = {&memory};
  const Status status = Interpret(std::move(again).Finish(64), buffers, {}, 2);
  EXPECT_NE(status.message().find("another invocation writes"), std::string::npos) << status.message();
}

TEST_F(InterpreterTest, ReportsDivisionByZero) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  b.Store(out, b.LocalIndex(), b.UDiv(b.I32(7), b.LocalIndex()));
  EXPECT_NE(Run().message().find("divides by zero"), std::string::npos);
}

TEST_F(InterpreterTest, ShufflesOnlyWithinASubgroup) {
  const int out = b.AddBuffer({DType::kS32, false, true});
  const V distance = b.Select(b.ULt(b.LocalIndex(), b.I32(32)), b.I32(3), b.I32(8));
  b.Store(out, b.LocalIndex(), b.Binary(KOp::kSubgroupShuffleXor, b.LocalIndex(), distance));
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(At(13), 14);
  EXPECT_NE(At(45), 37) << "a subgroup has eight invocations";
}

}  // namespace
}  // namespace dragoman::kernel
