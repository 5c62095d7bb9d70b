// SPDX-License-Identifier: Apache-2.0
// The numbers that say what an encoded attribute is. They never change between versions of the formats.
#pragma once

#include <cstdint>

namespace dragoman::stablehlo {

enum class VhloAttr : uint64_t {
  kArray = 1,
  kBool = 2,
  kComparisonDirection = 3,
  kComparisonType = 4,
  kApiVersion = 5,
  kDictionary = 6,
  kFftType = 7,
  kFloat = 8,
  kInteger = 9,
  kPrecision = 11,
  kRngAlgorithm = 12,
  kRngDistribution = 13,
  kString = 14,
  kTensor = 15,
  kTranspose = 16,
  kType = 17,
  kAccuracyMode = 19,
};

enum class BuiltinAttr : uint64_t {
  kArray = 0,
  kDictionary = 1,
  kString = 2,
  kType = 6,
  kUnit = 7,
  kInteger = 8,
  kFloat = 9,
  kCallSiteLocation = 10,
  kFileLineColumnLocation = 11,
  kFusedLocation = 12,
  kFusedLocationWithMetadata = 13,
  kNameLocation = 14,
  kUnknownLocation = 15,
  kDenseElements = 18,
  kFileLineColumnRange = 22,
};

constexpr uint64_t Code(VhloAttr attr) { return static_cast<uint64_t>(attr); }
constexpr uint64_t Code(BuiltinAttr attr) { return static_cast<uint64_t>(attr); }

}  // namespace dragoman::stablehlo
