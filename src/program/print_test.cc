// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/format.h"
#include "program/testing.h"

namespace dragoman::program::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST(Print, ShowsTensorsConstantsAndKernels) {
  Program program = FullProgram();
  program.steps.clear();
  EXPECT_EQ(Print(program), Format(R"(program full: arena 512 bytes, 2.5 flops, 3.5 bytes accessed
parameter 0: tensor<4x8xf32>
parameter 1: tensor<2xui64>
output 0: tensor<4x8xf32>, may take parameter 0
output 1: tensor<4x8xf32>, is parameter 0, in pinned_host
constant 0: 4 bytes
constant 1: 0 bytes
kernel 0: 6 words, workgroup 64, 2 buffers, 1 params, {}
kernel 1: 6 words, workgroup 64, 2 buffers, 1 params, segmented, {}
)",
                                   program.kernels[0].hash.Hex(), program.kernels[1].hash.Hex()));
}

TEST(Print, IndentsTheBodiesOfSteps) {
  Program program = FullProgram();
  program.steps = {program.steps[kCaseStep], program.steps[kSendStep], program.steps[kRecvStep]};
  program.steps[0].bodies[2][0].bodies[1][0].bodies = {{}};
  EXPECT_THAT(Print(program), EndsWith(R"(
case constant 0 +0 [4]
body 0:
  barrier
  copy arena +256 [128] to output 0 +0 [128]
body 1:
body 2:
  while arena +256 [128]
  body 0:
    barrier
    dispatch kernel 0, 3 workgroups, parameter 0 +0 [128], arena +256 [128]; params 32  # add at a.py:2 in add
  body 1:
    repeat 3 times
    body 0:
send parameter 0 +0 [128], channel 5
recv arena +256 [128], channel 6
)"));
}

TEST(Print, ShowsTheSegmentsOfADispatch) {
  EXPECT_THAT(Print(FullProgram()),
              HasSubstr("\ndispatch kernel 1, 3 workgroups, 2 segments, parameter 0 +0 [128], arena +256 [128], "
                        "constant 0 +0 [4], arena +256 [128]; params 1 2\n"));
}

// Programs that are refused are printed too, to see why.
TEST(Print, TakesProgramsThatAreNotValid) {
  Program program = FullProgram();
  program.steps[kCopyStep].slot_b = 9;
  program.steps[kDispatchStep].place = 7;
  program.forwarded_parameters.clear();
  EXPECT_FALSE(Validate(program).ok());
  EXPECT_THAT(Print(program), HasSubstr("copy arena +256 [128] to slot 9?\n"));
  EXPECT_THAT(Print(program), HasSubstr("params 32  # add\n"));
}

}  // namespace
}  // namespace dragoman::program::testing
