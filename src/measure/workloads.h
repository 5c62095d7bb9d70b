// SPDX-License-Identifier: Apache-2.0
// Small programs of the kinds that models are made of, to compare machines by.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>

#include "base/status.h"
#include "ir/ir.h"

namespace dragoman::measure {

// What a workload's rate counts.
enum class Rate : uint8_t {
  kBytes,  // of its parameters and results, each once
  kFlops,  // that the compiler estimates
  kNone,   // nothing: its time says it all
};

struct Workload {
  std::string_view name;
  Rate rate;
  std::array<int64_t, 4> large;  // what $a, $b, $c and $d stand for in the text
  std::array<int64_t, 4> small;  // on devices that are slow
  std::string_view text;
};
std::span<const Workload> Workloads();

StatusOr<std::unique_ptr<ir::Module>> ModuleOf(const Workload& workload, bool is_small);

}  // namespace dragoman::measure
