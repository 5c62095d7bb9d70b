// SPDX-License-Identifier: Apache-2.0
#include "pjrt/entry.h"
#include "pjrt/objects.h"

namespace dragoman::pjrt {
namespace {

Status Initialize(PJRT_Plugin_Initialize_Args&) { return OkStatus(); }

// The declared StableHLO version decides what the framework sends: 1.10.0 is the oldest that has a form for every
// operation JAX emits for one device, so one set of encodings is read whatever JAX is installed.
const NamedValues& Attributes() {
  static const NamedValues* values = [] {
    auto* list = new NamedValues;
    list->Add("stablehlo_current_version", std::vector<int64_t>{1, 10, 0});
    list->Add("stablehlo_minimum_version", std::vector<int64_t>{1, 10, 0});
    return list;
  }();
  return *values;
}

Status GetAttributes(PJRT_Plugin_Attributes_Args& args) {
  args.attributes = Attributes().data();
  args.num_attributes = Attributes().size();
  return OkStatus();
}

}  // namespace

void FillPluginSlots(PJRT_Api& api) {
  api.PJRT_Plugin_Initialize = kEntry<&Initialize>;
  api.PJRT_Plugin_Attributes = kEntry<&GetAttributes>;
}

}  // namespace dragoman::pjrt
