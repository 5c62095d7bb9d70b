// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/os_testing.h"

namespace dragoman::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kStableHlo = R"(module @jit_f {
  func.func public @main(%arg0: tensor<2xf32>) -> tensor<2xf32> {
    %0 = stablehlo.add %arg0, %arg0 : tensor<2xf32>
    return %0 : tensor<2xf32>
  }
}
)";
constexpr const char* kOurs = R"(module @m
func public @main(%0: tensor<2xf32>, %1: tensor<2xf32>) {
  %2 = add(%0, %1) : tensor<2xf32>
  return(%2)
}
)";
constexpr const char* kProfile = "tests/profiles/navi31.json";

struct CommandRun {
  int code = 0;
  std::string out;
  std::string err;
};

CommandRun RunCommand(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "dragoman");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  CommandRun run;
  run.code = Main(std::move(arguments));
  run.out = testing::internal::GetCapturedStdout();
  run.err = testing::internal::GetCapturedStderr();
  return run;
}

class Command : public testing::Test {
 protected:
  std::string Write(const std::string& name, std::string_view contents) {
    const std::string path = testing::TempDir() + "/dragoman_cli_" + name;
    std::ofstream(path, std::ios::binary) << contents;
    files_.push_back(path);
    return path;
  }
  ~Command() override {
    for (const std::string& path : files_) std::filesystem::remove(path);
  }
  std::vector<std::string> files_;
};

TEST_F(Command, CompilesAnArtifactForARecordedDevice) {
  const CommandRun run = RunCommand({"compile", "tests/data/artifacts/mlp_step.bc", "--profile", kProfile});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr(" kernels, "));
}

TEST_F(Command, PrintsTheStagesAskedFor) {
  const std::string path = Write("program.ir", kOurs);
  const CommandRun run = RunCommand({"compile", path, "--profile", kProfile, "--dump", "fusion", "kernel", "plan"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, StartsWith("==== fusion\ngroup 0 loop: 1 ops"));
  EXPECT_THAT(run.out, HasSubstr("\n==== kernel\ngroup 0 because: every access"));
  EXPECT_THAT(run.out, HasSubstr("\ngroup 0: loop of 1 into tensor<2xf32>, 1 workgroups\nkernel "));
  EXPECT_THAT(run.out, HasSubstr(" = fadd "));
  EXPECT_THAT(run.out, HasSubstr("\n==== plan\ntable of "));
  EXPECT_THAT(run.out, HasSubstr(": address of parameter 0 +0\n"));
  EXPECT_THAT(run.out, Not(HasSubstr("==== input")));
  EXPECT_THAT(run.out, Not(HasSubstr("==== program")));
}

TEST_F(Command, SaysHowToMakeAnArtifactOfStableHloText) {
  const std::string path = Write("text.mlir", kStableHlo);
  for (const CommandRun& run :
       {RunCommand({"compile", path, "--profile", kProfile}), RunCommand({"evaluate", path, "-o", path})}) {
    EXPECT_EQ(run.code, 1);
    EXPECT_THAT(run.err,
                StartsWith("dragoman: The program is StableHLO text; artifacts (its portable bytes) are taken."));
    EXPECT_THAT(run.err, HasSubstr("jax.export.export(jax.jit(step))(*arguments).mlir_module_serialized"));
  }
}

TEST_F(Command, NamesThePlaceOfAMistakeInOurOwnText) {
  const CommandRun run =
      RunCommand({"compile", Write("wrong.ir", "module @m\nfunc public @main() { retrn() }"), "--profile", kProfile});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, StartsWith("dragoman: "));
  EXPECT_THAT(run.err, HasSubstr("retrn"));
  EXPECT_THAT(run.err, HasSubstr("wrong.ir"));
}

TEST_F(Command, EvaluatesAProgram) {
  const float values[] = {1, 2, 10, 20};
  const std::string data = Write("data.bin", {reinterpret_cast<const char*>(values), sizeof(values)});
  const std::string output = Write("output.bin", "");
  const CommandRun run = RunCommand({"evaluate", Write("program.ir", kOurs), "--data", data, "-o", output});
  EXPECT_EQ(run.code, 0) << run.err;
  float results[2] = {};
  std::ifstream(output, std::ios::binary).read(reinterpret_cast<char*>(results), sizeof(results));
  EXPECT_THAT(results, testing::ElementsAre(11, 22));
}

