// SPDX-License-Identifier: Apache-2.0
#include "cli/arithmetic.h"

#include <gtest/gtest.h>

#include "runtime/device_testing.h"
#include "target/quirks.h"

namespace dragoman::cli {
namespace {

using runtime::TheDevice;

const Trap& TrapNamed(std::string_view name) {
  for (const Trap& trap : Traps()) {
    if (trap.name == name) return trap;
  }
  ADD_FAILURE() << "There is no trap " << name;
  return Traps().front();
}

class EveryTrap : public testing::TestWithParam<Trap> {};

TEST_P(EveryTrap, IsAvoidedOnThisDevice) {
  const auto answer = RunTrap(GetParam(), TheDevice(), TheDevice().profile());
  if (!answer.ok() && answer.status().code() == StatusCode::kUnimplemented) GTEST_SKIP() << answer.status().message();
  ASSERT_TRUE(answer.ok()) << answer.status().message();
  EXPECT_EQ(*answer, "");
}
INSTANTIATE_TEST_SUITE_P(Traps, EveryTrap, testing::ValuesIn(Traps().begin(), Traps().end()), [](const auto& info) {
  std::string name;
  for (const char letter : info.param.name) name += std::isalnum(static_cast<unsigned char>(letter)) ? letter : '_';
  return name;
});

// A quirk that is taken away shows: a driver of the same fault that no quirk covers would.
TEST(Arithmetic, TellsOfAFaultWithoutItsQuirk) {
  target::DeviceProfile profile = TheDevice().profile();
  if (!profile.drops_zero_products) GTEST_SKIP() << profile.name << " computes products with zero rightly.";
  profile.drops_zero_products = false;
  const auto answer = RunTrap(TrapNamed("products and quotients with zero"), TheDevice(), profile);
  ASSERT_TRUE(answer.ok()) << answer.status().message();
  EXPECT_NE(answer->find("wrong"), std::string::npos) << *answer;
}

TEST(Arithmetic, NamesTheDriver) {
  const Check check = ArithmeticOf(TheDevice());
  EXPECT_TRUE(check.ok) << check.found;
  EXPECT_NE(check.found.find(TheDevice().profile().driver_info), std::string::npos) << check.found;
}

}  // namespace
}  // namespace dragoman::cli
