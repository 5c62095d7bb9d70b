// SPDX-License-Identifier: Apache-2.0
#include "lower/order/scan_kernels.h"

#include <algorithm>
#include <bit>

#include "base/arithmetic.h"
#include "base/format.h"
#include "element/launch.h"
#include "kernel/shared_memory.h"

namespace dragoman::kernel {
namespace {

constexpr int64_t kMaxItems = 8;

}  // namespace

ScanKernel::ScanKernel(const fusion::Group& group, const target::DeviceProfile& profile)
    : op_(*group.hero),
      dimension_(static_cast<int>(op_.attributes.Int(ir::AttrKey::kDimension))),
      is_reverse_(op_.attributes.Int(ir::AttrKey::kIsReverse) != 0),
      b_(profile),
      e_(b_, group) {
  const Dims& dims = op_.type().dims;
  extent_ = dims[dimension_];
  rows_ = NumElements(dims) / extent_;
  inner_ = RowMajorStrides(dims)[dimension_];
  for (const auto& result : op_.results) {
    const DType dtype = result->type.dtype;
    dtypes_.push_back(dtype);
    part_types_.insert(part_types_.end(), IsComplex(dtype) ? 2 : 1, LoadedType(RealPart(dtype), profile.float16));
  }
  workgroup_size_ = ChooseWorkgroupSize();
  items_ = std::clamp<int64_t>(CeilDiv(extent_, workgroup_size_), 1, kMaxItems);
  chunk_ = items_ * workgroup_size_;
}

// As large as the row is worth and as the totals in shared memory, two of each invocation, allow.
int ScanKernel::ChooseWorkgroupSize() const {
  const int64_t widest = DefaultWorkgroupSize(b_.profile());
  const auto padded = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(extent_)));
  int64_t size = std::clamp<int64_t>(padded / 4, std::min<int64_t>(64, widest), widest);
  int64_t bytes = 0;
  for (const KType type : part_types_) bytes += 2 * SharedBytes(type);
  while (size > 1 && size * bytes > b_.profile().shared_memory_bytes) size /= 2;
  return static_cast<int>(size);
}

void ScanKernel::Note(const Status& status) {
  if (!status.ok()) status_ = status;
}

Index ScanKernel::IndexAt(V row, V position, int lanes) {
  const V place = is_reverse_ ? b_.ISub(b_.I32(extent_ - lanes), position) : position;
  const V outer = b_.UDiv(row, b_.I32(inner_)), inner = b_.URem(row, b_.I32(inner_));
  return Index::FromLinear(b_.MulAdd(b_.MulAdd(outer, extent_, place), inner_, inner));
}

StatusOr<ScanKernel::Values> ScanKernel::Initial() {
  Values values(num_inputs());
  for (int i = 0; i < num_inputs(); ++i) {
    ASSIGN_OR_RETURN(values[i], e_.At(op_.operands[num_inputs() + i], Index{}));
  }
  return values;
}

ScanKernel::Parts ScanKernel::InitialParts() {
  const auto initial = Initial();
  Note(initial.status());
  if (initial.ok()) return FlattenScalars(*initial);
  Parts parts;
  for (const KType type : part_types_) parts.push_back(b_.Zero(type));
  return parts;
}

int ScanKernel::ChooseLanes() const {
  if (b_.profile().unrolling_is_costly || inner_ != 1) return 1;
  int lanes = 4;
  for (const DType dtype : dtypes_) lanes = std::min(lanes, b_.profile().vector_bytes / std::max(SizeBytes(dtype), 1));
  while (lanes > 1 && (extent_ % lanes != 0 || items_ % lanes != 0)) lanes /= 2;
  return std::max(lanes, 1);
}

StatusOr<std::vector<ScanKernel::Values>> ScanKernel::LoadElements(V row, V position, int lanes) {
  const Index at = IndexAt(row, position, lanes);
  std::vector<Values> values(lanes, Values(num_inputs()));
  for (int i = 0; i < num_inputs(); ++i) {
    ASSIGN_OR_RETURN(const Lanes loaded, e_.AtLanes(op_.operands[i], at, lanes));
    for (int step = 0; step < lanes; ++step) values[step][i] = Lane(loaded, LaneAt(step, lanes));
  }
  return values;
}