TEST_F(Command, EvaluateSaysWhichDataAreMissing) {
  const std::string program = Write("program.ir", kOurs);
  const CommandRun run = RunCommand({"evaluate", program, "-o", program + ".out"});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, StartsWith("dragoman: The program takes 2 parameters"));
  EXPECT_THAT(run.err, HasSubstr("--data FILE"));
  EXPECT_FALSE(std::filesystem::exists(program + ".out"));
}

TEST_F(Command, ExplainsAProgramForARecordedDevice) {
  const CommandRun run =
      RunCommand({"explain", "tests/data/artifacts/mlp_step.bc", "--profile", kProfile, "--why", "1"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, StartsWith("program jit_mlp_step on AMD Radeon RX 7900 XTX"));
  EXPECT_THAT(run.out, HasSubstr("not timed"));
  EXPECT_THAT(run.out, HasSubstr("make_artifacts.py:31\n"));
  EXPECT_THAT(run.out, HasSubstr("\n    form: "));
}

TEST_F(Command, ExplainTimesTheKernelsOnTheDeviceAtHand) {
  const std::string saved = Write("saved.bin", "");
  const std::string program = Write("program.ir", kOurs);
  EXPECT_EQ(RunCommand({"compile", program, "-o", saved}).code, 0);
  for (const std::string& path : {program, saved}) {
    const CommandRun run = RunCommand({"explain", path, "--runs", "2", "--json"});
    ASSERT_EQ(run.code, 0) << run.err;
    const auto json = nlohmann::json::parse(run.out);
    ASSERT_EQ(json["kernels"].size(), 1u) << run.out;
    EXPECT_EQ(json["kernels"][0]["bytes"], 3 * 2 * 4);
    EXPECT_EQ(json["kernels"][0]["reasons"].empty(), path == saved);
    EXPECT_GT(json["kernels"][0]["seconds"], 0);
    EXPECT_EQ(json["executions"], 2);
  }
}

TEST_F(Command, DevicesNamesTheProfileThatIsLaidOverThem) {
  os::SetVariable("DRAGOMAN_PROFILE", kProfile);
  const CommandRun run = RunCommand({"devices"});
  os::SetVariable("DRAGOMAN_PROFILE", "there/is/no.json");
  const CommandRun missing = RunCommand({"devices"});
  os::ClearVariable("DRAGOMAN_PROFILE");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("compiled with the choices of AMD Radeon RX 7900 XTX"));
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.err, StartsWith("dragoman: The device profile 'there/is/no.json' cannot be read."));
}

TEST_F(Command, EveryErrorBeginsAlike) {
  const std::vector<std::vector<std::string>> wrong = {
      {"compile", "there/is/no/such.bc", "--profile", kProfile},
      {"compile", "tests/data/artifacts/mlp_step.bc", "--profile", "there/is/no.json"},
      {"compile", "tests/data/artifacts/mlp_step.bc", "--profile", kProfile, "-o", "there/is/no/folder"},
      {"compile", "tests/data/artifacts/refused_op.bc", "--profile", kProfile},
      {"evaluate", "there/is/no/such.bc", "-o", "x"},
      {"explain", "there/is/no/such.bc"},
      {"explain", "tests/data/artifacts/mlp_step.bc", "--profile", "there/is/no.json"},
      {"explain", "tests/data/artifacts/mlp_step.bc", "--runs", "0"},
      {"explain", "tests/data/artifacts/host_transfer.bc"},
      {"bench", "--only", "there is no such workload"},
      {"tune", "there/is/no/such.bc"},
      {"devices", "--profile", "1000"},
      {"devices", "--there-is-no-such-option"},
      {"compile"},
      {"there-is-no-such-command"},
      {},
  };
  for (const auto& arguments : wrong) {
    const CommandRun run = RunCommand(arguments);
    EXPECT_NE(run.code, 0);
    EXPECT_THAT(run.err, StartsWith("dragoman: ")) << testing::PrintToString(arguments);
  }
}

}  // namespace
}  // namespace dragoman::cli
