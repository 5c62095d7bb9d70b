// SPDX-License-Identifier: Apache-2.0
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

Value* Solve(const System& system, Builder& b) {
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

}  // namespace

StatusOr<Replacement> DecomposeTriangularSolve(Op& op, RewriteContext& context) {
  if (op.type().num_elements() == 0) return Replacement();
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
  Value* solution = Solve(system, b);
  if (!is_left) solution = Transposed(solution, b);
  return ReplaceWith(b.Reshape(solution, op.type().dims));
}

}  // namespace dragoman::passes
