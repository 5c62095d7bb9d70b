// SPDX-License-Identifier: Apache-2.0
#include "reference/scalar_complex.h"

#include <cmath>

namespace dragoman::reference {
namespace {

bool IsNan(Complex a) { return std::isnan(a.real()) || std::isnan(a.imag()); }

bool IsLess(Complex a, Complex b) { return a.real() < b.real() || (a.real() == b.real() && a.imag() < b.imag()); }

}  // namespace

Complex AddComplex(Complex a, Complex b) { return a + b; }
Complex SubtractComplex(Complex a, Complex b) { return a - b; }
Complex MultiplyComplex(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}
Complex DivideComplex(Complex a, Complex b) { return a / b; }

Complex MaximumComplex(Complex a, Complex b) {
  if (IsNan(a) || IsNan(b)) return IsNan(a) ? a : b;
  return IsLess(a, b) ? b : a;
}
Complex MinimumComplex(Complex a, Complex b) {
  if (IsNan(a) || IsNan(b)) return IsNan(a) ? a : b;
  return IsLess(b, a) ? b : a;
}

Complex PowerComplex(Complex a, Complex b) {
  if (b == 0.0) return 1.0;
  if (a == 0.0) return b.imag() == 0 && b.real() > 0 ? Complex(0) : Complex(NAN, NAN);
  return std::pow(a, b);
}

// The angle of x + iy, continued to complex x and y.
Complex Atan2Complex(Complex y, Complex x) {
  const Complex i(0, 1);
  return -i * std::log((x + i * y) / std::sqrt(x * x + y * y));
}

Complex CbrtComplex(Complex a) { return a == 0.0 ? a : std::pow(a, 1.0 / 3.0); }
Complex CosineComplex(Complex a) { return std::cos(a); }
Complex ExpComplex(Complex a) { return std::exp(a); }

// Without cancellation near 0: cos(y) - 1 = -2 sin²(y/2).
Complex Expm1Complex(Complex a) {
  const double half_sine = std::sin(a.imag() / 2);
  const double real = std::expm1(a.real()) * std::cos(a.imag()) - 2 * half_sine * half_sine;
  return {real, std::exp(a.real()) * std::sin(a.imag())};
}

// |1 + a|² - 1 = x (x + 2) + y².
Complex Log1pComplex(Complex a) {
  const double x = a.real();
  const double y = a.imag();
  return {std::log1p(x * (x + 2) + y * y) / 2, std::atan2(y, 1 + x)};
}

Complex LogComplex(Complex a) { return std::log(a); }
Complex LogisticComplex(Complex a) { return 1.0 / (1.0 + std::exp(-a)); }
Complex NegateComplex(Complex a) { return -a; }
Complex RsqrtComplex(Complex a) { return 1.0 / std::sqrt(a); }

Complex SignComplex(Complex a) {
  if (a == 0.0) return a;
  return a / std::abs(a);
}

Complex SineComplex(Complex a) { return std::sin(a); }
Complex SqrtComplex(Complex a) { return std::sqrt(a); }
Complex TanComplex(Complex a) { return std::tan(a); }
Complex TanhComplex(Complex a) { return std::tanh(a); }

}  // namespace dragoman::reference
