// SPDX-License-Identifier: Apache-2.0
#include "lower/stream/transpose_tile.h"

#include <algorithm>
#include <unordered_set>

#include "base/format.h"
#include "element/elemental.h"
#include "element/group_access.h"
#include "ir/access.h"

namespace dragoman::kernel {
namespace {

constexpr int kColumns = 32;  // invocations side by side

struct Merged {
  Dims dims;
  std::vector<int> permutation;
  bool operator==(const Merged&) const = default;
};

// Drops unit dimensions and merges operand dimensions that stay neighbours.
Merged Merge(const ir::Op& op) {
  const Dims& extents = op.operands[0]->type.dims;
  std::vector<std::vector<int64_t>> runs;  // in the result's order
  for (const int64_t dim : op.attributes.Ints(ir::AttrKey::kPermutation)) {
    if (extents[dim] == 1) continue;
    const auto follows = [&](int64_t last) {
      return std::all_of(extents.begin() + last + 1, extents.begin() + std::max(dim, last + 1),
                         [](int64_t extent) { return extent == 1; });
    };
    if (!runs.empty() && runs.back().back() < dim && follows(runs.back().back())) {
      runs.back().push_back(dim);
    } else {
      runs.push_back({dim});
    }
  }
  std::vector<int64_t> firsts;
  for (const auto& run : runs) firsts.push_back(run[0]);
  std::sort(firsts.begin(), firsts.end());
  Merged merged{Dims(runs.size(), 1), {}};
  for (const auto& run : runs) {
    const int position = static_cast<int>(std::find(firsts.begin(), firsts.end(), run[0]) - firsts.begin());
    merged.permutation.push_back(position);
    for (const int64_t dim : run) merged.dims[position] *= extents[dim];
  }
  return merged;
}

// Where one invocation stands: positions along the two tiled dimensions and the other dimensions' share of both
// indices.
struct TilePosition {
  V result_tile, operand_tile;  // first position of the tile along either innermost dimension
  V column, row;                // within the tile, by local index; rows continue in steps of `row_step`
  V operand_base, result_base;
};

class TransposeEmitter {
 public:
  TransposeEmitter(const fusion::Group& group, const target::DeviceProfile& profile, const TransposeTile& tile)
      : group_(group),
        tile_(tile),
        b_(profile),
        elemental_(b_, group),
        workgroup_size_(profile.widest_workgroup() >= 256 ? 256 : 128),
        type_(IndexType(NumElements(tile.dims))) {}

  StatusOr<Dispatch> Emit();

 private:
  int row_step() const { return workgroup_size_ / kColumns; }
  std::vector<KType> SharedTypes(const ir::Op& op) const;
  TilePosition Locate();
  Status ReadTile(const TilePosition& at, int row);
  Status WriteTile(const TilePosition& at, int row);
  Status WriteOutputs(V linear);
  void Put(size_t transpose, V slot, const Scalar& value);
  Scalar Get(size_t transpose, V slot);
  // Runs `body` where (i, j) lies inside the two innermost extents.
  void Guarded(V result_position, V operand_position, const std::function<void()>& body);

