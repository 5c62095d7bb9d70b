// SPDX-License-Identifier: Apache-2.0
#include "lower/product/window_phases.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

namespace dragoman::kernel {
namespace {

WindowAxis Dilated(int64_t results, int64_t taps, int64_t padding, int64_t dilation) {
  WindowAxis axis;
  axis.results = results;
  axis.taps = taps;
  axis.input_offset = -padding;
  axis.dilation = dilation;
  return axis;
}

// The places of the result, each with the taps that meet an element and where that is.
std::map<int64_t, std::set<std::pair<int64_t, int64_t>>> Meetings(const WindowAxis& axis, int64_t results,
                                                                  int64_t taps) {
  std::map<int64_t, std::set<std::pair<int64_t, int64_t>>> meetings;
  std::set<int64_t> seen;
  for (int64_t q = 0; q < axis.results; ++q) {
    for (int64_t f = 0; f < axis.phases; ++f) {
      const int64_t result = axis.result_offset + axis.result_step * q + axis.result_phase * f;
      if (result < 0 || result >= results) continue;
      EXPECT_TRUE(seen.insert(result).second) << "place " << result << " is reached twice";
      auto& met = meetings[result];
      for (int64_t t = 0; t < axis.taps; ++t) {
        const int64_t tap = axis.tap_offset + axis.tap_phase * f + axis.tap_step * t;
        const int64_t input = axis.input_offset + axis.input_result * q + axis.input_tap * t;
        if (tap >= 0 && tap < taps && input % axis.dilation == 0) met.emplace(tap, input / axis.dilation);
      }
    }
  }
  return meetings;
}

TEST(WindowPhases, ReachEveryPlaceOnceWithTheTapsThatMeetAnElement) {
  for (int64_t dilation = 2; dilation <= 5; ++dilation) {
    for (int64_t padding = -6; padding <= 6; ++padding) {
      for (int64_t taps = 1; taps <= 7; ++taps) {
        for (int64_t results = 1; results <= 12; ++results) {
          SCOPED_TRACE(testing::Message() << results << " of " << taps << " taps, " << padding << " / " << dilation);
          const WindowAxis axis = Dilated(results, taps, padding, dilation);
          const WindowAxis phased = InPhases(axis, 64);
          EXPECT_LE(phased.results * phased.phases * phased.taps, results * taps);
          EXPECT_EQ(Meetings(phased, results, taps), Meetings(axis, results, taps));
        }
      }
    }
  }
}

TEST(WindowPhases, MultiplyNoZerosWhereTheDilationDividesTheWindow) {
  const WindowAxis by_tap = InPhases(Dilated(64, 4, 2, 2), 64);
  EXPECT_EQ(by_tap.taps, 2);
  EXPECT_EQ(by_tap.results, 33);
  const WindowAxis by_result = InPhases(Dilated(56, 3, 2, 2), 64);
  EXPECT_EQ(by_result.taps, 2);
  EXPECT_EQ(by_result.results, 28);
  EXPECT_EQ(by_result.result_phase, 1);
}

TEST(WindowPhases, AreLeftAloneWhereTheyGainNothing) {
  EXPECT_EQ(InPhases(Dilated(8, 4, 2, 1), 64).phases, 1);
  EXPECT_EQ(InPhases(Dilated(8, 1, 0, 2), 64).phases, 1);
  EXPECT_EQ(InPhases(Dilated(8, 8, 2, 4), 3).phases, 1);
  WindowAxis strided = Dilated(8, 4, 2, 2);
  strided.input_result = 2;
  EXPECT_EQ(InPhases(strided, 64).phases, 1);
}

}  // namespace
}  // namespace dragoman::kernel
