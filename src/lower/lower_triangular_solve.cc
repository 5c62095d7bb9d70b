// SPDX-License-Identifier: Apache-2.0
// T X = B with T in shared memory, one column of X an invocation, by substitution. Several rows are solved at a time:
// each known element of X, kept in shared memory as well, is loaded once for all of them.
#include <algorithm>

#include "base/arithmetic.h"
#include "base/format.h"
#include "element/elemental.h"
#include "element/launch.h"
#include "lower/kinds.h"
#include "lower/small_matrix.h"

namespace dragoman::kernel {
namespace {

// As many sums are under way at a time; code is dear on a CPU.
int MaxRowsAtATime(const target::DeviceProfile& profile) { return profile.unrolling_is_costly ? 4 : 8; }

class TriangularSolveKernel {
 public:
  TriangularSolveKernel(const fusion::Group& group, const target::DeviceProfile& profile)
      : op_(*group.hero),
        n_(op_.operands[0]->type.dims.back()),
        m_(op_.type().dims.back()),
        is_lower_(op_.attributes.Int(ir::AttrKey::kLower) != 0),
        has_unit_diagonal_(op_.attributes.Int(ir::AttrKey::kUnitDiagonal) != 0),
        type_(LoadedType(op_.type().dtype, profile.float16)),
        rows_at_a_time_(MaxRowsAtATime(profile)),
        b_(profile),
        e_(b_, group) {
    while (n_ % rows_at_a_time_ != 0) rows_at_a_time_ /= 2;
  }

  StatusOr<Dispatch> Emit() {
    triangle_ = b_.AddShared(type_, static_cast<int>(n_ * n_));
    solution_ = b_.AddShared(type_, static_cast<int>(n_ * kSolvedColumns));
    const int64_t tiles = CeilDiv(m_, kSolvedColumns);
    const V tile = b_.URem(b_.WorkgroupIndex(), b_.I32(tiles));
    matrix_ = b_.UDiv(b_.WorkgroupIndex(), b_.I32(tiles));
    column_ = b_.IAdd(b_.IMul(tile, b_.I32(kSolvedColumns)), b_.LocalIndex());
    LoadTriangle();
    b_.Barrier();
    b_.If(b_.ULt(column_, b_.I32(m_)), [&] {
      Elemental::Scope scope(e_);
      b_.ForEach(b_.I32(0), b_.I32(n_), b_.I32(rows_at_a_time_), [&](V first) {
        Elemental::Scope inner(e_);
        SolveRows(first);
      });
    });
    RETURN_IF_ERROR(status_);
    const int64_t count = op_.type().num_elements() / (n_ * m_);
    return FinishDispatch(std::move(b_), e_, static_cast<int>(kSolvedColumns), count * tiles,
                          Format("triangular_solve {} {}", op_.operands[0]->type.ToString(), op_.type().ToString()));
  }

 private:
  // The i-th row to solve: the first ones depend on no other.
  V Row(V i) { return is_lower_ ? i : b_.ISub(b_.I32(n_ - 1), i); }
  V Triangle(V i, V k) { return b_.LoadShared(triangle_, b_.IAdd(b_.IMul(Row(i), b_.I32(n_)), Row(k))); }
  V SolutionPlace(V i) { return b_.IAdd(b_.IMul(i, b_.I32(kSolvedColumns)), b_.LocalIndex()); }

  V At(const ir::Value* value, V linear) {
    const auto loaded = e_.At(value, Index::FromLinear(linear));
    if (loaded.ok()) return loaded->re;
    status_ = loaded.status();
    return b_.Zero(type_);
  }

  void LoadTriangle() {
    const V base = b_.IMul(matrix_, b_.I32(n_ * n_));
    const int64_t most = CeilDiv(n_ * n_, kSolvedColumns);
    b_.ForEach({b_.LocalIndex(), b_.I32(n_ * n_), b_.I32(kSolvedColumns), most}, [&](V k) {
      Elemental::Scope scope(e_);
      b_.StoreShared(triangle_, k, At(op_.operands[0], b_.IAdd(base, k)));
    });
  }

  V ResultPlace(V i) {
    const V row = b_.IAdd(b_.IMul(matrix_, b_.I32(n_)), Row(i));
    return b_.IAdd(b_.IMul(row, b_.I32(m_)), column_);
  }

  void SolveRows(V first) {
    std::vector<V> rows, sums;
    for (int r = 0; r < rows_at_a_time_; ++r) {
      rows.push_back(b_.IAdd(first, b_.I32(r)));
      sums.push_back(At(op_.operands[1], ResultPlace(rows[r])));
    }
    sums = b_.For({b_.I32(0), first, b_.I32(1), n_}, std::move(sums), [&](V k, std::span<const V> carried) {
      const V known = b_.LoadShared(solution_, SolutionPlace(k));
      std::vector<V> next;
      for (int r = 0; r < rows_at_a_time_; ++r) {
        next.push_back(b_.FSub(carried[r], b_.FMul(Triangle(rows[r], k), known)));
      }
      return next;
    });
    for (int r = 0; r < rows_at_a_time_; ++r) {
      for (int k = 0; k < r; ++k) sums[r] = b_.FSub(sums[r], b_.FMul(Triangle(rows[r], rows[k]), sums[k]));
      if (!has_unit_diagonal_) sums[r] = b_.FDiv(sums[r], Triangle(rows[r], rows[r]));
      b_.StoreShared(solution_, SolutionPlace(rows[r]), sums[r]);
      e_.Store(op_.result(), Index::FromLinear(ResultPlace(rows[r])), Scalar{sums[r], {}});
    }
  }

  const ir::Op& op_;
  const int64_t n_, m_;
  const bool is_lower_, has_unit_diagonal_;
  const KType type_;
  int rows_at_a_time_;
  Builder b_;
  Elemental e_;
  int triangle_ = 0, solution_ = 0;
  V matrix_, column_;
  Status status_;
};

}  // namespace

StatusOr<LoweredGroup> LowerTriangularSolve(const fusion::Group& group, const target::CompileContext& context) {
  LoweredGroup lowered;
  const ir::Op& op = *group.hero;
  if (op.type().num_elements() == 0) return lowered;
  const int64_t n = op.operands[0]->type.dims.back();
  const bool is_plain =
      op.attributes.Int(ir::AttrKey::kLeftSide) != 0 && op.attributes.Int(ir::AttrKey::kTransposeA) <= 1;
  if (!is_plain) {
    return Unimplemented("Operation triangular_solve has no kernel for the right side and for transposed matrices.");
  }
  RETURN_IF_ERROR(ExpectSmallMatrix(op, n * n + n * kSolvedColumns, context.profile));
  ASSIGN_OR_RETURN(Dispatch dispatch, TriangularSolveKernel(group, context.profile).Emit());
  lowered.dispatches.push_back(std::move(dispatch));
  return lowered;
}

}  // namespace dragoman::kernel
