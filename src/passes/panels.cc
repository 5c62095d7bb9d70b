// SPDX-License-Identifier: Apache-2.0
#include "passes/panels.h"

#include <algorithm>
#include <bit>

#include "base/arithmetic.h"
#include "target/team_size.h"

namespace dragoman::passes {

Panels PanelsOf(int64_t steps, int64_t rows, int64_t columns, DType dtype, const target::DeviceProfile& profile) {
  constexpr int64_t kWidest = 32;
  int64_t width = std::min(kWidest, std::max<int64_t>(steps, 1));
  const int64_t small = SmallMatrixRows(dtype, profile);
  if (small > 0) width = std::min(width, small);
  // lu_panel keeps a square of the width in shared memory, in half of it at most.
  while (2 * width * width * SizeBytes(dtype) > profile.shared_memory_bytes) width /= 2;
  // How often an invocation goes round a panel's loops grows with the square of the width.
  const int64_t rounds = CeilDiv(rows, int64_t{target::PanelInvocations(profile)});
  const int64_t limit = profile.max_loop_iterations;
  while (limit > 0 && width > 1 && 4 * width * width * rounds > limit) width /= 2;
  // Rather a narrow panel in registers than a wide one in memory.
  constexpr int64_t kNarrowest = 8;
  const target::HeldPanel held = target::HeldPanelOf(rows, SizeBytes(dtype) / 4, profile);
  const bool are_held = held.width >= kNarrowest;
  if (are_held) {
    width = std::min(width, static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(held.width))));
    while (target::LuUpdateBytes(width, SizeBytes(dtype)) > profile.shared_memory_bytes) width /= 2;
  }
  const int64_t count = CeilDiv(steps, width);
  return {width, count, are_held, std::max(rows, width * count), std::max(columns, width * count)};
}

Value* PadToPanels(Value* matrix, const Panels& panels, Builder& b) {
  const int64_t rows = panels.rows - matrix->type.dims[1], columns = panels.columns - matrix->type.dims[2];
  if (rows == 0 && columns == 0) return matrix;
  return b.Pad(matrix, b.Scalar(matrix->type.dtype, 0), {0, 0, 0}, {0, rows, columns});
}

Value* FirstOf(Value* index, const Panels& panels, Builder& b) {
  return b.Multiply(index, b.Scalar(DType::kS32, static_cast<double>(panels.width)));
}

Value* PanelRows(Value* matrix, Value* first, const Panels& panels, Builder& b) {
  Value* zero = b.Scalar(DType::kS32, 0);
  return b.DynamicSlice(matrix, {zero, first, zero}, {matrix->type.dims[0], panels.width, matrix->type.dims[2]});
}

Value* PanelColumns(Value* matrix, Value* first, const Panels& panels, Builder& b) {
  Value* zero = b.Scalar(DType::kS32, 0);
  Value* columns =
      b.DynamicSlice(matrix, {zero, zero, first}, {matrix->type.dims[0], matrix->type.dims[1], panels.width});
  return b.Transpose(columns, {0, 2, 1});
}

Value* WithPanelRows(Value* matrix, Value* rows, Value* first, Builder& b) {
  Value* zero = b.Scalar(DType::kS32, 0);
  return b.DynamicUpdateSlice(matrix, rows, {zero, first, zero});
}

Value* WithPanelColumns(Value* matrix, Value* panel, Value* first, Builder& b) {
  Value* zero = b.Scalar(DType::kS32, 0);
  return b.DynamicUpdateSlice(matrix, b.Transpose(panel, {0, 2, 1}), {zero, zero, first});
}

Value* From(int64_t dimension, Value* from, Value* value, Value* other, Builder& b) {
  return b.Select(CompareIndex(dimension, ComparisonDirection::kGe, from, value->type.dims, b), value, other);
}

Value* SumOfOuterProducts(Value* lhs, Value* rhs, Builder& b) {
  return b.Dot(lhs, rhs, {.lhs_batching = {0}, .rhs_batching = {0}, .lhs_contracting = {1}, .rhs_contracting = {1}});
}

}  // namespace dragoman::passes
