// SPDX-License-Identifier: Apache-2.0
// Neighbours in a schedule whose workgroups, number by number, touch only what the ones before touched under the same
// number become one dispatch: what waited for a dispatch waits for a workgroup (docs/adr/0037).
#pragma once

#include "compiler/schedule.h"

namespace dragoman::compiler {

// Sets Item::join.
void JoinShares(BlockSchedule& schedule, const target::DeviceProfile& profile);

}  // namespace dragoman::compiler
