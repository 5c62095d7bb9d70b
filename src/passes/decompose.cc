// SPDX-License-Identifier: Apache-2.0
#include "passes/decompose.h"

#include "passes/decompose_rules.h"

namespace dragoman::passes {
namespace {

using DecomposeRule = StatusOr<Replacement> (*)(Op& op, RewriteContext& context);

constexpr struct {
  OpCode code;
  DecomposeRule rule;
} kOps[] = {
    {OpCode::kBatchNormGrad, DecomposeBatchNormGrad},
    {OpCode::kBatchNormInference, DecomposeBatchNormInference},
    {OpCode::kBatchNormTraining, DecomposeBatchNormTraining},
    {OpCode::kRngBitGenerator, DecomposeRngBitGenerator},
};

constexpr struct {
  std::string_view target;
  DecomposeRule rule;
} kCustomCalls[] = {
    {"ApproxTopK", DecomposeApproxTopK},
};

// Likewise, where the device decides.
constexpr struct {
  std::string_view target;
  StatusOr<Replacement> (*rule)(Op& op, RewriteContext& context, const target::DeviceProfile& profile);
} kBlockedCustomCalls[] = {
    {"Eigh", DecomposeEigh},
    {"LuDecomposition", DecomposeLu},
    {"ProductOfElementaryHouseholderReflectors", DecomposeHouseholderProduct},
    {"Qr", DecomposeQr},
};

constexpr struct {
  OpCode code;
  StatusOr<Replacement> (*rule)(Op& op, RewriteContext& context, const target::DeviceProfile& profile);
} kBlockedOps[] = {
    {OpCode::kCholesky, DecomposeCholesky},
    {OpCode::kFft, DecomposeFft},
    {OpCode::kTriangularSolve, DecomposeTriangularSolve},
};

StatusOr<Replacement> Apply(Op& op, RewriteContext& context, const target::DeviceProfile& profile) {
  for (const auto& [code, rule] : kBlockedOps) {
    if (op.code == code) return rule(op, context, profile);
  }
  for (const auto& [code, rule] : kOps) {
    if (op.code == code) return rule(op, context);
  }
  if (op.code != OpCode::kCustomCall) return Replacement();
  for (const auto& [target, rule] : kCustomCalls) {
    if (op.attributes.Text(AttrKey::kCallTargetName) == target) return rule(op, context);
  }
  for (const auto& [target, rule] : kBlockedCustomCalls) {
    if (op.attributes.Text(AttrKey::kCallTargetName) == target) return rule(op, context, profile);
  }
  return Replacement();
}

}  // namespace

StatusOr<PassResult> Decompose(ir::Module& module, const target::CompileContext& context) {
  const RewriteRule rule = [&](Op& op, RewriteContext& rewrite) { return Apply(op, rewrite, context.profile); };
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, rule));
  return PassResult{changed};
}

Stack StackOf(const TensorType& type) {
  const Dims batch(type.dims.begin(), type.dims.end() - 2);
  return {batch, NumElements(batch), type.dims[type.dims.size() - 2], type.dims.back()};
}

Op* SmallTriangularSolve(Value* triangle, Value* right, bool is_lower, bool has_unit_diagonal, Builder& builder) {
  constexpr int64_t kNoTranspose = 1;
  Attributes attributes;
  attributes.Set(AttrKey::kLeftSide, int64_t{1});
  attributes.Set(AttrKey::kLower, static_cast<int64_t>(is_lower));
  attributes.Set(AttrKey::kUnitDiagonal, static_cast<int64_t>(has_unit_diagonal));
  attributes.Set(AttrKey::kTransposeA, kNoTranspose);
  return builder.Make(OpCode::kTriangularSolve, {triangle, right}, std::move(attributes));
}

bool HasPanels(DType dtype) {
  const DType real = RealPart(dtype);
  return real == DType::kF32 || real == DType::kF64;
}

int64_t SmallMatrixRows(DType dtype, const target::DeviceProfile& profile) {
  if (dtype != DType::kF32 && dtype != DType::kF64) return 0;
  // triangular_solve keeps the matrix and as many columns of the solution (lower/small_matrix.h).
  constexpr int64_t kSolvedColumns = 64;
  for (const int64_t rows : {64, 32, 16}) {
    if ((rows * rows + rows * kSolvedColumns) * SizeBytes(dtype) <= profile.shared_memory_bytes) return rows;
  }
  return 0;
}

int64_t RotatedRows(DType dtype, const target::DeviceProfile& profile) {
  for (const int64_t rows : {32, 16, 8}) {
    if (3 * rows * (rows + 1) * SizeBytes(dtype) <= profile.shared_memory_bytes) return rows;
  }
  return 0;
}

Value* Conjugate(Value* value, Builder& builder) {
  if (!IsComplex(value->type.dtype)) return value;
  Value* imag = builder.Unary(OpCode::kNegate, builder.Unary(OpCode::kImag, value));
  return builder.Binary(OpCode::kComplex, builder.Unary(OpCode::kReal, value), imag);
}

Value* Adjoint(Value* matrix, Builder& builder) { return Conjugate(builder.Transpose(matrix, {0, 2, 1}), builder); }

Value* PadWithIdentity(Value* matrix, int64_t added, Builder& b) {
  const int64_t n = matrix->type.dims[1];
  matrix = b.Pad(matrix, b.Scalar(matrix->type.dtype, 0), {0, 0, 0}, {0, added, added});
  Value* rows = b.Iota({DType::kS32, matrix->type.dims}, 1);
  Value* columns = b.Iota({DType::kS32, matrix->type.dims}, 2);
  Value* is_added = b.Compare(ComparisonDirection::kGe, rows, b.SplatLike(rows, static_cast<double>(n)));
  Value* is_diagonal = b.Compare(ComparisonDirection::kEq, rows, columns);
  return b.Select(b.And(is_added, is_diagonal), b.SplatLike(matrix, 1), matrix);
}

Value* RealOf(Value* value, Builder& builder) {
  return IsComplex(value->type.dtype) ? builder.Unary(OpCode::kReal, value) : value;
}

Value* FromReal(Value* value, DType dtype, Builder& builder) {
  if (!IsComplex(dtype)) return value;
  return builder.Binary(OpCode::kComplex, value, builder.SplatLike(value, 0));
}

Value* CompareIndex(int64_t dimension, ComparisonDirection direction, Value* index, const Dims& dims,
                    Builder& builder) {
  Value* places = builder.Iota({DType::kS32, dims}, dimension);
  return builder.Compare(direction, places, builder.Fill(index, dims));
}

}  // namespace dragoman::passes
