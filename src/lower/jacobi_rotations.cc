// SPDX-License-Identifier: Apache-2.0
// One workgroup a diagonal block, held in shared memory beside the product of its rotations. In each turn every row
// meets another one, as in a round-robin tournament (Brent and Luk, The solution of singular-value and symmetric
// eigenvalue problems on multiprocessor arrays, 1985): half as many rotations as rows are found at once, then applied
// to both sides, an invocation two rows of one pair by two columns of another.
#include <algorithm>

#include "lower/block_kernel.h"
#include "lower/panel.h"
#include "target/team_size.h"

namespace dragoman::kernel {
namespace {

// Two rows: the rotation [[c, s], [-s conj(phase), c conj(phase)]] makes their elements off the diagonal zero.
struct Rotation {
  V c;
  V s;
  Scalar phase;
};

class JacobiKernel : public BlockKernel {
 public:
  JacobiKernel(const fusion::Group& group, const target::DeviceProfile& profile)
      : BlockKernel(group, profile, InvocationsFor(group, profile)),
        n_(op_.operands[0]->type.dims[1]),
        size_(op_.type().dims[2]),
        pairs_(size_ / 2),
        row_stride_(size_ + 1) {}  // so that rows start in different banks

  StatusOr<Dispatch> Emit() {
    matrix_ = field_.AddShared(size_ * row_stride_);
    vectors_ = field_.AddShared(size_ * row_stride_);
    cosines_ = b_.AddShared(field_.type(), static_cast<int>(pairs_));
    sines_ = b_.AddShared(field_.type(), static_cast<int>(pairs_));
    phases_ = field_.AddShared(pairs_);
    const int64_t num_blocks = n_ / size_;
    const V block = b_.URem(b_.WorkgroupIndex(), b_.I32(num_blocks));
    const V matrix = b_.UDiv(b_.WorkgroupIndex(), b_.I32(num_blocks));
    // The block's first element, and how far apart its rows are.
    const V first = b_.IAdd(b_.IMul(matrix, b_.I32(n_ * n_)), b_.IMul(block, b_.I32(size_ * (n_ + 1))));
    LoadBlock(first);
    b_.ForEach(b_.I32(0), b_.I32(size_ - 1), b_.I32(1), [&](V turn) { Turn(turn); });
    b_.Barrier();
    StoreVectors();
    const int64_t count = op_.operands[0]->type.dims[0] * num_blocks;
    return Finish(count);
  }

 private:
  // Two rows by two columns of each matrix are one's work.
  static int InvocationsFor(const fusion::Group& group, const target::DeviceProfile& profile) {
    const int64_t pairs = group.hero->type().dims[2] / 2;
    return static_cast<int>(std::min<int64_t>(target::TeamSize(256, profile), 2 * pairs * pairs));
  }

  V Place(V row, V column) { return b_.IAdd(b_.IMul(row, b_.I32(row_stride_)), column); }

  void LoadBlock(V first) {
    const ir::Value* operand = op_.operands[0];
    team_.Share(size_ * size_, [&](V k) {
      const V row = b_.UDiv(k, b_.I32(size_)), column = b_.URem(k, b_.I32(size_));
      const V from = b_.IAdd(first, b_.IAdd(b_.IMul(row, b_.I32(n_)), column));
      field_.Store(matrix_, Place(row, column), At(operand, from));
      field_.Store(vectors_, Place(row, column), field_.Select(b_.IEq(row, column), field_.One(), field_.Zero()));
    });
  }

  void StoreVectors() {
    const V base = b_.IMul(b_.WorkgroupIndex(), b_.I32(size_ * size_));
    team_.Share(size_ * size_, [&](V k) {
      const V row = b_.UDiv(k, b_.I32(size_)), column = b_.URem(k, b_.I32(size_));
      e_.Store(op_.result(), Index::FromLinear(b_.IAdd(base, k)), field_.Load(vectors_, Place(row, column)));
    });
  }

  // The rows that meet as pair i of a turn: the last row and, with numbers modulo the others, those whose sum is twice
  // the turn.
  struct Pair {
    V first;
    V second;
  };
  Pair PairOf(V i, V turn) {
    const V others = b_.I32(size_ - 1);
    const V up = b_.IAdd(turn, i), down = b_.ISub(turn, i);
    const V first = b_.Select(b_.SLt(up, others), up, b_.ISub(up, others));
    const V second = b_.Select(b_.SLt(down, b_.I32(0)), b_.IAdd(down, others), down);
    return {first, b_.Select(b_.IEq(i, b_.I32(0)), others, second)};
  }

  void Turn(V turn) {
    b_.Barrier();
    team_.Share(pairs_, [&](V i) { FindRotation(i, PairOf(i, turn)); });
    b_.Barrier();
    team_.Share(pairs_ * pairs_, [&](V k) {
      const V i = b_.UDiv(k, b_.I32(pairs_)), j = b_.URem(k, b_.I32(pairs_));
      RotateMatrix(i, PairOf(i, turn), j, PairOf(j, turn));
    });
    team_.Share(size_ * pairs_, [&](V k) {
      const V row = b_.UDiv(k, b_.I32(pairs_)), j = b_.URem(k, b_.I32(pairs_));
      RotateRowOfVectors(row, j, PairOf(j, turn));
    });
  }