void ScanKernel::StoreElements(V row, V position, const std::vector<Values>& values) {
  const int lanes = static_cast<int>(values.size());
  const Index at = IndexAt(row, position, lanes);
  for (int i = 0; i < num_inputs(); ++i) {
    Lanes stored(lanes);
    for (int step = 0; step < lanes; ++step) stored[LaneAt(step, lanes)] = values[step][i];
    e_.StoreLanes(op_.result(i), at, stored, lanes);
  }
}

ScanKernel::Parts ScanKernel::Combine(const Parts& first, const Parts& second) {
  Values inputs = UnflattenScalars(first, dtypes_);
  const Values others = UnflattenScalars(second, dtypes_);
  inputs.insert(inputs.end(), others.begin(), others.end());
  const auto combined = e_.Region(*op_.regions[0], inputs);
  Note(combined.status());
  return combined.ok() ? FlattenScalars(*combined) : first;
}

ScanKernel::Access ScanKernel::ElementAccess(V row) {
  const int lanes = ChooseLanes();
  return {lanes, [this, row, lanes](V position) { return LoadElements(row, position, lanes); },
          [this, row](V position, const std::vector<Values>& values) { StoreElements(row, position, values); }, false};
}

// Chunk totals of a row, turned into what comes before each chunk.
ScanKernel::Access ScanKernel::TemporaryAccess(int first_temporary, V row) {
  const auto index = [this, row](V position) { return b_.MulAdd(row, chunks_per_row(), position); };
  return {1,
          [this, first_temporary, index](V position) -> StatusOr<std::vector<Values>> {
            return std::vector<Values>{UnflattenScalars(LoadTemporary(first_temporary, index(position)), dtypes_)};
          },
          [this, first_temporary, index](V position, const std::vector<Values>& values) {
            StoreTemporary(first_temporary, index(position), FlattenScalars(values[0]));
          },
          true};
}

ScanKernel::Parts ScanKernel::LoadTemporary(int first_temporary, V index) {
  Parts parts;
  for (int i = 0; i < num_inputs(); ++i) {
    const int count = IsComplex(dtypes_[i]) ? 2 : 1;
    const int buffer = e_.BindTemporary(first_temporary + i, RealPart(dtypes_[i]), true, false);
    for (int k = 0; k < count; ++k) parts.push_back(b_.Load(buffer, b_.MulAdd(index, count, b_.I32(k))));
  }
  return parts;
}

void ScanKernel::StoreTemporary(int first_temporary, V index, const Parts& parts) {
  size_t next = 0;
  for (int i = 0; i < num_inputs(); ++i) {
    const int count = IsComplex(dtypes_[i]) ? 2 : 1;
    const int buffer = e_.BindTemporary(first_temporary + i, RealPart(dtypes_[i]), false, true);
    for (int k = 0; k < count; ++k) b_.Store(buffer, b_.MulAdd(index, count, b_.I32(k)), parts[next++]);
  }
}

// Booleans are kept in shared memory as integers.
void ScanKernel::AddSharedArrays() {
  for (const KType type : part_types_) {
    shared_.push_back(b_.AddShared(type == KType::kBool ? KType::kI32 : type, 2 * workgroup_size_));
  }
}

void ScanKernel::PutShared(V slot, const Parts& parts) {
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool is_bool = part_types_[i] == KType::kBool;
    b_.StoreShared(shared_[i], slot, is_bool ? b_.Select(parts[i], b_.I32(1), b_.I32(0)) : parts[i]);
  }
}

ScanKernel::Parts ScanKernel::GetShared(V slot) {
  Parts parts;
  for (size_t i = 0; i < shared_.size(); ++i) {
    const V value = b_.LoadShared(shared_[i], slot);
    parts.push_back(part_types_[i] == KType::kBool ? b_.INe(value, b_.I32(0)) : value);
  }
  return parts;
}

std::vector<ScanKernel::Parts> ScanKernel::LoadParts(const Access& access, V position) {
  const auto values = access.load(position);
  Note(values.status());
  if (!values.ok()) return {InitialParts()};
  std::vector<Parts> parts;
  for (const Values& element : *values) parts.push_back(FlattenScalars(element));
  return parts;
}

