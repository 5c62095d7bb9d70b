// SPDX-License-Identifier: Apache-2.0
#include "measure/kernel_report.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace dragoman::measure {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A copy that memory bounds, a product, and a loop of three rounds of a kernel that does next to nothing.
program::Program SomeProgram() {
  program::Program program;
  program.name = "step";
  program.kernels.resize(2);
  program.kernels[1].spirv = {0x07230203, 0, 0, 0, 0, 2u << 16 | 17, 1, 2u << 16 | 17, 6022};
  program.places = {"a/long/path/to/a/script/train.py:17 in jit(step)/dense/dot_general"};
  program.reasons = {"loop of 2 operations: add multiply\nform: one element"};
  const program::Step copy{.bytes = 1e9, .label = "copy"};
  const program::Step product{.kernel = 1, .flops = 1e12, .bytes = 1e6, .label = "product", .place = 0};
  program::Step repeat{.kind = program::StepKind::kRepeat, .count = 3};
  repeat.bodies = {{program::Step{.bytes = 8, .label = "small", .reason = 0}}};
  program.steps = {copy, product, repeat};
  return program;
}

constexpr Limits kLimits = {
    .bytes_per_second = 1e12, .flops_per_second = 1e13, .matrix_flops_per_second = 1e14, .launch_seconds = 1e-6};

StepTimes SomeTimes() {
  StepTimes times;
  for (const double factor : {1.0, 4.0, 2.0}) {
    times.Add(std::vector<runtime::KernelRun>{{0, 0, 1e-3 * factor},
                                              {1, 0, 2.5e-3 * factor},
                                              {3, 0, 1e-6 * factor},
                                              {3, 0, 1e-6 * factor},
                                              {3, 0, 1e-6 * factor},
                                              {runtime::kNoStepNumber, 0, 5e-6 * factor}});
  }
  return times;
}

TEST(StepTimes, GivesMediansOverExecutions) {
  const StepTimes times = SomeTimes();
  EXPECT_EQ(times.num_executions(), 3u);
  EXPECT_DOUBLE_EQ(times.Of(0).seconds, 2e-3);
  EXPECT_EQ(times.Of(3).runs, 3u);
  EXPECT_DOUBLE_EQ(times.Of(3).seconds, 6e-6);
  EXPECT_EQ(times.Of(2).runs, 0u);
  EXPECT_NEAR(times.Total(), 2 * (1e-3 + 2.5e-3 + 8e-6), 1e-12);
  EXPECT_NEAR(times.LeastTotal(), 1e-3 + 2.5e-3 + 8e-6, 1e-12);
  EXPECT_EQ(StepTimes().Total(), 0);
}

TEST(KernelReport, NamesTheLimitThatIsNearestLongestFirst) {
  const StepTimes times = SomeTimes();
  const KernelReport report = MakeReport(SomeProgram(), "Card", Measured{times, kLimits});
  ASSERT_EQ(report.rows.size(), 3u);
  EXPECT_EQ(report.rows[0].name, "product");
  EXPECT_EQ(report.rows[0].bound, "matrix");
  EXPECT_NEAR(report.rows[0].share, 1e12 / 1e14 / 5e-3, 1e-9);
  EXPECT_EQ(report.rows[1].bound, "memory");
  EXPECT_NEAR(report.rows[1].share, 1e9 / 1e12 / 2e-3, 1e-9);
  EXPECT_EQ(report.rows[2].bound, "launch");
  EXPECT_NEAR(report.rows[2].share, 0.5, 1e-9);
  EXPECT_EQ(report.rows[2].runs, 3u);
  EXPECT_DOUBLE_EQ(report.other_seconds, 1e-5);
}

TEST(KernelReport, WithoutTimesKeepsTheProgramsOrderAndCountsRounds) {
  const KernelReport report = MakeReport(SomeProgram(), "Card", std::nullopt);
  EXPECT_EQ(report.rows[0].name, "copy");
  EXPECT_EQ(report.rows[2].runs, 3u);
  const std::string text = Print(report, 0);
  EXPECT_THAT(text, HasSubstr("3 kernels, not timed\n"));
  EXPECT_THAT(text, Not(HasSubstr("why")));
}

TEST(KernelReport, PrintsLinesOfAtMost120ColumnsAndTheReasons) {
  program::Program program = SomeProgram();
  program.name = std::string(70, 'n');
  program.steps[0].label = std::string(110, 'l');
  program.reasons[0] += "\n" + std::string(90, 'x') + " " + std::string(90, 'y') + " z";
  const StepTimes times = SomeTimes();
  const std::string text = Print(MakeReport(program, "A card with a name", Measured{times, kLimits}), 3);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 120u) << line;
  }
  EXPECT_THAT(text, HasSubstr(" 200% matrix  product"));
  EXPECT_THAT(text, HasSubstr("  ../a/script/train.py:17\n"));
  EXPECT_THAT(text, HasSubstr("\n3: small\n    loop of 2 operations: add multiply\n    form: one element\n"));
}

TEST(KernelReport, JsonHasEveryFigure) {
  const StepTimes times = SomeTimes();
  const auto json = nlohmann::json::parse(ToJson(MakeReport(SomeProgram(), "Card", Measured{times, kLimits})));
  EXPECT_EQ(json["program"], "step");
  EXPECT_EQ(json["kernels"][0]["place"], SomeProgram().places[0]);
  EXPECT_EQ(json["kernels"][2]["reasons"][1], "form: one element");
  EXPECT_DOUBLE_EQ(json["kernels"][1]["seconds"], 2e-3);
  EXPECT_EQ(json["limits"]["bytes_per_second"], 1e12);
  EXPECT_EQ(json["executions"], 3);
  const auto untimed = nlohmann::json::parse(ToJson(MakeReport(SomeProgram(), "Card", std::nullopt)));
  EXPECT_FALSE(untimed["kernels"][0].contains("seconds"));
}

}  // namespace
}  // namespace dragoman::measure
