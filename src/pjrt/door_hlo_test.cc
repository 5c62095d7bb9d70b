// SPDX-License-Identifier: Apache-2.0
// What TensorFlow and torch_xla ask of the door, on this machine's Vulkan device.
#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "pjrt/door_testing.h"

namespace dragoman::pjrt {
namespace {

using testing::HasSubstr;

constexpr std::string_view kPortable("\x20\x01", 2);  // CompileOptionsProto { compile_portable_executable: true }

class HloDoorTest : public DoorTest {
 protected:
  Executable Compile(const std::string& path) {
    Executable executable;
    const Failure failure = door_->Compile(ReadFileForTest(path), std::string(kPortable), &executable, "hlo");
    EXPECT_EQ(failure.code, 0) << failure.message;
    return executable;
  }
  Buffer PutMatrix(float value) {
    const std::vector<float> values(32, value);
    return door_->Put(values.data(), PJRT_Buffer_Type_F32, {4, 8});
  }
};

// y is added to a variable, which is written back; the result is twice its new value.
constexpr const char* kAssign = "tests/data/hlo/assign.hlo";

TEST_F(HloDoorTest, RunsAProgramThatWritesAVariableBack) {
  const Executable assign = Compile(kAssign);
  const Buffer y = PutMatrix(1), variable = PutMatrix(5);
  const Execution run = Execute(assign.get(), {y.get(), variable.get()}, true, {0}, door_->device());
  ASSERT_EQ(run.failure.code, 0) << run.failure.message;
  EXPECT_THAT(GetAs<float>(run.outputs.at(0)), testing::Each(12.0f));
  EXPECT_THAT(GetAs<float>(run.outputs.at(1)), testing::Each(6.0f));
  EXPECT_TRUE(IsDeleted(variable));
  EXPECT_FALSE(IsDeleted(y));
}

TEST_F(HloDoorTest, KeepsAVariableThatIsNotGivenAway) {
  const Executable assign = Compile(kAssign);
  const Buffer y = PutMatrix(1), variable = PutMatrix(5);
  const Execution run = Execute(assign.get(), {y.get(), variable.get()}, true, {0, 1});
  ASSERT_EQ(run.failure.code, 0) << run.failure.message;
  EXPECT_FALSE(IsDeleted(variable));
  EXPECT_THAT(GetAs<float>(variable), testing::Each(5.0f));
  EXPECT_THAT(GetAs<float>(run.outputs.at(1)), testing::Each(6.0f));
}

TEST_F(HloDoorTest, DrawsOtherNumbersAtEachExecution) {
  const Executable uniform = Compile("tests/data/door/random_uniform.hlo");
  std::set<float> seen;
  for (int i = 0; i < 3; ++i) {
    const Execution run = Execute(uniform.get(), {});
    ASSERT_EQ(run.failure.code, 0) << run.failure.message;
    for (const float x : GetAs<float>(run.outputs.at(0))) {
      EXPECT_GE(x, 0);
      EXPECT_LT(x, 1);
      seen.insert(x);
    }
  }
  EXPECT_GE(seen.size(), 55u);  // of 60
}

TEST_F(HloDoorTest, CompilesAndRunsInManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const Executable assign = Compile(kAssign);
        const Buffer y = PutMatrix(static_cast<float>(t)), variable = PutMatrix(1);
        const Execution run = Execute(assign.get(), {y.get(), variable.get()}, i % 2 == 0, {0});
        ASSERT_EQ(run.failure.code, 0) << run.failure.message;
        EXPECT_THAT(GetAs<float>(run.outputs.at(1)), testing::Each(static_cast<float>(t + 1)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(HloDoorTest, GivesTheProgramBack) {
  const Executable assign = Compile(kAssign);
  auto get = NEW(LoadedExecutable_GetExecutable);
  get.loaded_executable = assign.get();
  CALL(LoadedExecutable_GetExecutable, get);
  PJRT_Program program = {sizeof(program)};
  auto args = NEW(Executable_OptimizedProgram);
  args.executable = get.executable;
  args.program = &program;
  CALL(Executable_OptimizedProgram, args);
  std::string code(program.code_size, '\0');
  program.code = code.data();
  CALL(Executable_OptimizedProgram, args);
  EXPECT_EQ(std::string_view(program.format, program.format_size), "hlo_with_config");
  EXPECT_THAT(code, HasSubstr(ReadFileForTest(kAssign)));
  auto destroy = NEW(Executable_Destroy);
  destroy.executable = get.executable;
  CALL(Executable_Destroy, destroy);
}

TEST_F(HloDoorTest, RefusesWhatItCannotRead) {
  Executable executable;
  std::string cut = ReadFileForTest(kAssign);
  cut.resize(cut.size() / 2);
  EXPECT_EQ(door_->Compile(cut, "", &executable, "hlo").code, 3);
  const Failure foreign = door_->Compile(cut, "", &executable, "hlo_with_config");
  EXPECT_EQ(foreign.code, 12);
  EXPECT_THAT(foreign.message, HasSubstr("only \"mlir\" and \"hlo\""));
}

}  // namespace
}  // namespace dragoman::pjrt
