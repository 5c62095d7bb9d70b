// SPDX-License-Identifier: Apache-2.0
// Complex arithmetic in f64. Products and sums are the plain formulas: an infinite part may make the other one NaN.
#pragma once

#include <complex>

namespace dragoman::reference {

using Complex = std::complex<double>;

Complex AddComplex(Complex a, Complex b);
Complex SubtractComplex(Complex a, Complex b);
Complex MultiplyComplex(Complex a, Complex b);
Complex DivideComplex(Complex a, Complex b);
Complex MaximumComplex(Complex a, Complex b);  // by the real part, then the imaginary one
Complex MinimumComplex(Complex a, Complex b);
Complex PowerComplex(Complex a, Complex b);
Complex Atan2Complex(Complex y, Complex x);

Complex CbrtComplex(Complex a);
Complex CosineComplex(Complex a);
Complex ExpComplex(Complex a);
Complex Expm1Complex(Complex a);
Complex Log1pComplex(Complex a);
Complex LogComplex(Complex a);
Complex LogisticComplex(Complex a);
Complex NegateComplex(Complex a);
Complex RsqrtComplex(Complex a);
Complex SignComplex(Complex a);
Complex SineComplex(Complex a);
Complex SqrtComplex(Complex a);
Complex TanComplex(Complex a);
Complex TanhComplex(Complex a);

}  // namespace dragoman::reference
