// SPDX-License-Identifier: Apache-2.0
#include "lower/fourier/small_transform.h"

#include <utility>

#include "reference/unit_root.h"

namespace dragoman::kernel {
namespace {

class SmallTransformer {
 public:
  SmallTransformer(Builder& builder, KType type, int sign) : b_(builder), type_(type), sign_(sign) {}

  std::vector<Scalar> Transform(std::span<const Scalar> x) {
    const auto n = static_cast<int>(x.size());
    if (n == 1) return {x[0]};
    if (n == 2) return {Add(x[0], x[1]), Subtract(x[0], x[1])};
    if (n == 4) return OfFour(x);
    const int divisor = n % 4 == 0 ? 4 : SmallestDivisor(n);
    return divisor == n ? OfPrime(x) : ByFactors(x, divisor, n / divisor);
  }

 private:
  static int SmallestDivisor(int n) {
    int divisor = 2;
    while (n % divisor != 0) ++divisor;
    return divisor;
  }

  V Constant(double value) { return b_.Float(type_, value); }
  V Negated(V a) { return b_.Unary(KOp::kFNeg, a); }
  Scalar Add(const Scalar& a, const Scalar& b) { return {b_.FAdd(a.re, b.re), b_.FAdd(a.im, b.im)}; }
  Scalar Subtract(const Scalar& a, const Scalar& b) { return {b_.FSub(a.re, b.re), b_.FSub(a.im, b.im)}; }
  // sum + a * factor
  Scalar Accumulated(const Scalar& sum, const Scalar& a, double factor) {
    const V f = Constant(factor);
    return {b_.Fma(a.re, f, sum.re), b_.Fma(a.im, f, sum.im)};
  }
  // a and b turned by a quarter: a + sign i b and a - sign i b.
  std::pair<Scalar, Scalar> PlusAndMinusTurned(const Scalar& a, const Scalar& b) {
    const Scalar up{b_.FSub(a.re, b.im), b_.FAdd(a.im, b.re)};
    const Scalar down{b_.FAdd(a.re, b.im), b_.FSub(a.im, b.re)};
    return sign_ > 0 ? std::pair{up, down} : std::pair{down, up};
  }

  // x exp(sign 2 pi i k / n); whole eighths of a turn take few products or none.
  Scalar Turned(const Scalar& x, int k, int n) {
    k %= n;
    if (8 * k % n != 0) {
      const auto root = reference::UnitRoot(k, n, sign_);
      return MultiplyComplex(b_, x, {Constant(root.real()), Constant(root.imag())});
    }
    const int eighths = sign_ > 0 ? 8 * k / n : (8 - 8 * k / n) % 8;
    Scalar y = x;
    if (eighths % 2 != 0) {
      const V half = Constant(reference::UnitRoot(1, 8, 1).real());
      y = {b_.FMul(b_.FSub(x.re, x.im), half), b_.FMul(b_.FAdd(x.re, x.im), half)};
    }
    switch (eighths / 2) {
      case 1:
        return {Negated(y.im), y.re};
      case 2:
        return {Negated(y.re), Negated(y.im)};
      case 3:
        return {y.im, Negated(y.re)};
      default:
        return y;
    }
  }

  std::vector<Scalar> OfFour(std::span<const Scalar> x) {
    const Scalar even_sum = Add(x[0], x[2]), odd_sum = Add(x[1], x[3]);
    const auto [first, third] = PlusAndMinusTurned(Subtract(x[0], x[2]), Subtract(x[1], x[3]));
    return {Add(even_sum, odd_sum), first, Subtract(even_sum, odd_sum), third};
  }

  // Elements j and n - j have conjugate factors: their sums take the cosines, their differences the sines.
  std::vector<Scalar> OfPrime(std::span<const Scalar> x) {
    const auto n = static_cast<int>(x.size());
    std::vector<Scalar> sums, differences, result(n);
    result[0] = x[0];
    for (int j = 1; j <= n / 2; ++j) {
      sums.push_back(Add(x[j], x[n - j]));
      differences.push_back(Subtract(x[j], x[n - j]));
      result[0] = Add(result[0], sums.back());
    }
    const Scalar zero{b_.Zero(type_), b_.Zero(type_)};
    for (int k = 1; k <= n / 2; ++k) {
      Scalar even = x[0], odd = zero;
      for (int j = 1; j <= n / 2; ++j) {
        const auto root = reference::UnitRoot(j * k, n, 1);
        even = Accumulated(even, sums[j - 1], root.real());
        odd = Accumulated(odd, differences[j - 1], root.imag());
      }
      std::tie(result[k], result[n - k]) = PlusAndMinusTurned(even, odd);
    }
    return result;
  }

  // With j = n2 j1 + j2 and k = k1 + n1 k2: over j1, then a twist by j2 k1, then over j2.
  std::vector<Scalar> ByFactors(std::span<const Scalar> x, int n1, int n2) {
    std::vector<std::vector<Scalar>> rows(n1, std::vector<Scalar>(n2));
    for (int j2 = 0; j2 < n2; ++j2) {
      std::vector<Scalar> column;
      for (int j1 = 0; j1 < n1; ++j1) column.push_back(x[n2 * j1 + j2]);
      column = Transform(column);
      for (int k1 = 0; k1 < n1; ++k1) rows[k1][j2] = Turned(column[k1], j2 * k1, n1 * n2);
    }
    std::vector<Scalar> result(x.size());
    for (int k1 = 0; k1 < n1; ++k1) {
      const std::vector<Scalar> row = Transform(rows[k1]);
      for (int k2 = 0; k2 < n2; ++k2) result[k1 + n1 * k2] = row[k2];
    }
    return result;
  }

  Builder& b_;
  const KType type_;
  const int sign_;
};

}  // namespace

Scalar MultiplyComplex(Builder& b, const Scalar& x, const Scalar& y) {
  const V re = b.Fma(x.re, y.re, b.Unary(KOp::kFNeg, b.FMul(x.im, y.im)));
  return {re, b.Fma(x.re, y.im, b.FMul(x.im, y.re))};
}

std::vector<Scalar> SmallTransform(Builder& builder, std::span<const Scalar> x, int sign) {
  return SmallTransformer(builder, x[0].re.type, sign).Transform(x);
}

}  // namespace dragoman::kernel
