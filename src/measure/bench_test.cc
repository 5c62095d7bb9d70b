// SPDX-License-Identifier: Apache-2.0
#include "measure/bench.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

#include "compiler/compiler.h"
#include "target/profile_json.h"

namespace dragoman::measure {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Workloads, CompileAtBothSizesForRecordedDevices) {
  std::set<std::string_view> names;
  for (const Workload& workload : Workloads()) {
    EXPECT_TRUE(names.insert(workload.name).second) << workload.name;
    EXPECT_LE(workload.name.size(), 34u) << "the table's column";
    for (const bool is_small : {false, true}) {
      auto module = ModuleOf(workload, is_small);
      ASSERT_TRUE(module.ok()) << module.status().message();
      const auto profile =
          target::LoadProfile(is_small ? "tests/profiles/lavapipe.json" : "tests/profiles/navi31.json");
      ASSERT_TRUE(profile.ok());
      const auto program = compiler::CompileModule(*std::move(module), *profile, {});
      ASSERT_TRUE(program.ok()) << workload.name << ": " << program.status().message();
      EXPECT_FALSE(program->steps.empty()) << workload.name;
      EXPECT_TRUE(workload.rate != Rate::kFlops || program->flops > 0) << workload.name;
    }
  }
  EXPECT_GE(names.size(), 30u);
}

TEST(RunBench, TellsOfEachWorkloadAsItGoes) {
  const auto client = runtime::Client::Create({});
  ASSERT_TRUE(client.ok()) << client.status().message();
  std::vector<std::string> told;
  const Limits limits = {.bytes_per_second = 1e9, .flops_per_second = 1e9, .launch_seconds = 1e-6};
  const auto bench = RunBench(*(*client)->devices().front(), limits, {.is_small = true, .only = "softmax"},
                              [&](const BenchRow& row) { told.push_back(Print(row)); });
  ASSERT_TRUE(bench.ok()) << bench.status().message();
  ASSERT_EQ(bench->rows.size(), 1u);
  const BenchRow& row = bench->rows[0];
  EXPECT_EQ(row.failure, "");
  EXPECT_DOUBLE_EQ(row.per_second, 2.0 * 512 * 256 * 4 / row.seconds);
  EXPECT_DOUBLE_EQ(row.share, row.per_second / 1e9);
  EXPECT_THAT(told, ::testing::ElementsAre(StartsWith("softmax f32 ")));
  EXPECT_THAT(told[0], HasSubstr("% of the copy\n"));
  const auto json = nlohmann::json::parse(ToJson(*bench));
  EXPECT_EQ(json["workloads"][0]["seconds"], row.seconds);
  EXPECT_EQ(json["profile"]["name"], bench->profile.name);
  EXPECT_EQ(json["compiler"], compiler::Version());
}

TEST(RunBench, LeavesOutWhatWouldTakeTooLong) {
  const auto client = runtime::Client::Create({});
  ASSERT_TRUE(client.ok());
  const auto bench =
      RunBench(*(*client)->devices().front(), {}, {.is_small = true, .seconds = -1}, [](const BenchRow&) {});
  ASSERT_TRUE(bench.ok()) << bench.status().message();
  ASSERT_EQ(bench->rows.size(), Workloads().size());
  EXPECT_THAT(bench->rows[0].failure, StartsWith("left out"));
  EXPECT_EQ(nlohmann::json::parse(ToJson(*bench))["workloads"][0]["failure"], bench->rows[0].failure);
}

}  // namespace
}  // namespace dragoman::measure
