// SPDX-License-Identifier: Apache-2.0
// Rows of up to two thousand elements sorted by a bitonic network, several short rows a workgroup: an invocation takes
// eight elements at a time from shared memory and exchanges them at three distances before it puts them back.
#pragma once

#include "lower/order/keyed_rows.h"

namespace dragoman::kernel {

bool SuitsRowSort(const KeyedRows& rows, const target::DeviceProfile& profile);
Status AppendRowSort(const fusion::Group& group, const target::DeviceProfile& profile, const KeyedRows& rows,
                     LoweredGroup& lowered);

}  // namespace dragoman::kernel
