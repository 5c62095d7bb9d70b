// SPDX-License-Identifier: Apache-2.0
#include "ir/attributes.h"

#include <algorithm>

#include "base/check.h"

namespace dragoman::ir {
namespace {

constexpr AttrInfo kInfos[] = {
#define X(name, text, type) {text, AttrType::type},
    DRAGOMAN_ATTRIBUTES(X)
#undef X
};

}  // namespace

const AttrInfo& Info(AttrKey key) { return kInfos[static_cast<int>(key)]; }

std::vector<std::byte> Literal::Dense() const {
  if (!is_splat()) return *bytes_;
  std::vector<std::byte> dense;
  const int64_t count = type_.num_elements();
  dense.reserve(count * bytes_->size());
  for (int64_t i = 0; i < count; ++i) dense.insert(dense.end(), bytes_->begin(), bytes_->end());
  return dense;
}

Literal Literal::Reshaped(Dims dims) const {
  Literal result = *this;
  result.type_.dims = std::move(dims);
  if (bytes_->size() == static_cast<size_t>(result.type_.size_bytes()) ||
      bytes_->size() == static_cast<size_t>(SizeBytes(type_.dtype))) {
    return result;
  }
  CHECK(false && "Reshaped keeps the element count");
  return result;
}

const AttrValue* Attributes::Find(AttrKey key) const {
  for (const auto& entry : entries_) {
    if (entry.first == key) return &entry.second;
  }
  return nullptr;
}

void Attributes::Set(AttrKey key, AttrValue value) {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), key,
                                   [](const auto& entry, AttrKey wanted) { return entry.first < wanted; });
  if (at != entries_.end() && at->first == key) {
    at->second = std::move(value);
  } else {
    entries_.insert(at, {key, std::move(value)});
  }
}

int64_t Attributes::Int(AttrKey key) const {
  const AttrValue* value = Find(key);
  CHECK(value != nullptr && std::holds_alternative<int64_t>(*value));
  return std::get<int64_t>(*value);
}

const std::vector<int64_t>& Attributes::Ints(AttrKey key) const {
  const AttrValue* value = Find(key);
  CHECK(value != nullptr && std::holds_alternative<std::vector<int64_t>>(*value));
  return std::get<std::vector<int64_t>>(*value);
}

const std::string& Attributes::Text(AttrKey key) const {
  const AttrValue* value = Find(key);
  CHECK(value != nullptr && std::holds_alternative<std::string>(*value));
  return std::get<std::string>(*value);
}

const Literal& Attributes::GetLiteral(AttrKey key) const {
  const AttrValue* value = Find(key);
  CHECK(value != nullptr && std::holds_alternative<Literal>(*value));
  return std::get<Literal>(*value);
}

}  // namespace dragoman::ir