  const fusion::Group& group_;
  const TransposeTile& tile_;
  Builder b_;
  Elemental elemental_;
  int workgroup_size_;
  KType type_;
  std::vector<std::vector<int>> arrays_;  // by transpose
};

// Booleans lie in shared memory as integers.
std::vector<KType> TransposeEmitter::SharedTypes(const ir::Op& op) const {
  const DType dtype = op.type().dtype;
  const KType type = LoadedType(RealPart(dtype), b_.profile().float16);
  const KType stored = type == KType::kBool ? KType::kI32 : type;
  return std::vector<KType>(IsComplex(dtype) ? 2 : 1, stored);
}

TilePosition TransposeEmitter::Locate() {
  const int rank = static_cast<int>(tile_.dims.size());
  const int result_dim = static_cast<int>(std::find(tile_.permutation.begin(), tile_.permutation.end(), rank - 1) -
                                          tile_.permutation.begin());
  const int64_t result_tiles = (ResultInnermost(tile_) + tile_.extent() - 1) / tile_.extent();
  const int64_t operand_tiles = (OperandInnermost(tile_) + tile_.extent() - 1) / tile_.extent();
  Dims result_dims;
  for (const int dim : tile_.permutation) result_dims.push_back(tile_.dims[dim]);
  const Dims operand_strides = RowMajorStrides(tile_.dims);
  const Dims result_strides = RowMajorStrides(result_dims);

  Dims grid;  // the other dimensions in the result's order, then the two tiled ones
  std::vector<int> others;
  for (int i = 0; i < rank - 1; ++i) {
    if (i == result_dim) continue;
    others.push_back(i);
    grid.push_back(result_dims[i]);
  }
  grid.push_back(operand_tiles);
  grid.push_back(result_tiles);
  const std::vector<V> parts = elemental_.Delinearize(Index::FromLinear(b_.WorkgroupIndex()), grid);
  TilePosition at;
  at.operand_tile = b_.IMul(parts[parts.size() - 2], b_.I32(tile_.extent()));
  at.result_tile = b_.IMul(parts.back(), b_.I32(tile_.extent()));
  at.column = b_.IMul(b_.URem(b_.LocalIndex(), b_.I32(kColumns)), b_.I32(tile_.lanes));
  at.row = b_.UDiv(b_.LocalIndex(), b_.I32(kColumns));
  at.operand_base = b_.Int(type_, 0);
  at.result_base = b_.Int(type_, 0);
  for (size_t k = 0; k < others.size(); ++k) {
    const V index = ToIndexType(b_, parts[k], type_);
    at.operand_base = b_.MulAdd(index, operand_strides[tile_.permutation[others[k]]], at.operand_base);
    at.result_base = b_.MulAdd(index, result_strides[others[k]], at.result_base);
  }
  return at;
}

void TransposeEmitter::Guarded(V result_position, V operand_position, const std::function<void()>& body) {
  V inside = b_.Bool(true);
  if (ResultInnermost(tile_) % tile_.extent() != 0) inside = b_.ULt(result_position, b_.I32(ResultInnermost(tile_)));
  if (OperandInnermost(tile_) % tile_.extent() != 0) {
    inside = b_.And(inside, b_.ULt(operand_position, b_.I32(OperandInnermost(tile_))));
  }
  b_.If(inside, body);
}

// Reads along the operand's innermost dimension.
Status TransposeEmitter::ReadTile(const TilePosition& at, int row) {
  const V tile_row = b_.IAdd(at.row, b_.I32(row));
  const V result_position = b_.IAdd(at.result_tile, tile_row);
  const V operand_position = b_.IAdd(at.operand_tile, at.column);
  const int64_t stride = RowMajorStrides(tile_.dims)[tile_.permutation.back()];
  Status status;
  Guarded(result_position, operand_position, [&] {
    Elemental::Scope scope(elemental_);
    const V linear = b_.IAdd(b_.MulAdd(ToIndexType(b_, result_position, type_), stride, at.operand_base),
                             ToIndexType(b_, operand_position, type_));
    const V slot = b_.MulAdd(tile_row, tile_.pitch(), at.column);
    for (size_t t = 0; t < tile_.transposes.size(); ++t) {
      const ir::Value* operand = tile_.transposes[t]->operands[0];
      const StatusOr<Lanes> values = elemental_.AtLanes(operand, Index::FromLinear(linear), tile_.lanes);
      if (!values.ok()) {
        status = values.status();
        return;
      }
      for (int lane = 0; lane < tile_.lanes; ++lane) Put(t, b_.IAdd(slot, b_.I32(lane)), Lane(*values, lane));
    }
  });
  return status;
}

void TransposeEmitter::Put(size_t transpose, V slot, const Scalar& value) {
  const V parts[] = {value.re, value.im};
  for (size_t k = 0; k < arrays_[transpose].size(); ++k) {
    const bool is_bool = parts[k].type == KType::kBool;
    b_.StoreShared(arrays_[transpose][k], slot, is_bool ? b_.Select(parts[k], b_.I32(1), b_.I32(0)) : parts[k]);
  }
}

Scalar TransposeEmitter::Get(size_t transpose, V slot) {
  Scalar value{b_.LoadShared(arrays_[transpose][0], slot), {}};
  if (arrays_[transpose].size() > 1) value.im = b_.LoadShared(arrays_[transpose][1], slot);
  if (IsPred(tile_.transposes[transpose]->type().dtype)) value.re = b_.INe(value.re, b_.I32(0));
  return value;
}

Status TransposeEmitter::WriteOutputs(V linear) {
  std::vector<Lanes> values;
  for (const ir::Value* output : group_.outputs) {
    ASSIGN_OR_RETURN(Lanes value, elemental_.AtLanes(output, Index::FromLinear(linear), tile_.lanes));
    values.push_back(std::move(value));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    elemental_.StoreLanes(group_.outputs[i], Index::FromLinear(linear), values[i], tile_.lanes);
  }
  return OkStatus();
}

// Writes along the result's innermost dimension.
Status TransposeEmitter::WriteTile(const TilePosition& at, int row) {
  const V tile_row = b_.IAdd(at.row, b_.I32(row));
  const V operand_position = b_.IAdd(at.operand_tile, tile_row);
  const V result_position = b_.IAdd(at.result_tile, at.column);
  const int rank = static_cast<int>(tile_.dims.size());
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0 && tile_.permutation[i] != rank - 1; --i) stride *= tile_.dims[tile_.permutation[i]];
  Status status;
  Guarded(result_position, operand_position, [&] {
    Elemental::Scope scope(elemental_);
    const V linear = b_.IAdd(b_.MulAdd(ToIndexType(b_, operand_position, type_), stride, at.result_base),
                             ToIndexType(b_, result_position, type_));
    for (size_t t = 0; t < tile_.transposes.size(); ++t) {
      const ir::Value* result = tile_.transposes[t]->result();
      Lanes values;
      for (int lane = 0; lane < tile_.lanes; ++lane) {
        values.push_back(Get(t, b_.MulAdd(b_.IAdd(at.column, b_.I32(lane)), tile_.pitch(), tile_row)));
        const V position = b_.IAdd(linear, b_.Int(linear.type, lane));
        elemental_.Remember(result, Index::FromLinear(position), {values.back()});
      }
      if (tile_.lanes > 1) elemental_.Remember(result, Index::FromLinear(linear), std::move(values), tile_.lanes);
    }
    status = WriteOutputs(linear);
  });
  return status;
}

StatusOr<Dispatch> TransposeEmitter::Emit() {
  for (const ir::Op* op : tile_.transposes) {
    std::vector<int> arrays;
    for (const KType type : SharedTypes(*op)) arrays.push_back(b_.AddShared(type, tile_.extent() * tile_.pitch()));
    arrays_.push_back(std::move(arrays));
  }
  const TilePosition at = Locate();
  for (int row = 0; row < tile_.extent(); row += row_step()) RETURN_IF_ERROR(ReadTile(at, row));
  b_.Barrier();
  for (int row = 0; row < tile_.extent(); row += row_step()) RETURN_IF_ERROR(WriteTile(at, row));
  const int64_t result_tiles = (ResultInnermost(tile_) + tile_.extent() - 1) / tile_.extent();
  const int64_t operand_tiles = (OperandInnermost(tile_) + tile_.extent() - 1) / tile_.extent();
  const int64_t others = NumElements(tile_.dims) / (ResultInnermost(tile_) * OperandInnermost(tile_));
  Dispatch dispatch;
  dispatch.kernel = std::move(b_).Finish(workgroup_size_);
  dispatch.arguments = elemental_.arguments();
  dispatch.workgroups = result_tiles * operand_tiles * others;
  dispatch.label = Format("transpose into {}", group_.outputs[0]->type.ToString());
  return dispatch;
}

}  // namespace

