// SPDX-License-Identifier: Apache-2.0
// What a driver does not say about itself: one row a quirk, with its reason. Applied to a profile after the driver's
// answers are in and before anybody reads it. The only place where vendors and drivers are told apart.
#pragma once

#include <span>
#include <string_view>

#include "target/profile.h"

namespace dragoman::target {

struct Quirk {
  std::string_view name;
  bool (*applies)(const DeviceProfile&);
  void (*change)(DeviceProfile&);
  std::string_view reason;
  std::string_view link;  // a measurement or a bug report; empty where the reason says all
};
std::span<const Quirk> Quirks();

// Mesa's Vulkan over Direct3D 12, which GPUs have in the Windows Subsystem for Linux.
bool IsDozen(const DeviceProfile& profile);

// Makes the change of every quirk that applies, in the table's order. Doing it twice changes nothing.
void ApplyQuirks(DeviceProfile& profile);

}  // namespace dragoman::target
