// SPDX-License-Identifier: Apache-2.0
// QR factors as LAPACK packs them: R above, below the diagonal the reflectors I - tau v vᴴ whose v starts with 1.
#pragma once

#include "reference/interpreter.h"

namespace dragoman::reference {

// A → R with reflectors, taus.
Results EvaluateQr(const OpCall& call);
// Reflectors, taus → the product of all of them, as many columns as the reflectors have.
Results EvaluateProductOfReflectors(const OpCall& call);

}  // namespace dragoman::reference
