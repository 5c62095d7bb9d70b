// SPDX-License-Identifier: Apache-2.0
#include "measure/probes.h"

#include <gtest/gtest.h>

#include "base/os_testing.h"
#include "codegen/codegen.h"
#include "spirv/testing.h"
#include "target/profile_json.h"

namespace dragoman::measure {
namespace {

TEST(Probes, AreValidForRecordedDevices) {
  for (const std::string name : {"h100", "navi31", "lavapipe"}) {
    const auto profile = target::LoadProfile("tests/profiles/" + name + ".json");
    ASSERT_TRUE(profile.ok()) << profile.status().message();
    std::vector<kernel::Kernel> kernels = {MultiplyAdds(*profile, 64, 10)};
    for (const target::MatrixShape& shape : profile->matrix_shapes) {
      if (shape.accumulator != DType::kF32 || SizeBytes(shape.input) != 2) continue;
      kernels.push_back(MatrixMultiplyAdds(*profile, shape, 2 * profile->subgroup_size, 10));
    }
    EXPECT_EQ(kernels.size() > 1, profile->cooperative_matrix) << name;
    for (const kernel::Kernel& kernel : kernels) {
      EXPECT_TRUE(kernel::Verify(kernel).ok()) << name;
      const auto generated = codegen::GenerateSpirv(kernel, *profile);
      ASSERT_TRUE(generated.ok()) << generated.status().message();
      if (!os::WantsValidation()) continue;
      const Status valid = spirv::Validate(generated->spirv);
      EXPECT_TRUE(valid.ok() || valid.code() == StatusCode::kUnimplemented) << name << ": " << valid.message();
    }
  }
}

}  // namespace
}  // namespace dragoman::measure
