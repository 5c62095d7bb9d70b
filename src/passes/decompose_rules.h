// SPDX-License-Identifier: Apache-2.0
// One rule an op or custom call, each in a file of its own. A rule that cannot spell the op keeps it (nullopt), or
// refuses with a message where no later stage could know better.
#pragma once

#include "passes/rewrite.h"
#include "target/profile.h"

namespace dragoman::passes {

// A [..., m, n] → packed R and reflectors [..., m, n], scalar factors [..., min(m, n)]; LAPACK's geqrf.
StatusOr<Replacement> DecomposeQr(Op& op, RewriteContext& context, const target::DeviceProfile& profile);
// Reflectors [..., m, n] and factors [..., k] → the first n columns of their product; LAPACK's orgqr.
StatusOr<Replacement> DecomposeHouseholderProduct(Op& op, RewriteContext& context,
                                                  const target::DeviceProfile& profile);
// A [..., m, n] → L and U packed [..., m, n], the rows that were exchanged with rows 0, 1, ... in turn [..., min(m,
// n)], the order that makes of A's rows [..., m]; LAPACK's getrf, counted from 0.
StatusOr<Replacement> DecomposeLu(Op& op, RewriteContext& context, const target::DeviceProfile& profile);
// Hermitian A [..., n, n], of which one triangle is read (the backend_config begins with 1: the lower one) →
// orthonormal eigenvectors in columns [..., n, n], eigenvalues in ascending order [..., n]; NaN where A is not finite.
StatusOr<Replacement> DecomposeEigh(Op& op, RewriteContext& context, const target::DeviceProfile& profile);
// Sorts by the called comparator and keeps the first elements: exact.
StatusOr<Replacement> DecomposeApproxTopK(Op& op, RewriteContext& context);
// Into panels, unless the kernel for small matrices takes it; NaN in all of the triangle where a matrix is not positive
// definite, zeros in the other one.
StatusOr<Replacement> DecomposeCholesky(Op& op, RewriteContext& context, const target::DeviceProfile& profile);
// Into blocks likewise, of left-hand systems without transposition; complex ones row by row. Does not read the other
// triangle.
StatusOr<Replacement> DecomposeTriangularSolve(Op& op, RewriteContext& context, const target::DeviceProfile& profile);
// Into transforms of lines that one kernel holds (fourier): mixed radix, and chirps for large prime factors.
StatusOr<Replacement> DecomposeFft(Op& op, RewriteContext& context, const target::DeviceProfile& profile);
// x [..., c, ...], scale [c], offset [c] → (x - mean) / sqrt(variance + epsilon) * scale + offset, mean [c], variance
// [c] over all other dimensions. Narrow floats are computed in f32.
StatusOr<Replacement> DecomposeBatchNormTraining(Op& op, RewriteContext& context);
// The same of x, scale, offset, mean, variance.
StatusOr<Replacement> DecomposeBatchNormInference(Op& op, RewriteContext& context);
// x, scale, mean, variance, the result's gradient → the gradients of x, scale and offset.
StatusOr<Replacement> DecomposeBatchNormGrad(Op& op, RewriteContext& context);
// Philox 4x32-10 (also the default) and Threefry 2x32-20.
StatusOr<Replacement> DecomposeRngBitGenerator(Op& op, RewriteContext& context);

// The leading dimensions of a stack of matrices as one, for the rules above.
struct Stack {
  Dims batch;     // the leading extents
  int64_t count;  // their product
  int64_t rows;
  int64_t columns;
};
Stack StackOf(const TensorType& type);
// The op that lower/lower_triangular_solve.cc serves: T X = B with a small T [count, n, n], B [count, n, m].
Op* SmallTriangularSolve(Value* triangle, Value* right, bool is_lower, bool has_unit_diagonal, Builder& builder);
// Above this a loop over blocks of rows is split in two, so that the second half works on a smaller matrix.
inline constexpr int64_t kMaxLoopRows = 512;
// Whether there are kernels for panels of matrices of this type.
bool HasPanels(DType dtype);
// How many rows a matrix may have for the kernels in lower/small_matrix.h; 0 for element types that they do not take.
int64_t SmallMatrixRows(DType dtype, const target::DeviceProfile& profile);
// How many rows the blocks have that lower/rotate_blocks.cc takes; 0 where none fit.
int64_t RotatedRows(DType dtype, const target::DeviceProfile& profile);
// The complex conjugate; a real value itself.
Value* Conjugate(Value* value, Builder& builder);
// Of each matrix [count, rows, columns].
Value* Adjoint(Value* matrix, Builder& builder);
// Each matrix [count, n, n] with `added` more rows and columns: ones on the added diagonal, zeros beside.
Value* PadWithIdentity(Value* matrix, int64_t added, Builder& builder);
// The type's real part; a real value itself.
Value* RealOf(Value* value, Builder& builder);
// A real value as one of `dtype`, which may be complex.
Value* FromReal(Value* value, DType dtype, Builder& builder);
// For each element of [count, rows, columns], whether its row (dimension 1) or column (2) compares so with `index`.
Value* CompareIndex(int64_t dimension, ComparisonDirection direction, Value* index, const Dims& dims, Builder& builder);

}  // namespace dragoman::passes
