// SPDX-License-Identifier: Apache-2.0
// One workgroup a matrix, held in shared memory. Each step eliminates one pivot from the rows after it, in the upper
// triangle alone: A is symmetric, so that row j serves as column j, and neighbours read neighbouring elements. Rows are
// divided by the roots of their pivots at the end.
#include <algorithm>

#include "base/arithmetic.h"
#include "base/format.h"
#include "element/elemental.h"
#include "element/launch.h"
#include "lower/kinds.h"
#include "lower/small_matrix.h"
#include "target/team_size.h"

namespace dragoman::kernel {
namespace {

class CholeskyKernel {
 public:
  CholeskyKernel(const fusion::Group& group, const target::DeviceProfile& profile)
      : op_(*group.hero),
        n_(op_.type().dims.back()),
        is_lower_(op_.attributes.Int(ir::AttrKey::kLower) != 0),
        type_(LoadedType(op_.type().dtype, profile.float16)),
        workgroup_size_(
            static_cast<int>(std::min<int64_t>(target::TeamSize(1024, profile), std::max<int64_t>(n_ * n_, 1)))),
        b_(profile),
        e_(b_, group) {}

  StatusOr<Dispatch> Emit() {
    matrix_ = b_.AddShared(type_, static_cast<int>(n_ * n_));
    base_ = b_.IMul(b_.WorkgroupIndex(), b_.I32(n_ * n_));
    RETURN_IF_ERROR(Load());
    b_.ForEach(b_.I32(0), b_.I32(n_ - 1), b_.I32(1), [&](V pivot) { Eliminate(pivot); });
    b_.Barrier();
    Store(ArePivotsPositive());
    const int64_t count = op_.type().num_elements() / (n_ * n_);
    return FinishDispatch(std::move(b_), e_, workgroup_size_, count, Format("cholesky {}", op_.type().ToString()));
  }

 private:
  V Element(V row, V column) { return b_.IAdd(b_.IMul(row, b_.I32(n_)), column); }
  V Get(V row, V column) { return b_.LoadShared(matrix_, Element(row, column)); }

  // The invocations share the elements of `num_rows` rows from `first_row` on, in order.
  void ForEachElement(V first_row, V num_rows, const std::function<void(V row, V column)>& body) {
    const int64_t most = CeilDiv(n_ * n_, workgroup_size_);
    b_.ForEach({b_.LocalIndex(), b_.IMul(num_rows, b_.I32(n_)), b_.I32(workgroup_size_), most}, [&](V k) {
      Elemental::Scope scope(e_);
      body(b_.IAdd(first_row, b_.UDiv(k, b_.I32(n_))), b_.URem(k, b_.I32(n_)));
    });
  }

  // The triangle that counts becomes the upper one.
  Status Load() {
    Status status;
    ForEachElement(b_.I32(0), b_.I32(n_), [&](V row, V column) {
      const auto loaded = e_.At(op_.operands[0], Index::FromLinear(b_.IAdd(base_, Element(row, column))));
      if (!loaded.ok()) {
        status = loaded.status();
        return;
      }
      b_.StoreShared(matrix_, is_lower_ ? Element(column, row) : Element(row, column), loaded->re);
    });
    return status;
  }

  void Eliminate(V pivot) {
    b_.Barrier();
    const V inverse = b_.FDiv(b_.Float(type_, 1), Get(pivot, pivot));
    const V first = b_.IAdd(pivot, b_.I32(1));
    ForEachElement(first, b_.ISub(b_.I32(n_), first), [&](V row, V column) {
      b_.If(b_.SLe(row, column), [&] {
        const V factor = b_.FMul(Get(pivot, row), inverse);
        const V change = b_.FMul(factor, Get(pivot, column));
        b_.StoreShared(matrix_, Element(row, column), b_.FSub(Get(row, column), change));
      });
    });
  }

  V ArePivotsPositive() {
    return b_.For(b_.I32(0), b_.I32(n_), b_.I32(1), {b_.Bool(true)}, [&](V i, std::span<const V> carried) {
      const V is_positive = b_.Compare(KOp::kFLt, b_.Zero(type_), Get(i, i));
      return std::vector<V>{b_.And(carried[0], is_positive)};
    })[0];
  }

  void Store(V is_positive_definite) {
    const V nan = b_.FDiv(b_.Zero(type_), b_.Zero(type_));
    ForEachElement(b_.I32(0), b_.I32(n_), [&](V row, V column) {
      const V upper_row = is_lower_ ? column : row;
      const V upper_column = is_lower_ ? row : column;
      const V root = b_.Unary(KOp::kSqrt, Get(upper_row, upper_row));
      const V value = b_.FDiv(Get(upper_row, upper_column), root);
      const V kept = b_.Select(is_positive_definite, value, nan);
      const V result = b_.Select(b_.SLe(upper_row, upper_column), kept, b_.Zero(type_));
      e_.Store(op_.result(), Index::FromLinear(b_.IAdd(base_, Element(row, column))), Scalar{result, {}});
    });
  }

  const ir::Op& op_;
  const int64_t n_;
  const bool is_lower_;
  const KType type_;
  const int workgroup_size_;
  Builder b_;
  Elemental e_;
  int matrix_ = 0;
  V base_;
};

}  // namespace

Status ExpectSmallMatrix(const ir::Op& op, int64_t shared_elements, const target::DeviceProfile& profile) {
  const TensorType& type = op.type();
  const int64_t shared_bytes = shared_elements * SizeBytes(type.dtype);
  const bool is_real = type.dtype == DType::kF32 || type.dtype == DType::kF64;
  if (is_real && shared_bytes <= profile.shared_memory_bytes && type.num_elements() < int64_t{1} << 31) {
    return OkStatus();
  }
  return Unimplemented(Format("Operation {} on {} has no kernel; it needs {} bytes of shared memory of {}.",
                              ir::Info(op.code).name, type.ToString(), shared_bytes, profile.shared_memory_bytes));
}

StatusOr<LoweredGroup> LowerCholesky(const fusion::Group& group, const target::CompileContext& context) {
  LoweredGroup lowered;
  const TensorType& type = group.hero->type();
  if (type.num_elements() == 0) return lowered;
  RETURN_IF_ERROR(ExpectSmallMatrix(*group.hero, type.dims.back() * type.dims.back(), context.profile));
  ASSIGN_OR_RETURN(Dispatch dispatch, CholeskyKernel(group, context.profile).Emit());
  lowered.dispatches.push_back(std::move(dispatch));
  return lowered;
}

}  // namespace dragoman::kernel
