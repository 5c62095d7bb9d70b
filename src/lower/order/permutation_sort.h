// SPDX-License-Identifier: Apache-2.0
// Stable sorting by merges of a permutation: what is moved are 32-bit element numbers, keys are looked at through them,
// so any number of operands and any comparison cost the same code. Rows of up to a thousand elements take one kernel.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "element/dispatch.h"
#include "element/elemental.h"
#include "fusion/plan.h"

namespace dragoman::kernel {

struct PermutationSort {
  int64_t rows = 1;
  int64_t extent = 0;  // elements a row; rows * extent below 2^31
  std::string label;
  // The keys of an element of a row. Emitted inside a fresh Elemental::Scope.
  std::function<StatusOr<std::vector<Scalar>>(Elemental&, V row, V element)> load;
  // Whether keys `a` come before keys `b`: a strict weak order.
  std::function<StatusOr<V>(Elemental&, std::span<const Scalar> a, std::span<const Scalar> b)> is_before;
  // Called once an element of the result: `element` comes `position`-th in its row.
  std::function<Status(Elemental&, V row, V position, V element)> finish;
};

// Appends the dispatches (and temporaries) that sort to `lowered`.
Status AppendSort(const fusion::Group& group, const target::DeviceProfile& profile, const PermutationSort& sort,
                  LoweredGroup& lowered);

}  // namespace dragoman::kernel
