// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unordered_set>

#include "base/format.h"
#include "lower/order/kinds.h"
#include "lower/order/permutation_sort.h"
#include "lower/order/radix_sort.h"
#include "lower/order/row_sort.h"
#include "lower/order/sort_key.h"
#include "lower/order/top_k.h"

namespace dragoman::kernel {
namespace {

// An index of the sorted tensors from a row (over the other dimensions, row-major) and a position in it.
Index IndexOf(Elemental& elemental, const Dims& dims, int dimension, V row, V position) {
  Dims others = dims;
  others.erase(others.begin() + dimension);
  std::vector<V> index = elemental.Delinearize(Index::FromLinear(row), others);
  index.insert(index.begin() + dimension, position);
  return Index::FromDims(std::move(index));
}

// Which operands the comparator looks at: only those are loaded for comparisons.
std::vector<bool> ComparedOperands(const ir::Op& hero) {
  const ir::Block& comparator = *hero.regions[0];
  const auto uses = ir::CountUses(comparator);
  std::vector<bool> compared(hero.operands.size());
  for (size_t i = 0; i < compared.size(); ++i) {
    compared[i] =
        uses.contains(comparator.arguments[2 * i].get()) || uses.contains(comparator.arguments[2 * i + 1].get());
  }
  return compared;
}

// The tensors as rows.
struct SortShape {
  explicit SortShape(const ir::Op& hero)
      : dims(hero.operands[0]->type.dims),
        dimension(static_cast<int>(hero.attributes.Int(ir::AttrKey::kDimension))),
        extent(dims.empty() ? 1 : dims[dimension]),
        kept(dims.empty() ? 1 : hero.type().dims[dimension]),
        rows(NumElements(dims) / std::max<int64_t>(extent, 1)) {}

