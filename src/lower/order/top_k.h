// SPDX-License-Identifier: Apache-2.0
// The first few of each sorted row, without sorting the row: a workgroup holds a chunk of it in registers, finds the
// bound that exactly so many elements are below, bit by bit from the highest, and keeps those. The chunks' choices are
// chosen from in turn until one workgroup has them all, which sorts them.
#pragma once

#include "lower/order/keyed_rows.h"

namespace dragoman::kernel {

// Whether the device and the sizes suit this; else rows are sorted whole.
bool SuitsTopK(const KeyedRows& rows, const target::DeviceProfile& profile);
Status AppendTopK(const fusion::Group& group, const target::DeviceProfile& profile, const KeyedRows& rows,
                  LoweredGroup& lowered);

}  // namespace dragoman::kernel