  void FindRotation(V i, const Pair& pair) {
    const Scalar off = field_.Load(matrix_, Place(pair.first, pair.second));
    const V p = field_.Load(matrix_, Place(pair.first, pair.first)).re;
    const V q = field_.Load(matrix_, Place(pair.second, pair.second)).re;
    const KType type = field_.type();
    const V zero = b_.Zero(type), one = b_.Float(type, 1);
    const V size = field_.Abs(off);
    // What is too small for its square; the matrix's largest element is about 1.
    const V is_done = b_.Compare(KOp::kFLt, size, b_.Float(type, type == KType::kF64 ? 1e-150 : 1e-18));
    const V t = b_.Select(is_done, zero, Tangent(b_.FSub(q, p), b_.FAdd(size, size)));
    const V c = b_.FDiv(one, b_.Unary(KOp::kSqrt, b_.Fma(t, t, one)));
    const V s = b_.FMul(t, c);
    // What is missing to c^2 + s^2 = 1: drivers' roots and quotients are off by a few units in the last place, which
    // would add up over a thousand rotations.
    const V missing = b_.Fma(b_.Unary(KOp::kFNeg, s), s, b_.Fma(b_.Unary(KOp::kFNeg, c), c, one));
    const V more = b_.FMul(missing, b_.Float(type, 0.5));
    b_.StoreShared(cosines_, i, b_.Fma(c, more, c));
    b_.StoreShared(sines_, i, b_.Fma(s, more, s));
    if (!field_.is_complex()) {
      // The phase of a real number is its sign, which the tangent takes.
      field_.Store(phases_, i, {b_.Select(b_.Compare(KOp::kFLt, off.re, zero), b_.Float(type, -1), one), {}});
      return;
    }
    const V divisor = b_.Select(is_done, one, size);
    const Scalar phase{b_.FDiv(off.re, divisor), b_.FDiv(off.im, divisor)};
    field_.Store(phases_, i, field_.Select(is_done, field_.One(), phase));
  }

  // Of the smaller angle, whose double's is twice / difference.
  V Tangent(V difference, V twice) {
    const V root = b_.Unary(KOp::kSqrt, b_.Fma(difference, difference, b_.FMul(twice, twice)));
    const V t = b_.FDiv(twice, b_.FAdd(field_.AbsReal(difference), root));
    return b_.Select(b_.Compare(KOp::kFLt, difference, b_.Zero(field_.type())), b_.Unary(KOp::kFNeg, t), t);
  }

  Rotation RotationAt(V i) { return {b_.LoadShared(cosines_, i), b_.LoadShared(sines_, i), field_.Load(phases_, i)}; }

  // (x, y) becomes (c x - s y', s x + c y') with y' = phase y: rows; columns with the conjugate phase.
  void Rotate(const Rotation& rotation, const Scalar& phase, Scalar& x, Scalar& y) {
    const Scalar turned = field_.Multiply(phase, y);
    const Scalar cx = field_.Scale(x, rotation.c), sx = field_.Scale(x, rotation.s);
    const Scalar minus_s = field_.Real(b_.Unary(KOp::kFNeg, rotation.s));
    x = field_.MultiplyAdd(minus_s, turned, cx);
    y = field_.MultiplyAdd(field_.Real(rotation.c), turned, sx);
  }

  void RotateMatrix(V i, const Pair& rows, V j, const Pair& columns) {
    const V places[] = {Place(rows.first, columns.first), Place(rows.first, columns.second),
                        Place(rows.second, columns.first), Place(rows.second, columns.second)};
    std::vector<Scalar> x;
    for (const V place : places) x.push_back(field_.Load(matrix_, place));
    const Rotation left = RotationAt(i), right = RotationAt(j);
    Rotate(left, left.phase, x[0], x[2]);
    Rotate(left, left.phase, x[1], x[3]);
    const Scalar phase = field_.Conjugate(right.phase);
    Rotate(right, phase, x[0], x[1]);
    Rotate(right, phase, x[2], x[3]);
    for (int k = 0; k < 4; ++k) field_.Store(matrix_, places[k], x[k]);
  }

  void RotateRowOfVectors(V row, V j, const Pair& columns) {
    const V places[] = {Place(row, columns.first), Place(row, columns.second)};
    Scalar x = field_.Load(vectors_, places[0]), y = field_.Load(vectors_, places[1]);
    const Rotation rotation = RotationAt(j);
    Rotate(rotation, field_.Conjugate(rotation.phase), x, y);
    field_.Store(vectors_, places[0], x);
    field_.Store(vectors_, places[1], y);
  }

  const int64_t n_, size_, pairs_, row_stride_;
  Field::Shared matrix_, vectors_, phases_;
  int cosines_ = 0, sines_ = 0;
};

}  // namespace

StatusOr<Dispatch> JacobiRotationsKernel(const fusion::Group& group, const target::DeviceProfile& profile) {
  return JacobiKernel(group, profile).Emit();
}

}  // namespace dragoman::kernel
