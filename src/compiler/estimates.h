// SPDX-License-Identifier: Apache-2.0
// What a group's kernels cost, roughly: for reports, and for how long a submission may take.
#pragma once

#include "compiler/lowered_groups.h"
#include "fusion/plan.h"

namespace dragoman::compiler {

// Of all its members, each computed once: two for each multiply-add of a product, one for each other operation on an
// element.
double FlopsOf(const fusion::Group& group);

// To and from memory: every tensor that the launch binds once for each of reading and writing. Of what is sliced or
// gathered from, and of what is updated in place, no more than the elements that are taken or given.
double BytesOf(const Launch& launch, const Lowered& lowered, const fusion::Group& group);

}  // namespace dragoman::compiler
