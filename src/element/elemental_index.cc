// SPDX-License-Identifier: Apache-2.0
// Index arithmetic and memory access of Elemental.
#include <algorithm>

#include "element/elemental.h"
#include "element/elemental_memo.h"

namespace dragoman::kernel {
namespace {

constexpr int64_t kMaxI32Count = int64_t{1} << 31;

bool IsPowerOfTwo(int64_t value) { return value > 0 && (value & (value - 1)) == 0; }

// Extents and indices without dimensions of extent 1 and without leading dimensions whose index is 0.
void Squeeze(const Builder& builder, std::vector<V>& dims, Dims& extents) {
  size_t kept = 0;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (extents[i] == 1 || (kept == 0 && builder.ConstantInt(dims[i]) == 0)) continue;
    dims[kept] = dims[i];
    extents[kept] = extents[i];
    ++kept;
  }
  dims.resize(kept);
  extents.resize(kept);
}

}  // namespace

KType IndexType(int64_t count) { return count >= kMaxI32Count ? KType::kI64 : KType::kI32; }

V ToIndexType(Builder& builder, V index, KType type) {
  if (index.type == type) return index;
  return builder.Convert(type == KType::kI64 ? KOp::kZExt : KOp::kTruncI, index, type);
}

V ClampStart(Builder& builder, const Scalar& start, DType dtype, int64_t max) {
  const KType wide = start.re.type == KType::kI64 || max >= kMaxI32Count ? KType::kI64 : KType::kI32;
  if (max <= 0) return builder.I32(0);
  V value = start.re;
  if (value.type != wide) value = builder.Convert(IsSigned(dtype) ? KOp::kSExt : KOp::kZExt, value, wide);
  const V limit = builder.Int(wide, max);
  if (IsSigned(dtype)) {
    value = builder.SMin(builder.SMax(value, builder.Int(wide, 0)), limit);
  } else {
    value = builder.UMin(value, limit);
  }
  return ToIndexType(builder, value, IndexType(max));
}

int InnermostDim(const Dims& dims) {
  for (int i = static_cast<int>(dims.size()) - 1; i >= 0; --i) {
    if (dims[i] != 1) return i;
  }
  return -1;
}

std::optional<V> Elemental::FindLinear(const std::vector<V>& dims, const Dims& extents) const {
  std::vector<V> squeezed = dims;
  Dims squeezed_extents = extents;
  if (dims.size() != extents.size()) return std::nullopt;
  Squeeze(builder_, squeezed, squeezed_extents);
  if (squeezed.empty()) return builder_.I32(0);
  if (squeezed.size() == 1) return squeezed[0];
  Memo::DimsKey key;
  for (const V dim : squeezed) key.ids.push_back(dim.id);
  key.extents.assign(squeezed_extents.begin() + 1, squeezed_extents.end());
  for (auto memo = memos_.rbegin(); memo != memos_.rend(); ++memo) {
    const auto found = (*memo)->linear_of.find(key);
    if (found != (*memo)->linear_of.end()) return found->second;
  }
  return std::nullopt;
}

V Elemental::Linear(const Index& index, const Dims& dims) {
  const KType type = IndexType(NumElements(dims));
  if (index.has_linear()) return ToIndexType(builder_, index.linear, type);
  std::vector<V> indices = index.dims;
  Dims extents = dims;
  Squeeze(builder_, indices, extents);
  if (indices.empty()) return builder_.Int(type, 0);
  size_t done = 1;
  V linear = indices[0];
  for (size_t prefix = indices.size(); prefix > 1; --prefix) {
    const std::optional<V> known =
        FindLinear({indices.begin(), indices.begin() + prefix}, {extents.begin(), extents.begin() + prefix});
    if (!known.has_value()) continue;
    linear = *known;
    done = prefix;
    break;
  }
  linear = ToIndexType(builder_, linear, type);
  for (size_t i = done; i < indices.size(); ++i) {
    linear = builder_.MulAdd(linear, extents[i], ToIndexType(builder_, indices[i], type));
  }
  if (done < indices.size()) {
    Memo::DimsKey key;
    for (const V dim : indices) key.ids.push_back(dim.id);
    key.extents.assign(extents.begin() + 1, extents.end());
    memos_.back()->linear_of.emplace(std::move(key), linear);
  }
  return linear;
}

std::vector<V> Elemental::Delinearize(const Index& index, const Dims& dims) {
  if (!index.dims.empty() || dims.empty()) return index.dims;
  std::vector<V> result(dims.size(), builder_.I32(0));
  std::vector<int> kept;  // dimensions of extent other than 1
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != 1) kept.push_back(static_cast<int>(i));
  }
  int64_t count = NumElements(dims);
  V rest = index.linear;
  for (size_t k = kept.size(); k-- > 0;) {
    const int dim = kept[k];
    rest = ToIndexType(builder_, rest, IndexType(count));
    if (k == 0) {
      result[dim] = rest;
      break;
    }
    const V prefix = rest;
    const V extent = builder_.Int(rest.type, dims[dim]);
    rest = builder_.UDiv(prefix, extent);
    const V remainder =
        IsPowerOfTwo(dims[dim]) ? builder_.URem(prefix, extent) : builder_.ISub(prefix, builder_.IMul(rest, extent));
    result[dim] = ToIndexType(builder_, remainder, IndexType(dims[dim]));
    count = dims[dim] == 0 ? 0 : count / dims[dim];
  }
  // The quotients are the linear indices of the leading dimensions.
  V prefix = index.linear;
  for (size_t k = kept.size(); k > 1; --k) {
    Memo::DimsKey key;
    for (size_t i = 0; i < k; ++i) key.ids.push_back(result[kept[i]].id);
    for (size_t i = 1; i < k; ++i) key.extents.push_back(dims[kept[i]]);
    memos_.back()->linear_of.emplace(std::move(key), prefix);
    const int64_t extent = dims[kept[k - 1]];
    prefix = builder_.UDiv(prefix, builder_.Int(prefix.type, extent));
  }
  return result;
}

