// SPDX-License-Identifier: Apache-2.0
#include "codegen/legalize.h"

#include <gtest/gtest.h>

#include "codegen/case_testing.h"
#include "codegen/test_profiles.h"
#include "kernel/interpreter.h"

namespace dragoman::codegen {
namespace {

using target::DeviceProfile;
using Buffers = std::vector<std::vector<std::byte>>;

// The buffers after the kernel ran over the case's input.
StatusOr<Buffers> Interpreted(const kernel::Kernel& kernel, const KernelCase& one) {
  Buffers buffers = one.buffers;
  std::vector<std::vector<std::byte>*> pointers;
  for (auto& buffer : buffers) pointers.push_back(&buffer);
  RETURN_IF_ERROR(kernel::Interpret(kernel, pointers, one.params, one.workgroups));
  return buffers;
}

void ExpectSameMeaning(const KernelCase& one, const DeviceProfile& profile) {
  SCOPED_TRACE(one.name + " on " + profile.name);
  const auto expected = Interpreted(one.kernel, one);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  const auto legal = Legalize(one.kernel, profile);
  ASSERT_TRUE(legal.ok()) << legal.status().message();
  const Status verified = kernel::Verify(*legal);
  ASSERT_TRUE(verified.ok()) << verified.message() << "\n" << kernel::Print(*legal);
  EXPECT_FALSE(NeedsLegalization(*legal, profile)) << kernel::Print(*legal);
  const auto actual = Interpreted(*legal, one);
  ASSERT_TRUE(actual.ok()) << actual.status().message() << "\n" << kernel::Print(*legal);
  for (size_t i = 0; i < one.buffers.size(); ++i) {
    const std::string difference = Difference(one.kernel.buffers[i].memory, (*expected)[i], (*actual)[i], 0);
    EXPECT_EQ(difference, "") << "buffer " << i << "\n" << kernel::Print(*legal);
  }
}

// Words shared by neighbours make the race of an in-place kernel visible to the interpreter; it is benign, for each
// invocation looks at its own bits only.
bool RacesInWords(const KernelCase& one, const DeviceProfile& profile) {
  return one.name.starts_with("in place") && !IsNativeMemory(one.kernel.buffers[0].memory, profile);
}

TEST(Legalize, KeepsTheMeaningOfEveryCaseOnEveryProfile) {
  for (const DeviceProfile& profile : ProfileMatrix()) {
    if (profile.address_form == target::AddressForm::kByteOffset32) continue;
    for (const KernelCase& one : AllCases(profile)) {
      if (!NeedsLegalization(one.kernel, profile) || RacesInWords(one, profile)) continue;
      ExpectSameMeaning(one, profile);
    }
  }
}

TEST(Legalize, LeavesNativeKernelsAlone) {
  const DeviceProfile profile = FullProfile();
  for (const KernelCase& one : StructureCases(profile)) {
    EXPECT_FALSE(NeedsLegalization(one.kernel, profile)) << one.name;
  }
}

TEST(Legalize, RefusesF64BitsWithout64BitIntegers) {
  DeviceProfile profile = FullProfile();
  const std::vector<KernelCase> cases = ConversionCases(profile);
  profile.int64 = false;
  int refused = 0;
  for (const KernelCase& one : cases) {
    if (one.name != "bitcast ui64 to f64") continue;
    const auto legal = Legalize(one.kernel, profile);
    ASSERT_FALSE(legal.ok());
    EXPECT_EQ(legal.status().code(), StatusCode::kUnimplemented);
    ++refused;
  }
  EXPECT_EQ(refused, 1);
}

}  // namespace
}  // namespace dragoman::codegen