// The combination of an invocation's own positions [begin, end), which are some.
ScanKernel::Parts ScanKernel::EmitOwnTotal(V begin, V end, const Access& access) {
  const auto total = [&](V position) {
    const std::vector<Parts> elements = LoadParts(access, position);
    Parts sum = elements[0];
    for (size_t step = 1; step < elements.size(); ++step) sum = Combine(sum, elements[step]);
    return sum;
  };
  const V lanes = b_.I32(access.lanes);
  const LoopRange range = {b_.IAdd(begin, lanes), end, lanes, items_ / access.lanes};
  return b_.For(range, total(begin), [&](V position, std::span<const V> c) {
    Elemental::Scope scope(e_);
    Parts sum(c.begin(), c.end());
    for (const Parts& element : LoadParts(access, position)) sum = Combine(sum, element);
    return sum;
  });
}

void ScanKernel::EmitOwnScan(const LoopRange& range, Parts running, const Access& access) {
  b_.For(range, std::move(running), [&](V position, std::span<const V> c) {
    Elemental::Scope scope(e_);
    Parts sum(c.begin(), c.end());
    std::vector<Values> stored;
    for (const Parts& element : LoadParts(access, position)) {
      const Parts after = Combine(sum, element);
      stored.push_back(UnflattenScalars(access.is_exclusive ? sum : after, dtypes_));
      sum = after;
    }
    access.store(position, stored);
    return sum;
  });
}

ScanKernel::Share ScanKernel::ShareOf(V begin, V end) {
  Share own{.lane = b_.LocalIndex(), .workgroup_size = b_.I32(workgroup_size_)};
  own.begin = b_.UMin(b_.IAdd(begin, b_.IMul(own.lane, b_.I32(items_))), end);
  own.end = b_.UMin(b_.IAdd(own.begin, b_.I32(items_)), end);
  own.is_some = b_.ULt(own.begin, own.end);
  return own;
}

// Hillis and Steele, from one half of the shared arrays to the other.
V ScanKernel::ScanTotals(const Share& own) {
  const int steps = std::countr_zero(static_cast<uint32_t>(workgroup_size_));
  b_.ForEach(b_.I32(0), b_.I32(steps), b_.I32(1), [&](V step) {
    const V from = b_.IMul(b_.And(step, b_.I32(1)), own.workgroup_size), to = b_.ISub(own.workgroup_size, from);
    const V distance = b_.Binary(KOp::kShl, b_.I32(1), step);
    b_.If(own.is_some, [&] {
      const Parts total = GetShared(b_.IAdd(from, own.lane));
      const Parts result = b_.IfValue(
          b_.ULe(distance, own.lane),
          [&] {
            Elemental::Scope scope(e_);
            return Combine(GetShared(b_.ISub(b_.IAdd(from, own.lane), distance)), total);
          },
          [&] { return total; });
      PutShared(b_.IAdd(to, own.lane), result);
    });
    b_.Barrier();
  });
  return b_.I32(steps % 2 == 0 ? 0 : workgroup_size_);
}

ScanKernel::Parts ScanKernel::Before(const Share& own, V totals, const Parts& carry) {
  return b_.IfValue(
      b_.ULt(b_.I32(0), own.lane),
      [&] {
        Elemental::Scope scope(e_);
        return Combine(carry, GetShared(b_.ISub(b_.IAdd(totals, own.lane), b_.I32(1))));
      },
      [&] { return carry; });
}

V ScanKernel::LastLane(V begin, V end) { return b_.UDiv(b_.ISub(b_.ISub(end, begin), b_.I32(1)), b_.I32(items_)); }

ScanKernel::Parts ScanKernel::EmitTile(V begin, V end, const Parts& carry, const Access& access) {
  if (shared_.empty()) AddSharedArrays();
  const Share own = ShareOf(begin, end);
  b_.If(own.is_some, [&] {
    Elemental::Scope scope(e_);
    PutShared(own.lane, EmitOwnTotal(own.begin, own.end, access));
  });
  b_.Barrier();
  const V totals = ScanTotals(own);
  if (access.store) {
    b_.If(own.is_some, [&] {
      const Parts running = Before(own, totals, carry);
      EmitOwnScan({own.begin, own.end, b_.I32(access.lanes), items_ / access.lanes}, running, access);
    });
  }
  const V last_lane = LastLane(begin, end);
  const Parts total = GetShared(b_.IAdd(totals, last_lane));
  // Before the next tile overwrites the totals.
  b_.Barrier();
  return Combine(carry, total);
}

