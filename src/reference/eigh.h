// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "reference/interpreter.h"

namespace dragoman::reference {

// Hermitian A [..., n, n], of which one triangle is read (the backend_config begins with 0: the upper one) →
// orthonormal eigenvectors in columns, eigenvalues in ascending order. By Jacobi's method, pair after pair.
Results EvaluateEigh(const OpCall& call);

}  // namespace dragoman::reference