Index Elemental::Reshape(const Index& index, const Dims& from, const ir::Value* v) {
  const Dims& to = v->type.dims;
  if (index.dims.empty() || (index.has_linear() && !NeedsDims(v))) return Index::FromLinear(Linear(index, from));
  Index result{std::vector<V>(to.size(), builder_.I32(0)), index.linear};
  if (v->type.num_elements() == 0) return result;
  // Runs of dimensions on both sides with equal products map to each other; most runs are one dimension each.
  size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    const size_t i0 = i, j0 = j;
    int64_t from_count = i < from.size() ? from[i++] : 1;
    int64_t to_count = j < to.size() ? to[j++] : 1;
    while (from_count != to_count) {
      if (from_count < to_count) {
        from_count *= from[i++];
      } else {
        to_count *= to[j++];
      }
    }
    const Index part = Index::FromDims({index.dims.begin() + i0, index.dims.begin() + i});
    const Dims from_part(from.begin() + i0, from.begin() + i);
    const Dims to_part(to.begin() + j0, to.begin() + j);
    const std::vector<V> parts = Delinearize(Index::FromLinear(Linear(part, from_part)), to_part);
    std::copy(parts.begin(), parts.end(), result.dims.begin() + j0);
  }
  return result;
}

int Elemental::BufferOf(const ir::Value* v, bool is_written) {
  const auto found = buffers_.find(v);
  if (found != buffers_.end()) return found->second;
  const int number = builder_.AddBuffer({RealPart(v->type.dtype), !is_written, is_written});
  buffers_.emplace(v, number);
  arguments_.push_back({v, -1});
  return number;
}

int Elemental::BindWords(const ir::Value* v) {
  const auto [entry, is_new] = words_.try_emplace(v, 0);
  if (!is_new) return entry->second;
  arguments_.push_back({v, -1});
  return entry->second = builder_.AddBuffer({DType::kU32, /*is_read=*/true, /*is_written=*/false});
}

int Elemental::BindTemporary(int temporary, DType memory, bool is_read, bool is_written) {
  const auto [entry, is_new] = temporaries_.try_emplace({temporary, memory}, 0);
  if (!is_new) return entry->second;
  arguments_.push_back({nullptr, temporary});
  return entry->second = builder_.AddBuffer({memory, is_read, is_written});
}

namespace {

// The index of the first machine element, in a type that reaches the whole buffer.
V MemoryIndex(Builder& builder, V linear, const TensorType& type) {
  if (type.size_bytes() >= int64_t{1} << 32) linear = ToIndexType(builder, linear, KType::kI64);
  return IsComplex(type.dtype) ? builder.IMul(linear, builder.Int(linear.type, 2)) : linear;
}

V Plus(Builder& builder, V index, int64_t offset) { return builder.IAdd(index, builder.Int(index.type, offset)); }

}  // namespace

Scalar Elemental::Load(const ir::Value* v, const Index& index) { return LoadLanes(v, index, 1)[0]; }

Lanes Elemental::LoadLanes(const ir::Value* v, const Index& index, int lanes) {
  const bool is_complex = IsComplex(v->type.dtype);
  const int buffer = BufferOf(v, false);
  const V first = MemoryIndex(builder_, Linear(index, v->type.dims), v->type);
  const int count = lanes * (is_complex ? 2 : 1);
  std::vector<V> elements;
  for (int done = 0; done < count; done += 4) {
    const std::vector<V> loaded = builder_.LoadVector(buffer, Plus(builder_, first, done), std::min(count - done, 4));
    elements.insert(elements.end(), loaded.begin(), loaded.end());
  }
  Lanes result;
  for (int lane = 0; lane < lanes; ++lane) {
    result.push_back(is_complex ? Scalar{elements[2 * lane], elements[2 * lane + 1]} : Scalar{elements[lane], {}});
  }
  return result;
}

void Elemental::Store(const ir::Value* v, const Index& index, const Scalar& value) { StoreLanes(v, index, {value}, 1); }

void Elemental::StoreLanes(const ir::Value* v, const Index& index, const Lanes& values, int lanes) {
  const bool is_complex = IsComplex(v->type.dtype);
  const int buffer = BufferOf(v, true);
  const V first = MemoryIndex(builder_, Linear(index, v->type.dims), v->type);
  std::vector<V> elements;
  for (int lane = 0; lane < lanes; ++lane) {
    elements.push_back(Lane(values, lane).re);
    if (is_complex) elements.push_back(Lane(values, lane).im);
  }
  for (size_t done = 0; done < elements.size(); done += 4) {
    const size_t count = std::min<size_t>(elements.size() - done, 4);
    builder_.StoreVector(buffer, Plus(builder_, first, static_cast<int64_t>(done)),
                         std::span<const V>(elements).subspan(done, count));
  }
}

}  // namespace dragoman::kernel
