// SPDX-License-Identifier: Apache-2.0
// The Fourier transform of a few numbers in registers, by constants.
#pragma once

#include <span>
#include <vector>

#include "kernel/builder.h"
#include "scalar/scalar.h"

namespace dragoman::kernel {

Scalar MultiplyComplex(Builder& builder, const Scalar& a, const Scalar& b);
// X(k) = sum of x(j) exp(sign 2 pi i j k / n), for n = x.size() without prime factors above 13.
std::vector<Scalar> SmallTransform(Builder& builder, std::span<const Scalar> x, int sign);

}  // namespace dragoman::kernel
