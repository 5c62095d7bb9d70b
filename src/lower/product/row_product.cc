// SPDX-License-Identifier: Apache-2.0
#include "lower/product/row_product.h"

#include <algorithm>

#include "base/arithmetic.h"

namespace dragoman::kernel {
namespace {

class RowEmitter {
 public:
  RowEmitter(ProductContext& context, const ProductConfig& config)
      : c_(context),
        b_(context.builder),
        config_(config),
        long_(Reader(config.row_axis)),
        short_(Reader(config.column_axis)) {
    const std::vector<int> k = c_.form.DigitsOf(ProductAxis::kK);
    if (!k.empty()) lanes_ = std::min(long_.LanesAlong(k.back()), short_.LanesAlong(k.back()));
    const KType type = ZeroScalar(b_, c_.product.accumulator).re.type;
    for (int i = 0; i < (is_complex() ? 2 : 1); ++i) {
      shared_.push_back(b_.AddShared(type, config.columns * config.workgroup_size));
    }
  }

  int64_t NumWorkgroups() const {
    return c_.form.extent(config_.row_axis) * c_.form.extent(ProductAxis::kBatch) * c_.num_splits;
  }

  Status Emit() {
    V id = b_.WorkgroupIndex();
    row_ = b_.URem(id, b_.I32(c_.form.extent(config_.row_axis)));
    id = b_.UDiv(id, b_.I32(c_.form.extent(config_.row_axis)));
    batch_ = b_.URem(id, b_.I32(c_.form.extent(ProductAxis::kBatch)));
    split_ = b_.UDiv(id, b_.I32(c_.form.extent(ProductAxis::kBatch)));
    PlaceOperands();
    SumOfWorkgroup(SumOfInvocation());
    RETURN_IF_ERROR(c_.status);
    return StoreTile(c_, MakeTile());
  }

 private:
  OperandReader Reader(ProductAxis axis) const {
    return axis == ProductAxis::kM ? OperandReader(c_, c_.product.lhs, c_.form.lhs)
                                   : OperandReader(c_, c_.product.rhs, c_.form.rhs);
  }

  void PlaceOperands() {
    const std::vector<V> batch = DecodeAxis(b_, c_.form, ProductAxis::kBatch, batch_);
    const auto in_batch = [&](const OperandReader& reader) {
      return reader.StepAxis(reader.Origin(), ProductAxis::kBatch, batch);
    };
    long_base_ = long_.StepAxis(in_batch(long_), config_.row_axis, DecodeAxis(b_, c_.form, config_.row_axis, row_));
    for (int column = 0; column < config_.columns; ++column) {
      const std::vector<V> digits = DecodeAxis(b_, c_.form, config_.column_axis, b_.I32(column));
      short_bases_.push_back(short_.StepAxis(in_batch(short_), config_.column_axis, digits));
    }
  }

  std::vector<Scalar> SumOfInvocation() {
    const int64_t extent = c_.form.extent(ProductAxis::kK);
    const int64_t step = int64_t{config_.workgroup_size} * lanes_;
    const int64_t chunk = CeilDiv(CeilDiv(extent, step), c_.num_splits) * step;
    const V begin = b_.IMul(split_, b_.I32(chunk));
    const V end = c_.num_splits == 1 ? b_.I32(extent) : b_.EndOfPart(begin, chunk, extent);
    const V first = b_.MulAdd(b_.LocalIndex(), lanes_, begin);
    const std::vector<Scalar> zeros(config_.columns, ZeroScalar(b_, c_.product.accumulator));
    const auto body = [&](V k, std::span<const V> carried) {
      Elemental::Scope scope(c_.elemental);
      std::vector<Scalar> sums = ToScalars(carried, is_complex());
      const std::vector<V> digits = DecodeAxis(b_, c_.form, ProductAxis::kK, k);
      const Lanes values = Read(long_, long_base_, digits);
      for (int column = 0; column < config_.columns; ++column) {
        const Lanes others = Read(short_, short_bases_[column], digits);
        for (int lane = 0; lane < lanes_; ++lane) {
          sums[column] = MultiplyAdd(b_, c_.product.accumulator, Lane(values, lane), Lane(others, lane), sums[column]);
        }
      }
      return ToValues(sums, is_complex());
    };
    const LoopRange range = {first, end, b_.I32(step), chunk / step};
    return ToScalars(b_.For(range, ToValues(zeros, is_complex()), body), is_complex());
  }

  Lanes Read(const OperandReader& reader, const Partial& base, std::span<const V> k_digits) {
    const Place place = reader.Locate(reader.StepAxis(base, ProductAxis::kK, k_digits));
    const StatusOr<Lanes> values = reader.Convert(reader.Load(place, lanes_), place.is_valid);
    if (c_.status.ok()) c_.status = values.status();
    return values.ok() ? *values : Lanes{ZeroScalar(b_, c_.product.accumulator)};
  }

  Scalar LoadShared(V at) const {
    return {b_.LoadShared(shared_[0], at), shared_.size() == 2 ? b_.LoadShared(shared_[1], at) : V{}};
  }
  void StoreShared(V at, const Scalar& value) {
    b_.StoreShared(shared_[0], at, value.re);
    if (shared_.size() == 2) b_.StoreShared(shared_[1], at, value.im);
  }

  void SumOfWorkgroup(const std::vector<Scalar>& sums) {
    const V local = b_.LocalIndex();
    const int size = config_.workgroup_size;
    for (int column = 0; column < config_.columns; ++column) {
      StoreShared(b_.IAdd(local, b_.I32(column * size)), sums[column]);
    }
    b_.Barrier();
    for (int half = size / 2; half > 0; half /= 2) {
      b_.If(b_.ULt(local, b_.I32(half)), [&] {
        for (int column = 0; column < config_.columns; ++column) {
          const V at = b_.IAdd(local, b_.I32(column * size));
          const Scalar other = LoadShared(b_.IAdd(at, b_.I32(half)));
          StoreShared(at, AddAccumulators(b_, c_.product.accumulator, LoadShared(at), other));
        }
      });
      b_.Barrier();
    }
  }

  // Invocation i stores column i.
  ResultTile MakeTile() {
    const V local = b_.LocalIndex();
    const V column = b_.UMin(local, b_.I32(config_.columns - 1));
    ResultTile tile;
    tile.row_axis = config_.row_axis;
    tile.column_axis = config_.column_axis;
    tile.rows_fit = true;
    tile.row_index = [this](V) { return row_; };
    tile.column_index = [local](int) { return local; };
    tile.batch = batch_;
    tile.split = split_;
    tile.accumulators = {LoadShared(b_.IMul(column, b_.I32(config_.workgroup_size)))};
    return tile;
  }

  bool is_complex() const { return IsComplex(c_.product.accumulator); }

  ProductContext& c_;
  Builder& b_;
  const ProductConfig& config_;
  OperandReader long_;
  OperandReader short_;
  int lanes_ = 1;
  std::vector<int> shared_;
  V row_;
  V batch_;
  V split_;
  Partial long_base_;
  std::vector<Partial> short_bases_;
};

}  // namespace

StatusOr<int64_t> EmitRowProduct(ProductContext& context, const ProductConfig& config) {
  RowEmitter emitter(context, config);
  RETURN_IF_ERROR(emitter.Emit());
  return emitter.NumWorkgroups();
}

}  // namespace dragoman::kernel