std::optional<TransposeTile> FindTransposeTile(const fusion::Group& group) {
  const Membership membership(group);
  const int64_t count = group.outputs[0]->type.num_elements();
  std::unordered_set<const ir::Value*> seen;
  std::vector<const ir::Value*> pending(group.outputs.begin(), group.outputs.end());
  TransposeTile tile;
  Merged first;
  while (!pending.empty()) {
    const ir::Value* v = pending.back();
    pending.pop_back();
    if (v->type.num_elements() != count || !membership.IsComputed(v) || !seen.insert(v).second) continue;
    const ir::Op& op = *v->op;
    for (const ir::Value* operand : op.operands) {
      if (ir::KeepsLinearIndex(op, operand)) pending.push_back(operand);
    }
    if (op.code != ir::OpCode::kTranspose) continue;
    Merged merged = Merge(op);
    const int rank = static_cast<int>(merged.dims.size());
    if (rank < 2 || merged.permutation.back() == rank - 1) return std::nullopt;
    if (tile.transposes.empty()) first = merged;
    if (merged != first) return std::nullopt;
    tile.transposes.push_back(&op);
  }
  if (tile.transposes.empty()) return std::nullopt;
  // Found from the outputs down; the kernel's text should follow the program.
  std::reverse(tile.transposes.begin(), tile.transposes.end());
  tile.dims = std::move(first.dims);
  tile.permutation = std::move(first.permutation);
  // Two narrow elements side by side move as many bytes at once as one of f32.
  const bool is_narrow = tile.transposes.size() == 1 && SizeBytes(tile.transposes[0]->type().dtype) <= 2;
  if (is_narrow && ResultInnermost(tile) % 2 == 0 && OperandInnermost(tile) % 2 == 0) tile.lanes = 2;
  return tile;
}

int64_t ResultInnermost(const TransposeTile& tile) { return tile.dims[tile.permutation.back()]; }
int64_t OperandInnermost(const TransposeTile& tile) { return tile.dims.back(); }

int64_t SharedBytes(const TransposeTile& tile) {
  int64_t bytes = 0;
  for (const ir::Op* op : tile.transposes) {
    bytes += std::max<int64_t>(4, SizeBytes(op->type().dtype)) * tile.extent() * tile.pitch();
  }
  return bytes;
}

StatusOr<Dispatch> LowerTransposeTile(const fusion::Group& group, const target::DeviceProfile& profile,
                                      const TransposeTile& tile) {
  return TransposeEmitter(group, profile, tile).Emit();
}

}  // namespace dragoman::kernel