Dispatch ScanKernel::Finish(int64_t workgroups, const std::string& what) {
  return FinishDispatch(std::move(b_), e_, workgroup_size_, workgroups,
                        Format("scan {}: {}", op_.type().ToString(), what));
}

StatusOr<Dispatch> ScanKernel::EmitSerialRows() {
  const V row = b_.GlobalIndex(workgroup_size_);
  b_.If(b_.ULt(row, b_.I32(rows_)), [&] {
    Elemental::Scope scope(e_);
    const Access access = ElementAccess(row);
    EmitOwnScan({b_.I32(0), b_.I32(extent_), b_.I32(access.lanes)}, InitialParts(), access);
  });
  RETURN_IF_ERROR(status_);
  return Finish(CeilDiv(rows_, workgroup_size_), "row by row");
}

StatusOr<Dispatch> ScanKernel::EmitRows() {
  const V row = b_.WorkgroupIndex();
  const Access access = ElementAccess(row);
  b_.For(b_.I32(0), b_.I32(extent_), b_.I32(chunk_), InitialParts(), [&](V begin, std::span<const V> c) {
    Elemental::Scope scope(e_);
    const V end = b_.UMin(b_.IAdd(begin, b_.I32(chunk_)), b_.I32(extent_));
    return EmitTile(begin, end, {c.begin(), c.end()}, access);
  });
  RETURN_IF_ERROR(status_);
  return Finish(rows_, "rows");
}

StatusOr<Dispatch> ScanKernel::EmitTotals(int first_temporary) {
  const V row = b_.UDiv(b_.WorkgroupIndex(), b_.I32(chunks_per_row()));
  const V begin = b_.IMul(b_.URem(b_.WorkgroupIndex(), b_.I32(chunks_per_row())), b_.I32(chunk_));
  const V end = b_.UMin(b_.IAdd(begin, b_.I32(chunk_)), b_.I32(extent_));
  Access access = ElementAccess(row);
  access.store = nullptr;
  // The carry is left out: the total is the last element's own.
  EmitTile(begin, end, InitialParts(), access);
  const int steps = std::countr_zero(static_cast<uint32_t>(workgroup_size_));
  const V last_lane = LastLane(begin, end);
  b_.If(b_.IEq(b_.LocalIndex(), b_.I32(0)), [&] {
    const V totals = b_.I32(steps % 2 == 0 ? 0 : workgroup_size_);
    StoreTemporary(first_temporary, b_.WorkgroupIndex(), GetShared(b_.IAdd(totals, last_lane)));
  });
  RETURN_IF_ERROR(status_);
  return Finish(rows_ * chunks_per_row(), "totals");
}

StatusOr<Dispatch> ScanKernel::EmitCarries(int first_temporary) {
  const Access access = TemporaryAccess(first_temporary, b_.WorkgroupIndex());
  const V count = b_.I32(chunks_per_row());
  b_.For(b_.I32(0), count, b_.I32(chunk_), InitialParts(), [&](V begin, std::span<const V> c) {
    Elemental::Scope scope(e_);
    return EmitTile(begin, b_.UMin(b_.IAdd(begin, b_.I32(chunk_)), count), {c.begin(), c.end()}, access);
  });
  RETURN_IF_ERROR(status_);
  return Finish(rows_, "carries");
}

StatusOr<Dispatch> ScanKernel::EmitChunks(int first_temporary) {
  const V row = b_.UDiv(b_.WorkgroupIndex(), b_.I32(chunks_per_row()));
  const V begin = b_.IMul(b_.URem(b_.WorkgroupIndex(), b_.I32(chunks_per_row())), b_.I32(chunk_));
  const V end = b_.UMin(b_.IAdd(begin, b_.I32(chunk_)), b_.I32(extent_));
  EmitTile(begin, end, LoadTemporary(first_temporary, b_.WorkgroupIndex()), ElementAccess(row));
  RETURN_IF_ERROR(status_);
  return Finish(rows_ * chunks_per_row(), "chunks");
}

}  // namespace dragoman::kernel
