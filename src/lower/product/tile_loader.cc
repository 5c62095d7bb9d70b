// SPDX-License-Identifier: Apache-2.0
#include "lower/product/tile_loader.h"

#include <algorithm>
#include <cstdlib>

namespace dragoman::kernel {
namespace {

constexpr int kMaxElements = 4;  // of one load
constexpr int kMaxWords = 4;     // of one load of words

// The innermost digit along which the operand is contiguous, or most nearly so, and whether it is one of K's. -1 when
// neither axis has digits.
struct Order {
  bool is_along_k = false;
  int digit = -1;
};

// Along such a digit one element stands for all.
bool IsBroadcast(const LinearMap& linear, int digit) {
  return linear.factors[digit] == 0 &&
         std::none_of(linear.positions.begin(), linear.positions.end(),
                      [digit](const auto& position) { return position.factors[digit] != 0; });
}

Order ContiguousOrder(const ProductForm& form, const LinearMap& linear, ProductAxis axis) {
  const std::vector<int> k = form.DigitsOf(ProductAxis::kK);
  const std::vector<int> rows = form.DigitsOf(axis);
  const auto step = [&](const std::vector<int>& digits) {
    if (digits.empty() || IsBroadcast(linear, digits.back())) return INT64_MAX;
    int64_t sum = linear.factors[digits.back()];
    for (const PositionMap& position : linear.positions) sum += position.stride * position.factors[digits.back()];
    return std::abs(sum);
  };
  const bool is_along_k = step(k) < step(rows);
  const std::vector<int>& contiguous = is_along_k ? k : rows;
  return {is_along_k, contiguous.empty() ? -1 : contiguous.back()};
}

}  // namespace

int TileLoadWidth(const ProductForm& form, const LinearMap& linear, ProductAxis axis, int most) {
  const Order order = ContiguousOrder(form, linear, axis);
  return order.digit < 0 ? 1 : VectorWidth(form, linear, order.digit, most);
}

TileLoader::TileLoader(ProductContext& context, const Shape& shape, Form form, const OperandMap& map,
                       const LinearMap& linear, ProductAxis axis)
    : c_(context), b_(context.builder), shape_(shape), form_(form), reader_(context, map, linear), axis_(axis) {
  ChooseOrder();
  const int elements = shape.tile_k * shape.tile;
  const int least = form == Form::kElements ? 1 : form == Form::kPairs ? 2 : reader_.elements_of_word();
  while (elements / lanes_ < shape.workgroup_size && lanes_ > least) lanes_ /= 2;
  num_slots_ = std::max(1, elements / lanes_ / shape.workgroup_size);
  has_validity_ = c_.form.extent(ProductAxis::kK) % shape.tile_k != 0 || !linear.positions.empty();
}

// Consecutive invocations load along the dimension that is contiguous in memory.
void TileLoader::ChooseOrder() {
  along_k_ = ContiguousOrder(c_.form, reader_.linear(), axis_).is_along_k;
  const bool is_single = IsComplex(c_.product.accumulator) || IsComplexOperand();
  const int most = form_ == Form::kWords ? kMaxWords * reader_.elements_of_word() : kMaxElements;
  lanes_ = is_single ? 1 : TileLoadWidth(c_.form, reader_.linear(), axis_, most);
  lanes_ = std::min(lanes_, along_k_ ? shape_.tile_k : shape_.tile);
}

void TileLoader::PlaceSlot(V local, int slot) {
  const int size = shape_.workgroup_size;
  const int across = (along_k_ ? shape_.tile_k : shape_.tile) / lanes_;  // loads that one line of the tile takes
  V line;
  V within;
  if (across <= size) {
    within = b_.URem(local, b_.I32(across));
    line = b_.IAdd(b_.UDiv(local, b_.I32(across)), b_.I32(slot * (size / across)));
  } else {
    within = b_.IAdd(local, b_.I32(slot % (across / size) * size));
    line = b_.I32(slot / (across / size));
  }
  within = b_.IMul(within, b_.I32(lanes_));
  // A small tile has fewer elements than the workgroup invocations: the surplus loads the last line once more.
  if (shape_.tile_k * shape_.tile / lanes_ < size) {
    line = b_.UMin(line, b_.I32((along_k_ ? shape_.tile : shape_.tile_k) - 1));
  }
  rows_.push_back(along_k_ ? line : within);
  ks_.push_back(along_k_ ? within : line);
}

void TileLoader::Begin(V local, V batch, V first_row) {
  const std::vector<V> batch_digits = DecodeAxis(b_, c_.form, ProductAxis::kBatch, batch);
  const Partial origin = reader_.StepAxis(reader_.Origin(), ProductAxis::kBatch, batch_digits);
  for (int slot = 0; slot < num_slots_; ++slot) {
    PlaceSlot(local, slot);
    V row = b_.IAdd(first_row, rows_[slot]);
    const int64_t extent = c_.form.extent(axis_);
    // Beyond the axis the last elements stand in; their sums are not stored.
    if (extent % shape_.tile != 0) row = b_.UMin(row, b_.I32(extent - (along_k_ ? 1 : lanes_)));
    bases_.push_back(reader_.StepAxis(origin, axis_, DecodeAxis(b_, c_.form, axis_, row)));
  }
}

Lanes TileLoader::LoadSlot(const Place& place) const {
  if (form_ == Form::kWords) return reader_.LoadWords(place, num_words());
  Lanes loaded = reader_.Load(place, lanes_);
  if (static_cast<int>(loaded.size()) < lanes_) loaded.resize(lanes_, loaded[0]);
  return loaded;
}

StagedTile TileLoader::Load(V k_tile) {
  StagedTile staged;
  const V first_k = b_.IMul(k_tile, b_.I32(shape_.tile_k));
  const int64_t extent = c_.form.extent(ProductAxis::kK);
  for (int slot = 0; slot < num_slots_; ++slot) {
    V k = b_.IAdd(first_k, ks_[slot]);
    V is_inside = b_.Bool(true);
    if (extent % shape_.tile_k != 0) {
      is_inside = b_.ULt(k, b_.I32(extent));
      k = b_.UMin(k, b_.I32(extent - (along_k_ ? lanes_ : 1)));
    }
    const std::vector<V> digits = DecodeAxis(b_, c_.form, ProductAxis::kK, k);
    const Place place = reader_.Locate(reader_.StepAxis(bases_[slot], ProductAxis::kK, digits));
    staged.loaded.push_back(LoadSlot(place));
    if (has_validity_) staged.is_valid.push_back(b_.And(is_inside, place.is_valid));
  }
  return staged;
}

StatusOr<Lanes> TileLoader::Convert(const StagedTile& staged, int slot) const {
  return reader_.Convert(staged.loaded[slot], has_validity_ ? staged.is_valid[slot] : b_.Bool(true));
}

std::vector<V> TileLoader::Words(const StagedTile& staged, int slot) const {
  std::vector<V> words;
  for (const Scalar& word : staged.loaded[slot]) {
    words.push_back(has_validity_ ? b_.Select(staged.is_valid[slot], word.re, b_.I32(0)) : word.re);
  }
  return words;
}

std::vector<V> TileLoader::Flatten(const StagedTile& staged) const {
  std::vector<V> values;
  for (const Lanes& lanes : staged.loaded) {
    const std::vector<V> flat = ToValues(lanes, IsComplexOperand());
    values.insert(values.end(), flat.begin(), flat.end());
  }
  values.insert(values.end(), staged.is_valid.begin(), staged.is_valid.end());
  return values;
}

StagedTile TileLoader::Unflatten(std::span<const V> values) const {
  StagedTile staged;
  const size_t step = static_cast<size_t>(values_of_slot());
  for (int slot = 0; slot < num_slots_; ++slot) {
    staged.loaded.push_back(ToScalars(values.subspan(slot * step, step), IsComplexOperand()));
  }
  if (has_validity_) staged.is_valid.assign(values.begin() + num_slots_ * step, values.end());
  return staged;
}

}  // namespace dragoman::kernel
