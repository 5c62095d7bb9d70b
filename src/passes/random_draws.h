// SPDX-License-Identifier: Apache-2.0
// Random numbers of a distribution from the bits of a generator.
#pragma once

#include "base/status.h"
#include "passes/names.h"

namespace dragoman::passes {

struct Draw {
  Value* value;
  Value* state;  // of the generator, afterwards
};

// What an rng operation draws, at the builder's place. Uniform: floats in [a, b) in steps of the type's precision,
// integers a + bits mod (b - a). Normal: by Box and Muller (A note on the generation of random normal deviates, 1958).
// UNIMPLEMENTED: other types and distributions.
StatusOr<Draw> WriteDraw(const Op& rng, Value* state, Builder& builder);

}  // namespace dragoman::passes
