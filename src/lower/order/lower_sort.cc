// SPDX-License-Identifier: Apache-2.0
#include <unordered_set>

#include "base/format.h"
#include "lower/order/kinds.h"
#include "lower/order/permutation_sort.h"
#include "lower/order/radix_sort.h"
#include "lower/order/sort_key.h"

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

// One long row whose comparator compares one number of each element.
Status LowerByKeys(const fusion::Group& group, const target::DeviceProfile& profile, const SortKey& key,
                   LoweredGroup& lowered) {
  const ir::Op& hero = *group.hero;
  const bool moves_keys_alone = hero.operands.size() == 1 && key.is_reversible();
  RadixSort sort;
  sort.count = hero.type().num_elements();
  sort.key_bits = key.bits();
  sort.carries_elements = !moves_keys_alone;
  sort.label = Format("sort of {} {} by keys", hero.operands.size(), hero.type().ToString());
  sort.key = [&](Elemental& elemental, V element) -> StatusOr<V> {
    ASSIGN_OR_RETURN(const Scalar value, elemental.At(hero.operands[key.operand()], Index::FromLinear(element)));
    return key.Emit(elemental, value, moves_keys_alone);
  };
  sort.finish = [&](Elemental& elemental, V position, V own_key, V element) -> Status {
    const Index to = Index::FromLinear(position);
    if (moves_keys_alone) {
      elemental.Store(hero.result(), to, key.Reverse(elemental.builder(), own_key));
      return OkStatus();
    }
    for (size_t i = 0; i < hero.operands.size(); ++i) {
      ASSIGN_OR_RETURN(const Scalar value, elemental.At(hero.operands[i], Index::FromLinear(element)));
      elemental.Store(hero.result(static_cast<int>(i)), to, value);
    }
    return OkStatus();
  };
  return AppendRadixSort(group, profile, sort, lowered);
}

Status LowerByComparisons(const fusion::Group& group, const target::DeviceProfile& profile, LoweredGroup& lowered) {
  const ir::Op& hero = *group.hero;
  const Dims& dims = hero.type().dims;
  const int dimension = static_cast<int>(hero.attributes.Int(ir::AttrKey::kDimension));
  const std::vector<bool> compared = ComparedOperands(hero);
  PermutationSort sort;
  sort.extent = dims.empty() ? 1 : dims[dimension];
  sort.rows = NumElements(dims) / sort.extent;
  sort.label = Format("sort of {} {}", hero.operands.size(), hero.type().ToString());
  sort.load = [&](Elemental& elemental, V row, V element) -> StatusOr<std::vector<Scalar>> {
    const Index index = IndexOf(elemental, dims, dimension, row, element);
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
  sort.finish = [&](Elemental& elemental, V row, V position, V element) -> Status {
    const Index from = IndexOf(elemental, dims, dimension, row, element);
    const Index to = IndexOf(elemental, dims, dimension, row, position);
    for (size_t i = 0; i < hero.operands.size(); ++i) {
      ASSIGN_OR_RETURN(const Scalar value, elemental.At(hero.operands[i], from));
      elemental.Store(hero.result(static_cast<int>(i)), to, value);
    }
    return OkStatus();
  };
  return AppendSort(group, profile, sort, lowered);
}

}  // namespace

StatusOr<LoweredGroup> LowerSort(const fusion::Group& group, const target::CompileContext& context) {
  const ir::Op& hero = *group.hero;
  const Dims& dims = hero.type().dims;
  LoweredGroup lowered;
  const int64_t count = NumElements(dims);
  if (count == 0) return lowered;
  const int dimension = static_cast<int>(hero.attributes.Int(ir::AttrKey::kDimension));
  if (!dims.empty() && dims[dimension] == count && SuitsRadixSort(count, context.profile)) {
    if (const std::optional<SortKey> key = SortKey::Find(hero); key.has_value()) {
      RETURN_IF_ERROR(LowerByKeys(group, context.profile, *key, lowered));
      return lowered;
    }
  }
  RETURN_IF_ERROR(LowerByComparisons(group, context.profile, lowered));
  return lowered;
}

}  // namespace dragoman::kernel
