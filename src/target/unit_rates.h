// SPDX-License-Identifier: Apache-2.0
// What estimates of time count with, in cycles of one compute unit (DeviceProfile::compute_units). Measured on NVIDIA
// H100 and H200; on other devices they only rank.
#pragma once

namespace dragoman::target {

inline constexpr double kBytesInCycle = 16;
inline constexpr double kMultiplyAddsInCycle = 128;

// Of a large float32 product, in units of kMultiplyAddsInCycle, dispatches and edges included.
inline constexpr double kScalarProductRate = 0.75;
inline constexpr double kSplitProductRate = 1.1;   // as three products of bf16
inline constexpr double kNarrowProductRate = 4.5;  // as one of f16

}  // namespace dragoman::target
