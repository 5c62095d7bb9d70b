// SPDX-License-Identifier: Apache-2.0
#include "measure/workloads.h"

#include <string>

#include "base/format.h"

namespace dragoman::measure {
namespace {

#define SIZES(...) __VA_ARGS__
#define WORKLOAD(name, rate, large, small, text) {name, Rate::rate, SIZES large, SIZES small, text},
constexpr Workload kWorkloads[] = {
#include "measure/workloads.inc"
};
#undef WORKLOAD
#undef SIZES

}  // namespace

std::span<const Workload> Workloads() { return kWorkloads; }

StatusOr<std::unique_ptr<ir::Module>> ModuleOf(const Workload& workload, bool is_small) {
  const std::array<int64_t, 4>& sizes = is_small ? workload.small : workload.large;
  std::string text = "module @workload\nfunc public @main";
  for (size_t i = 0; i < workload.text.size(); ++i) {
    const char c = workload.text[i];
    text += c == '$' ? Format("{}", sizes[workload.text[++i] - 'a']) : std::string(1, c);
  }
  auto module = ir::Parse(text);
  if (!module.ok()) return module.status().WithContext(Format("In the workload {}.", workload.name));
  const Status verified = ir::Verify(**module);
  if (!verified.ok()) return verified.WithContext(Format("In the workload {}.", workload.name));
  return module;
}

}  // namespace dragoman::measure
