// SPDX-License-Identifier: Apache-2.0
#include "reference/elementary.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/arithmetic.h"

namespace dragoman::reference {
namespace {

struct Function {
  double (*of_one)(double) = nullptr;
  double (*of_two)(double, double) = nullptr;
};

const std::map<std::string, Function> kFunctions = {
    {"exp", {Exp}},
    {"expm1", {Expm1}},
    {"log", {Log}},
    {"log1p", {Log1p}},
    {"cbrt", {Cbrt}},
    {"sin", {Sine}},
    {"cos", {Cosine}},
    {"tan", {Tan}},
    {"tanh", {Tanh}},
    {"erf", {Erf}},
    {"erfc", {Erfc}},
    {"pow", {.of_two = Power}},
    {"atan2", {.of_two = Atan2}},
};

double FloatOf(const std::string& digits) { return std::bit_cast<double>(std::stoull(digits, nullptr, 16)); }

// How many f64 lie between them; they are of one sign.
uint64_t Distance(double a, double b) {
  const auto x = std::bit_cast<uint64_t>(a), y = std::bit_cast<uint64_t>(b);
  return x > y ? x - y : y - x;
}

// The table's values are the f64 nearest to the true ones (tools/elementary-table).
TEST(Elementary, GivesTheNearestNumber) {
  std::ifstream file("tests/data/elementary.txt");
  std::map<std::string, int> num_tried;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string name, digits;
    std::vector<double> numbers;
    for (words >> name; words >> digits;) numbers.push_back(FloatOf(digits));
    const Function& function = kFunctions.at(name);
    ASSERT_EQ(numbers.size(), function.of_two != nullptr ? 3u : 2u) << line;
    const double expected = numbers.back();
    const double got =
        function.of_two != nullptr ? function.of_two(numbers[0], numbers[1]) : function.of_one(numbers[0]);
    // What is below the normal numbers is rounded twice.
    const uint64_t allowed = std::fabs(expected) < std::numeric_limits<double>::min() ? 1 : 0;
    EXPECT_LE(Distance(got, expected), allowed) << line << ": " << got << " instead of " << expected;
    ++num_tried[name];
  }
  for (const auto& [name, function] : kFunctions) EXPECT_GT(num_tried[name], 100) << name;
}

void ExpectSame(double got, double expected) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(got)) << got;
  } else {
    EXPECT_EQ(std::bit_cast<uint64_t>(got), std::bit_cast<uint64_t>(expected)) << got << " instead of " << expected;
  }
}

TEST(Elementary, GoesByTheStandardWhereThereIsNothingToCompute) {
  for (double (*odd)(double) : {Expm1, Log1p, Cbrt, Sine, Tan, Tanh, Erf}) {
    ExpectSame(odd(0.0), 0.0);
    ExpectSame(odd(-0.0), -0.0);
    ExpectSame(odd(kNan), kNan);
  }
  for (double (*of_angle)(double) : {Sine, Cosine, Tan}) ExpectSame(of_angle(kInfinity), kNan);
  ExpectSame(Exp(-kInfinity), 0.0);
  ExpectSame(Exp(kInfinity), kInfinity);
  ExpectSame(Expm1(-kInfinity), -1.0);
  ExpectSame(Log(-0.0), -kInfinity);
  ExpectSame(Log(-1.0), kNan);
  ExpectSame(Log(1.0), 0.0);
  ExpectSame(Log1p(-1.0), -kInfinity);
  ExpectSame(Log1p(-2.0), kNan);
  ExpectSame(Cosine(0.0), 1.0);
  ExpectSame(Tanh(-kInfinity), -1.0);
  ExpectSame(Erf(kInfinity), 1.0);
  ExpectSame(Erfc(kInfinity), 0.0);
  ExpectSame(Erfc(-kInfinity), 2.0);
  ExpectSame(Cbrt(-kInfinity), -kInfinity);
}

TEST(Elementary, RaisesToSpecialPowers) {
  ExpectSame(Power(kNan, 0.0), 1.0);
  ExpectSame(Power(1.0, kNan), 1.0);
  ExpectSame(Power(-1.0, kInfinity), 1.0);
  ExpectSame(Power(-0.0, 3.0), -0.0);
  ExpectSame(Power(0.0, -1.0), kInfinity);
  ExpectSame(Power(-8.0, 1.0 / 3), kNan);
  ExpectSame(Power(-2.0, 1e300), kInfinity);
  ExpectSame(Power(-0.5, 1001.0 * 3), -0.0);
  ExpectSame(Power(-kInfinity, 3.0), -kInfinity);
  ExpectSame(Power(3.0, 5.0), 243.0);
}

TEST(Elementary, NamesEveryQuarterOfTheCircle) {
  const double pi = 0x1.921fb54442d18p+1;
  ExpectSame(Atan2(0.0, -1.0), pi);
  ExpectSame(Atan2(-0.0, -1.0), -pi);
  ExpectSame(Atan2(-0.0, 1.0), -0.0);
  ExpectSame(Atan2(1.0, 0.0), pi / 2);
  ExpectSame(Atan2(-kInfinity, kInfinity), -pi / 4);
  ExpectSame(Atan2(kInfinity, -kInfinity), 0x1.2d97c7f3321d2p+1);
  ExpectSame(Atan2(1.0, 1.0), pi / 4);
  ExpectSame(Atan2(5e-324, -1.0), pi);
}

}  // namespace
}  // namespace dragoman::reference
