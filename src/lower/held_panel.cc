// SPDX-License-Identifier: Apache-2.0
#include "lower/held_panel.h"

#include <bit>

namespace dragoman::kernel {

target::HeldPanel HeldPanelFor(const ir::Op& op, const target::DeviceProfile& profile) {
  const TensorType& type = op.operands[0]->type;
  const target::HeldPanel shape = target::HeldPanelOf(type.dims[2], SizeBytes(type.dtype) / 4, profile);
  return shape.width < type.dims[1] ? target::HeldPanel{} : shape;
}

HeldPanelKernel::HeldPanelKernel(const fusion::Group& group, const target::DeviceProfile& profile)
    : BlockKernel(group, profile, HeldPanelFor(*group.hero, profile).invocations),
      width_(op_.operands[0]->type.dims[1]),
      height_(op_.operands[0]->type.dims[2]),
      shape_(HeldPanelFor(*group.hero, profile)),
      lanes_(profile.subgroup_size),
      subgroups_(shape_.invocations / profile.subgroup_size),
      sharers_(std::min(lanes_, subgroups_)) {
  b_.RequireSubgroupSize(lanes_);
  base_ = b_.IMul(b_.WorkgroupIndex(), b_.I32(width_ * height_));
  lane_ = b_.Emit(KOp::kSubgroupLane, {}, KType::kI32);
  subgroup_ = b_.Emit(KOp::kSubgroupIndex, {}, KType::kI32);
}

HeldPanelKernel::State HeldPanelKernel::Fetch() {
  first_ = At(op_.operands[1], b_.I32(0)).re;
  State state;
  for (int r = 0; r < shape_.rows; ++r) {
    const V row = RowOf(r);
    const V is_inside = b_.SLt(row, b_.I32(height_));
    const V loaded = b_.Select(is_inside, row, b_.I32(0));
    Row values;
    for (int64_t j = 0; j < width_; ++j) {
      const Scalar value = At(op_.operands[0], Index::FromDims({b_.WorkgroupIndex(), b_.I32(j), loaded}));
      values.push_back(field_.Select(is_inside, value, field_.Zero()));
    }
    state.rows.push_back(std::move(values));
    state.places.push_back(b_.Select(is_inside, row, b_.I32(-1)));
  }
  return state;
}

HeldPanelKernel::State HeldPanelKernel::ForEachColumn(
    State state, const std::function<State(V k, V diagonal, const State& state)>& step) {
  const std::vector<DType> dtypes(width_, op_.type(0).dtype);
  const auto flatten = [](const State& from) {
    std::vector<V> flat = from.places;
    for (const Row& row : from.rows) {
      for (const V part : FlattenScalars(row)) flat.push_back(part);
    }
    return flat;
  };
  const auto unflatten = [&](std::span<const V> flat) {
    State to;
    to.places.assign(flat.begin(), flat.begin() + shape_.rows);
    flat = flat.subspan(shape_.rows);
    const size_t parts = flat.size() / shape_.rows;
    for (int r = 0; r < shape_.rows; ++r) to.rows.push_back(UnflattenScalars(flat.subspan(r * parts, parts), dtypes));
    return to;
  };
  return unflatten(b_.For(b_.I32(0), b_.I32(width_), b_.I32(1), flatten(state), [&](V k, std::span<const V> carried) {
    Elemental::Scope scope(e_);
    return flatten(step(k, b_.IAdd(first_, k), unflatten(carried)));
  }));
}

void HeldPanelKernel::Give(const State& state,
                           const std::function<Scalar(int64_t column, V place, const Scalar& value)>& value) {
  for (int r = 0; r < shape_.rows; ++r) {
    const V place = state.places[r];
    b_.If(b_.SLe(b_.I32(0), place), [&] {
      Elemental::Scope scope(e_);
      for (int64_t j = 0; j < width_; ++j) {
        const V to = b_.IAdd(base_, b_.IAdd(b_.I32(j * height_), place));
        e_.Store(op_.results[0].get(), Index::FromLinear(to), value(j, place, state.rows[r][j]));
      }
    });
  }
}

Scalar HeldPanelKernel::Shuffled(const Scalar& value, int distance) {
  return {Shuffled(value.re, distance), field_.is_complex() ? Shuffled(value.im, distance) : V{}};
}

std::vector<V> HeldPanelKernel::CombineAll(std::vector<V> values, const Combine& combine) {
  const auto exchange = [&](int count) {
    for (int distance = 1; distance < count; distance *= 2) {
      std::vector<V> others;
      for (const V value : values) others.push_back(Shuffled(value, distance));
      values = combine(values, others);
    }
  };
  exchange(lanes_);
  if (combined_.empty()) {
    for (const V value : values) combined_.push_back(b_.AddShared(value.type, subgroups_));
  }
  b_.If(b_.IEq(lane_, b_.I32(0)), [&] {
    for (size_t i = 0; i < values.size(); ++i) b_.StoreShared(combined_[i], subgroup_, values[i]);
  });
  b_.Barrier();
  const auto load = [&](int from) {
    std::vector<V> loaded;
    for (const int array : combined_) {
      loaded.push_back(b_.LoadShared(array, b_.IAdd(b_.And(lane_, b_.I32(sharers_ - 1)), b_.I32(from))));
    }
    return loaded;
  };
  values = load(0);
  for (int from = sharers_; from < subgroups_; from += sharers_) values = combine(values, load(from));
  exchange(sharers_);
  return values;
}

// Halves what each lane has while there is more than one value: a lane keeps one half and gets the other lane's part of
// it. So lane l ends up with the value(s) whose number begins with l's bits, lowest first.
std::vector<Scalar> HeldPanelKernel::SharedOut(std::vector<Scalar> values, const CombineOne& combine) {
  for (int distance = 1; distance < lanes_; distance *= 2) {
    if (values.size() == 1) {
      values[0] = combine(values[0], Shuffled(values[0], distance));
      continue;
    }
    const V is_upper = b_.INe(b_.And(lane_, b_.I32(distance)), b_.I32(0));
    const size_t half = values.size() / 2;
    std::vector<Scalar> kept;
    for (size_t i = 0; i < half; ++i) {
      const Scalar keep = field_.Select(is_upper, values[half + i], values[i]);
      const Scalar send = field_.Select(is_upper, values[i], values[half + i]);
      kept.push_back(combine(keep, Shuffled(send, distance)));
    }
    values = std::move(kept);
  }
  return values;
}

void HeldPanelKernel::CombineEach(std::vector<Scalar> values, const CombineOne& combine, const GiveTotal& give) {
  const int number = static_cast<int>(values.size());
  const int padded = static_cast<int>(std::bit_ceil(values.size()));
  values.resize(padded, field_.Zero());
  if (partial_.re < 0) partial_ = field_.AddShared(int64_t{padded} * subgroups_);
  values = SharedOut(std::move(values), combine);
  // The number of this lane's first value.
  const int given = padded / static_cast<int>(values.size());  // lanes with different values
  V mine = b_.I32(0);
  for (int bit = 1, size = padded / 2; bit < given; bit *= 2, size /= 2) {
    mine = b_.IAdd(mine, b_.Select(b_.INe(b_.And(lane_, b_.I32(bit)), b_.I32(0)), b_.I32(size), b_.I32(0)));
  }
  b_.If(b_.ULt(lane_, b_.I32(given)), [&] {
    for (size_t i = 0; i < values.size(); ++i) {
      const V number_of = b_.IAdd(mine, b_.I32(static_cast<int64_t>(i)));
      field_.Store(partial_, b_.IAdd(b_.IMul(number_of, b_.I32(subgroups_)), subgroup_), values[i]);
    }
  });
  b_.Barrier();
  GiveTotals(number, combine, give);
}

// Each total by `sharers_` neighbours in a subgroup.
void HeldPanelKernel::GiveTotals(int number, const CombineOne& combine, const GiveTotal& give) {
  const V me = b_.IAdd(b_.IMul(subgroup_, b_.I32(lanes_)), lane_);
  const int at_a_time = team_.size() / sharers_;
  for (int first = 0; first < number; first += at_a_time) {
    const V i = b_.IAdd(b_.UDiv(me, b_.I32(sharers_)), b_.I32(first));
    const V is_one = b_.SLt(i, b_.I32(number));
    const Scalar total = TotalOf(b_.Select(is_one, i, b_.I32(0)), combine), zeroth = TotalOf(b_.I32(0), combine);
    b_.If(b_.And(is_one, b_.IEq(b_.And(lane_, b_.I32(sharers_ - 1)), b_.I32(0))), [&] {
      Elemental::Scope scope(e_);
      give(i, total, zeroth);
    });
  }
}

Scalar HeldPanelKernel::TotalOf(V i, const CombineOne& combine) {
  const V from = b_.IAdd(b_.IMul(i, b_.I32(subgroups_)), b_.And(lane_, b_.I32(sharers_ - 1)));
  Scalar total = field_.Load(partial_, from);
  for (int more = sharers_; more < subgroups_; more += sharers_) {
    total = combine(total, field_.Load(partial_, b_.IAdd(from, b_.I32(more))));
  }
  for (int distance = 1; distance < sharers_; distance *= 2) total = combine(total, Shuffled(total, distance));
  return total;
}

}  // namespace dragoman::kernel
