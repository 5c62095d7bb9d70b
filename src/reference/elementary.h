// SPDX-License-Identifier: Apache-2.0
// The elementary functions of f64, as the C library names them, but with the same bits on every system: constants that
// are folded become part of programs. Computed with twice the digits and rounded at the end, so that normal results are
// the f64 nearest to the true ones but in some of 2^30 cases; elementary_test.cc compares them. What is not a number,
// not finite or zero goes by the C standard's rules.
#pragma once

namespace dragoman::reference {

double Exp(double x);
double Expm1(double x);
double Log(double x);
double Log1p(double x);
double Power(double base, double exponent);
double Cbrt(double x);

double Sine(double x);
double Cosine(double x);
double Tan(double x);
double Atan2(double y, double x);
double Tanh(double x);

double Erf(double x);
double Erfc(double x);

}  // namespace dragoman::reference
