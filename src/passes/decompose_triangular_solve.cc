// SPDX-License-Identifier: Apache-2.0
#include "base/arithmetic.h"
#include "passes/decompose_rules.h"

namespace dragoman::passes {
namespace {

// As in the encoding.
enum class Transpose : int64_t { kInvalid = 0, kNone = 1, kTranspose = 2, kAdjoint = 3 };

// T X = B for stacks of triangular T [count, n, n] and B [count, n, m].
struct System {
  Value* triangle;
  Value* right;
  bool is_lower;
  bool has_unit_diagonal;
};

Value* Transposed(Value* matrix, Builder& b) { return b.Transpose(matrix, {0, 2, 1}); }

// The part beside the diagonal; whatever the other triangle holds must not matter.
Value* StrictTriangle(const System& system, Builder& b) {
  const TensorType& type = system.triangle->type;
  Value* rows = b.Iota({DType::kS32, type.dims}, 1);
  Value* columns = b.Iota({DType::kS32, type.dims}, 2);
  const auto direction = system.is_lower ? ComparisonDirection::kGt : ComparisonDirection::kLt;
  return b.Select(b.Compare(direction, rows, columns), system.triangle, b.Splat(type, 0));
}

// One row an iteration.
Value* SolveByRows(const System& system, Builder& b) {
  const int64_t count = system.right->type.dims[0];
  const int64_t n = system.right->type.dims[1];
  const int64_t m = system.right->type.dims[2];
  Value* strict = StrictTriangle(system, b);
  // Rows of X that are not known yet are zero, and so add nothing.
  const auto step = [&](Builder& body, Value* t, const std::vector<Value*>& carried) -> std::vector<Value*> {
    Value* solution = carried[0];
    Value* zero = body.Scalar(DType::kS32, 0);
    Value* i = t;
    if (!system.is_lower) i = body.Subtract(body.Scalar(DType::kS32, static_cast<double>(n - 1)), t);
    Value* row = body.Reshape(body.DynamicSlice(strict, {zero, i, zero}, {count, 1, n}), {count, n});
    Value* known = body.Sum(body.Multiply(body.Broadcast(row, {count, n, m}, {0, 1}), solution), {1});
    Value* right = body.Reshape(body.DynamicSlice(system.right, {zero, i, zero}, {count, 1, m}), {count, m});
    Value* next = body.Subtract(right, known);
    if (!system.has_unit_diagonal) {
      Value* diagonal = body.Reshape(body.DynamicSlice(system.triangle, {zero, i, i}, {count, 1, 1}), {count});
      next = body.Divide(next, body.Broadcast(diagonal, {count, m}, {0}));
    }
    return {body.DynamicUpdateSlice(solution, body.Reshape(next, {count, 1, m}), {zero, i, zero})};
  };
  return b.ForLoop(n, {b.Splat(system.right->type, 0)}, step)[0];
}

// To a multiple of `block` rows.
System Padded(System system, int64_t block, Builder& b) {
  const int64_t n = system.right->type.dims[1];
  const int64_t added = CeilDiv(n, block) * block - n;
  if (added == 0) return system;
  Value* zero = b.Scalar(system.right->type.dtype, 0);
  system.right = b.Pad(system.right, zero, {0, 0, 0}, {0, added, 0});
  system.triangle = PadWithIdentity(system.triangle, added, b);
  return system;
}

// The part of a system whose rows are still to be solved, after the first `done` (of a lower triangle) or the last.
System Rest(const System& system, Value* right, int64_t done, Builder& b) {
  const Dims& dims = right->type.dims;
  const int64_t n = dims[1], from = system.is_lower ? done : 0, to = from + n - done;
  System rest = system;
  rest.triangle = b.Slice(system.triangle, {0, from, from}, {dims[0], to, to});
  rest.right = b.Slice(right, {0, from, 0}, {dims[0], to, dims[2]});
  return rest;
}

// Carried: what is left of the right side, and the solution. A block of rows is solved, then taken out of the rows that
// come later.
std::vector<Value*> SolveBlock(const System& system, Value* first, int64_t block, const std::vector<Value*>& carried,
                               Builder& b) {
  const Dims& dims = carried[0]->type.dims;
  Value* zero = b.Scalar(DType::kS32, 0);
  Value* diagonal = b.DynamicSlice(system.triangle, {zero, first, first}, {dims[0], block, block});
  Value* rows = b.DynamicSlice(carried[0], {zero, first, zero}, {dims[0], block, dims[2]});
  Value* solved = SmallTriangularSolve(diagonal, rows, system.is_lower, system.has_unit_diagonal, b)->result();
  Value* columns = b.DynamicSlice(system.triangle, {zero, zero, first}, {dims[0], dims[1], block});
  Value* products = b.Dot(columns, solved,
                          {.lhs_batching = {0}, .rhs_batching = {0}, .lhs_contracting = {2}, .rhs_contracting = {1}});
  Value* end = b.Add(first, b.Scalar(DType::kS32, static_cast<double>(block)));
  Value* is_later = system.is_lower ? CompareIndex(1, ComparisonDirection::kGe, end, dims, b)
                                    : CompareIndex(1, ComparisonDirection::kLt, first, dims, b);
  Value* rest = b.Select(is_later, b.Subtract(carried[0], products), carried[0]);
  return {rest, b.DynamicUpdateSlice(carried[1], solved, {zero, first, zero})};
}

// Of whole blocks.
Value* SolveBlocks(const System& system, int64_t block, Builder& b) {
  const Dims dims = system.right->type.dims;
  const int64_t num_blocks = dims[1] / block;
  const bool splits = dims[1] > kMaxLoopRows;
  const int64_t num_looped = splits ? num_blocks / 2 : num_blocks;
  const auto step = [&](Builder& body, Value* t, const std::vector<Value*>& carried) {
    Value* i = t;
    if (!system.is_lower) i = body.Subtract(body.Scalar(DType::kS32, static_cast<double>(num_blocks - 1)), t);
    Value* first = body.Multiply(i, body.Scalar(DType::kS32, static_cast<double>(block)));
    return SolveBlock(system, first, block, carried, body);
  };
  const std::vector<Value*> results = b.ForLoop(num_looped, {system.right, b.Splat(system.right->type, 0)}, step);
  if (!splits) return results[1];
  const int64_t done = num_looped * block;
  Value* solved = SolveBlocks(Rest(system, results[0], done, b), block, b);
  Value* zero = b.Scalar(DType::kS32, 0);
  Value* place = system.is_lower ? b.Scalar(DType::kS32, static_cast<double>(done)) : zero;
  return b.DynamicUpdateSlice(results[1], solved, {zero, place, zero});
}

Value* SolveByBlocks(const System& given, int64_t block, Builder& b) {
  Value* solution = SolveBlocks(Padded(given, block, b), block, b);
  const int64_t n = given.right->type.dims[1];
  return n == solution->type.dims[1] ? solution : b.SliceDim(solution, 1, 0, n);
}

Value* Solve(const System& system, int64_t block, Builder& b) {
  if (block == 0) return SolveByRows(system, b);
  if (system.right->type.dims[1] > block) return SolveByBlocks(system, block, b);
  return SmallTriangularSolve(system.triangle, system.right, system.is_lower, system.has_unit_diagonal, b)->result();
}

// The form that the kernel takes.
bool IsSmallSystem(const Op& op, int64_t block) {
  return op.attributes.Int(AttrKey::kLeftSide) != 0 &&
         op.attributes.Int(AttrKey::kTransposeA) <= static_cast<int64_t>(Transpose::kNone) &&
         op.operands[0]->type.dims.back() <= block;
}

}  // namespace

StatusOr<Replacement> DecomposeTriangularSolve(Op& op, RewriteContext& context, const target::DeviceProfile& profile) {
  const int64_t block = SmallMatrixRows(op.type().dtype, profile);
  if (op.type().num_elements() == 0 || IsSmallSystem(op, block)) return Replacement();
  Builder& b = context.builder;
  const Stack stack = StackOf(op.type());
  const bool is_left = op.attributes.Int(AttrKey::kLeftSide) != 0;
  const int64_t n = is_left ? stack.rows : stack.columns;
  System system{
      .triangle = b.Reshape(op.operands[0], {stack.count, n, n}),
      .right = b.Reshape(op.operands[1], {stack.count, stack.rows, stack.columns}),
      .is_lower = op.attributes.Int(AttrKey::kLower) != 0,
      .has_unit_diagonal = op.attributes.Int(AttrKey::kUnitDiagonal) != 0,
  };
  const auto transpose = static_cast<Transpose>(op.attributes.Int(AttrKey::kTransposeA));
  if (transpose == Transpose::kAdjoint) system.triangle = Conjugate(system.triangle, b);
  // X T = B is T^T X^T = B^T.
  const bool is_transposed = (transpose == Transpose::kTranspose || transpose == Transpose::kAdjoint) != !is_left;
  if (is_transposed) {
    system.triangle = Transposed(system.triangle, b);
    system.is_lower = !system.is_lower;
  }
  if (!is_left) system.right = Transposed(system.right, b);
  Value* solution = Solve(system, block, b);
  if (!is_left) solution = Transposed(solution, b);
  return ReplaceWith(b.Reshape(solution, op.type().dims));
}

}  // namespace dragoman::passes
