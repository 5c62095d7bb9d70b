// SPDX-License-Identifier: Apache-2.0
// The evaluation of every structured op; each is defined in the file that has the op's name (or its family's).
#pragma once

#include "reference/interpreter.h"

namespace dragoman::reference {

Results EvaluateElementwise(const OpCall& call);

Results EvaluateConstant(const OpCall& call);
Results EvaluateIota(const OpCall& call);
Results EvaluateBitcastConvert(const OpCall& call);
Results EvaluateBroadcastInDim(const OpCall& call);
Results EvaluateReshape(const OpCall& call);
Results EvaluateTranspose(const OpCall& call);
Results EvaluateReverse(const OpCall& call);
Results EvaluateConcatenate(const OpCall& call);
Results EvaluateSlice(const OpCall& call);
Results EvaluatePad(const OpCall& call);
Results EvaluateDynamicSlice(const OpCall& call);
Results EvaluateDynamicUpdateSlice(const OpCall& call);
Results EvaluateGather(const OpCall& call);
Results EvaluateScatter(const OpCall& call);
Results EvaluateReduce(const OpCall& call);
Results EvaluateReduceWindow(const OpCall& call);
Results EvaluateScan(const OpCall& call);
Results EvaluateSelectAndScatter(const OpCall& call);
Results EvaluateSort(const OpCall& call);
Results EvaluateDotGeneral(const OpCall& call);
Results EvaluateConvolution(const OpCall& call);
Results EvaluateCholesky(const OpCall& call);
Results EvaluateTriangularSolve(const OpCall& call);
// Of each diagonal block of a Hermitian matrix: the unitary matrix J of one sweep of Jacobi rotations, each pair of
// rows once, which brings the block B nearer to a diagonal one, J^H B J.
Results EvaluateJacobiRotations(const OpCall& call);
// A times the block-diagonal matrix of the unitary blocks, after that matrix's adjoint times A where both_sides says
// so. Then half-blocks change places, columns and, with both sides, rows too: as the players of a round-robin
// tournament who go to their next partners. After as many calls as a player has partners all are back.
Results EvaluateRotateBlocks(const OpCall& call);
// Gaussian elimination with partial pivoting of a panel of w columns from row `first` on; panels are transposed,
// [count, w, m]. L and U packed, for each column the row that it took its pivot from, and the order [count, m] in which
// rows follow then.
Results EvaluateLuPanel(const OpCall& call);
// Householder's QR of such a panel from row `first` on: R and the reflectors packed, the factors tau.
Results EvaluateQrPanel(const OpCall& call);
// What such a panel of L and U, in whose place of the matrix it comes, makes of the rest of it: rows in their new
// order, rows of U beside the panel's, and below them what is left of A.
Results EvaluateLuUpdate(const OpCall& call);
// Rows [first, first + w) of the Hermitian matrix that is left of A in Cholesky's decomposition, [count, w, n], of
// which nothing is read before the diagonal, become rows of U = L^H; NaN or infinity from the first row on whose pivot
// is not positive.
Results EvaluateCholeskyPanel(const OpCall& call);
Results EvaluateFft(const OpCall& call);
Results EvaluateFourier(const OpCall& call);
Results EvaluateBatchNormTraining(const OpCall& call);
Results EvaluateBatchNormInference(const OpCall& call);
Results EvaluateBatchNormGrad(const OpCall& call);
Results EvaluateRngBitGenerator(const OpCall& call);
Results EvaluateWhile(const OpCall& call);
Results EvaluateCase(const OpCall& call);
Results EvaluateCall(const OpCall& call);
Results EvaluateComposite(const OpCall& call);
Results EvaluateCustomCall(const OpCall& call);
Results EvaluateOptimizationBarrier(const OpCall& call);
Results EvaluateToken(const OpCall& call);
// As on the only device of a program (ir/collectives.h).
Results EvaluateCollective(const OpCall& call);
// rng (its result is not a function of its operands), host transfers, and return (not an op that runs).
Results RefuseOp(const OpCall& call);

}  // namespace dragoman::reference