  Dims dims;
  int dimension;
  int64_t extent;
  int64_t kept;  // of each sorted row
  int64_t rows;
};

// Stores what the operands hold of the element that comes `position`-th in its row, if that is kept and read.
Status StoreSorted(Elemental& elemental, const ir::Op& hero, V row, V position, V element) {
  const std::vector<ir::Value*>& outputs = elemental.group().outputs;
  const SortShape shape(hero);
  Builder& b = elemental.builder();
  Status status;
  b.If(shape.kept == shape.extent ? b.Bool(true) : b.ULt(position, b.I32(shape.kept)), [&] {
    Elemental::Scope scope(elemental);
    const Index from = IndexOf(elemental, shape.dims, shape.dimension, row, element);
    const Index to = IndexOf(elemental, hero.type().dims, shape.dimension, row, position);
    for (size_t i = 0; i < hero.operands.size(); ++i) {
      const ir::Value* result = hero.result(static_cast<int>(i));
      if (std::find(outputs.begin(), outputs.end(), result) == outputs.end()) continue;
      const auto value = elemental.At(hero.operands[i], from);
      if (!value.ok()) status = value.status();
      if (value.ok()) elemental.Store(result, to, *value);
    }
  });
  return status;
}

StatusOr<V> KeyOf(Elemental& elemental, const ir::Op& hero, const SortKey& key, V row, V element) {
  const SortShape shape(hero);
  ASSIGN_OR_RETURN(const Scalar value, elemental.At(hero.operands[key.operand()],
                                                    IndexOf(elemental, shape.dims, shape.dimension, row, element)));
  return key.Emit(elemental, value, false);
}

KeyedRows RowsOf(const ir::Op& hero, const SortKey& key) {
  const SortShape shape(hero);
  KeyedRows rows{shape.rows, shape.extent, shape.kept, key.bits(), {}, {}, {}};
  rows.label = Format("sort of {} {} by keys", hero.operands.size(), hero.operands[0]->type.ToString());
  rows.key = [&hero, key](Elemental& elemental, V row, V element) { return KeyOf(elemental, hero, key, row, element); };
  rows.finish = [&hero](Elemental& elemental, V row, V position, V element) {
    return StoreSorted(elemental, hero, row, position, element);
  };
  return rows;
}

// One long row whose comparator compares one number of each element.
Status LowerLongRow(const fusion::Group& group, const target::DeviceProfile& profile, const SortKey& key,
                    LoweredGroup& lowered) {
  const ir::Op& hero = *group.hero;
  const SortShape shape(hero);
  const bool moves_keys_alone = hero.operands.size() == 1 && key.is_reversible() && shape.kept == shape.extent;
  const KeyedRows rows = RowsOf(hero, key);
  RadixSort sort;
  sort.count = shape.extent;
  sort.key_bits = key.bits();
  sort.carries_elements = !moves_keys_alone;
  sort.label = rows.label;
  sort.key = [&](Elemental& elemental, V element) -> StatusOr<V> {
    if (!moves_keys_alone) return rows.key(elemental, elemental.builder().I32(0), element);
    ASSIGN_OR_RETURN(const Scalar value, elemental.At(hero.operands[key.operand()], Index::FromLinear(element)));
    return key.Emit(elemental, value, true);
  };
  sort.finish = [&](Elemental& elemental, V position, V own_key, V element) -> Status {
    if (!moves_keys_alone) return rows.finish(elemental, elemental.builder().I32(0), position, element);
    elemental.Store(hero.result(), Index::FromLinear(position), key.Reverse(elemental.builder(), own_key));
    return OkStatus();
  };
  return AppendRadixSort(group, profile, sort, lowered);
}

Status LowerByComparisons(const fusion::Group& group, const target::DeviceProfile& profile, LoweredGroup& lowered) {
  const ir::Op& hero = *group.hero;
  const SortShape shape(hero);
  const std::vector<bool> compared = ComparedOperands(hero);
  PermutationSort sort;
  sort.extent = shape.extent;
  sort.rows = shape.rows;
  sort.label = Format("sort of {} {}", hero.operands.size(), hero.operands[0]->type.ToString());
  sort.load = [&](Elemental& elemental, V row, V element) -> StatusOr<std::vector<Scalar>> {
    const Index index = IndexOf(elemental, shape.dims, shape.dimension, row, element);
    std::vector<Scalar> keys(hero.operands.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      if (!compared[i]) continue;
      ASSIGN_OR_RETURN(keys[i], elemental.At(hero.operands[i], index));
    }
    return keys;
  };
  sort.is_before = [&](Elemental& elemental, std::span<const Scalar> a, std::span<const Scalar> b) -> StatusOr<V> {
    std::vector<Scalar> inputs;
    for (size_t i = 0; i < a.size(); ++i) inputs.insert(inputs.end(), {a[i], b[i]});
    ASSIGN_OR_RETURN(const std::vector<Scalar> result, elemental.Region(*hero.regions[0], inputs));
    return result[0].re;
  };
  sort.finish = [&](Elemental& elemental, V row, V position, V element) {
    return StoreSorted(elemental, hero, row, position, element);
  };
  return AppendSort(group, profile, sort, lowered);
}

}  // namespace

StatusOr<LoweredGroup> LowerSort(const fusion::Group& group, const target::CompileContext& context) {
  const target::DeviceProfile& profile = context.profile;
  const ir::Op& hero = *group.hero;
  const SortShape shape(hero);
  LoweredGroup lowered;
  if (NumElements(hero.type().dims) == 0) return lowered;
  if (const std::optional<SortKey> key = SortKey::Find(hero); key.has_value()) {
    const KeyedRows rows = RowsOf(hero, *key);
    if (rows.kept < rows.extent && SuitsTopK(rows, profile)) {
      RETURN_IF_ERROR(AppendTopK(group, profile, rows, lowered));
      return lowered;
    }
    if (SuitsRowSort(rows, profile)) {
      RETURN_IF_ERROR(AppendRowSort(group, profile, rows, lowered));
      return lowered;
    }
    if (shape.rows == 1 && SuitsRadixSort(shape.extent, profile)) {
      RETURN_IF_ERROR(LowerLongRow(group, profile, *key, lowered));
      return lowered;
    }
  }
  RETURN_IF_ERROR(LowerByComparisons(group, profile, lowered));
  return lowered;
}

}  // namespace dragoman::kernel
