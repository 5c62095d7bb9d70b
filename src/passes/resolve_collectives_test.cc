// SPDX-License-Identifier: Apache-2.0
#include "passes/resolve_collectives.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/format.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kSum =
    " (%a: tensor<f32>, %b: tensor<f32>) {\n    %s = add(%a, %b) : tensor<f32>\n    return(%s)\n  }";

// main's one operation on a tensor of 4x6; `counts`: what stands behind the module's name.
std::string CollectiveProgram(std::string_view op, std::string_view type = "tensor<4x6xf32>",
                              std::string_view counts = "") {
  return Format("module @m{}\nfunc public @main(%x: tensor<4x6xf32>) {{\n  %r = {}\n  return(%r)\n}}\n", counts,
                Format("{} : {}{}", op, type, op.find("reduce") == op.npos ? "" : kSum));
}

StatusOr<std::string> Resolved(std::string_view text) {
  auto module = ParseForTest(text);
  const target::DeviceProfile profile;
  ASSIGN_OR_RETURN(const PassResult result, ResolveCollectives(*module, {profile}));
  EXPECT_TRUE(result.changed);
  return ir::Print(*module);
}

constexpr std::string_view kAlone[] = {
    "all_reduce(%x) {channel_id = 1, replica_groups = [0, -1], use_global_device_ids = 1}",
    "all_reduce(%x) {channel_id = 0, replica_groups = [], use_global_device_ids = 0}",
    "all_reduce(%x) {channel_id = 0, replica_groups = [1, 2, -1, 0, -1], use_global_device_ids = 0}",
    "all_gather(%x) {channel_id = 1, replica_groups = [0, -1], use_global_device_ids = 1, all_gather_dim = 1}",
    "reduce_scatter(%x) {channel_id = 1, replica_groups = [0, -1], use_global_device_ids = 1, scatter_dimension = 0}",
    "all_to_all(%x) {channel_id = 1, replica_groups = [0, -1], split_dimension = 0, concat_dimension = 1, "
    "split_count = 1}",
    "collective_permute(%x) {channel_id = 1, source_target_pairs = [0, 0]}",
    "collective_broadcast(%x) {channel_id = 1, replica_groups = [0, -1]}",
};

TEST(ResolveCollectives, HandsOnWhatADeviceExchangesWithItself) {
  for (const std::string_view op : kAlone) {
    EXPECT_THAT(RunForTest(ResolveCollectives, CollectiveProgram(op)), HasSubstr("  return(%0)")) << op;
  }
}

TEST(ResolveCollectives, GivesZerosToADeviceThatNobodySendsTo) {
  for (const std::string_view op : {
           "collective_permute(%x) {channel_id = 1, source_target_pairs = []}",
           "collective_permute(%x) {channel_id = 1, source_target_pairs = [0, 1]}",
           "collective_broadcast(%x) {channel_id = 1, replica_groups = [1, 2, -1]}",
       }) {
    EXPECT_THAT(RunForTest(ResolveCollectives, CollectiveProgram(op)), HasSubstr("constant() {value = dense<0>}"))
        << op;
  }
}

TEST(ResolveCollectives, TheOnlyDeviceIsTheFirst) {
  for (const std::string_view op : {"partition_id()", "replica_id()"}) {
    EXPECT_THAT(RunForTest(ResolveCollectives, CollectiveProgram(op, "tensor<ui32>")),
                AllOf(HasSubstr("constant() {value = dense<0>} : tensor<ui32>"), Not(HasSubstr("_id"))));
  }
}

TEST(ResolveCollectives, RefusesWhatNeedsOtherDevices) {
  const struct {
    std::string_view op, type;
  } cases[] = {
      {"all_reduce(%x) {channel_id = 1, replica_groups = [0, 1, -1], use_global_device_ids = 1}", "tensor<4x6xf32>"},
      {"all_reduce(%x) {channel_id = 1, replica_groups = [1, 0, -1], use_global_device_ids = 1}", "tensor<4x6xf32>"},
      {"all_reduce(%x) {channel_id = 1, replica_groups = [1, -1], use_global_device_ids = 1}", "tensor<4x6xf32>"},
      {"all_gather(%x) {channel_id = 1, replica_groups = [], use_global_device_ids = 1, all_gather_dim = 1}",
       "tensor<4x12xf32>"},
      {"reduce_scatter(%x) {channel_id = 1, replica_groups = [], use_global_device_ids = 1, scatter_dimension = 0}",
       "tensor<2x6xf32>"},
      {"all_to_all(%x) {channel_id = 1, replica_groups = [], split_dimension = 0, concat_dimension = 0, "
       "split_count = 2}",
       "tensor<4x6xf32>"},
      {"collective_permute(%x) {channel_id = 1, source_target_pairs = [1, 0, 0, 1]}", "tensor<4x6xf32>"},
      {"collective_broadcast(%x) {channel_id = 1, replica_groups = [1, 0, -1]}", "tensor<4x6xf32>"},
  };
  for (const auto& [op, type] : cases) {
    const auto resolved = Resolved(CollectiveProgram(op, type));
    EXPECT_EQ(resolved.status().code(), StatusCode::kUnimplemented) << op;
  }
  EXPECT_EQ(
      Resolved(CollectiveProgram(cases[3].op, cases[3].type)).status().message(),
      "The operation all_gather (tensor<4x6xf32>) -> (tensor<4x12xf32>) is not supported: it needs other devices, "
      "and a program runs on one.");
}

TEST(ResolveCollectives, RefusesAllInProgramsForSeveralDevices) {
  for (const std::string_view counts :
       {" {num_partitions = 2, num_replicas = 1}", " {num_partitions = 1, num_replicas = 2}"}) {
    for (const std::string_view op : kAlone) {
      EXPECT_EQ(Resolved(CollectiveProgram(op, "tensor<4x6xf32>", counts)).status().code(), StatusCode::kUnimplemented)
          << op;
    }
  }
}

}  // namespace
}  // namespace dragoman::passes
