// SPDX-License-Identifier: Apache-2.0
// What Elemental remembers within one builder region. Internal to Elemental.
#pragma once

#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "element/elemental.h"

namespace dragoman::kernel {

struct Elemental::Memo {
  // A position is its linear index when that is known, else the index of every dimension.
  struct Key {
    const ir::Value* value;
    int lanes;
    bool is_linear;
    std::vector<ValueId> ids;
    bool operator==(const Key&) const = default;
  };
  // Dimensions (with extents but for the first, which does not matter) that a known linear index came from.
  struct DimsKey {
    std::vector<ValueId> ids;
    Dims extents;
    bool operator==(const DimsKey&) const = default;
  };
  struct Hasher {
    static size_t Mix(size_t hash, uint64_t value) { return (hash ^ value) * 0x9e3779b97f4a7c15u + (hash >> 29); }
    size_t operator()(const Key& key) const {
      size_t hash = Mix(reinterpret_cast<size_t>(key.value), key.lanes * 2 + (key.is_linear ? 1 : 0));
      for (const ValueId id : key.ids) hash = Mix(hash, id);
      return hash;
    }
    size_t operator()(const DimsKey& key) const {
      size_t hash = key.ids.size();
      for (const ValueId id : key.ids) hash = Mix(hash, id);
      for (const int64_t extent : key.extents) hash = Mix(hash, static_cast<uint64_t>(extent));
      return hash;
    }
  };

  static Key KeyOf(const ir::Value* v, const Index& index, int lanes) {
    if (index.has_linear()) return {v, lanes, true, {index.linear.id}};
    std::vector<ValueId> ids;
    for (const V dim : index.dims) ids.push_back(dim.id);
    return {v, lanes, false, std::move(ids)};
  }

  std::unordered_map<Key, Lanes, Hasher> values;
  std::unordered_map<DimsKey, V, Hasher> linear_of;
};

}  // namespace dragoman::kernel
