// SPDX-License-Identifier: Apache-2.0
#include "ir/structure.h"

#include "base/hash.h"

namespace dragoman::ir {
namespace {

size_t Mix(size_t hash, size_t value) { return (hash ^ value) * 0x9e3779b97f4a7c15ull + (hash >> 29); }

size_t HashType(size_t hash, const TensorType& type) {
  hash = Mix(hash, static_cast<size_t>(type.dtype));
  for (const int64_t extent : type.dims) hash = Mix(hash, static_cast<size_t>(extent));
  return hash;
}

size_t HashAttribute(size_t hash, const AttrValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return Mix(hash, static_cast<size_t>(*number));
  if (const auto* text = std::get_if<std::string>(&value)) return Mix(hash, std::hash<std::string>()(*text));
  if (const auto* literal = std::get_if<Literal>(&value)) {
    return Mix(HashType(hash, literal->type()), HashBytes(literal->bytes()).low);
  }
  for (const int64_t number : std::get<std::vector<int64_t>>(value)) hash = Mix(hash, static_cast<size_t>(number));
  return hash;
}

// Everything but the operands, which inside of regions need the correspondence of values.
size_t HashWithoutOperands(const Op& op) {
  size_t hash = Mix(static_cast<size_t>(op.code), op.operands.size());
  for (const auto& [key, value] : op.attributes.entries()) {
    hash = HashAttribute(Mix(hash, static_cast<size_t>(key)), value);
  }
  for (const auto& result : op.results) hash = HashType(hash, result->type);
  for (const auto& region : op.regions) {
    for (const auto& inner : region->ops) hash = Mix(hash, HashWithoutOperands(*inner));
  }
  return hash;
}

bool SameValue(const Value* a, const Value* b, const Correspondence& inside) {
  const auto found = inside.find(a);
  return found == inside.end() ? a == b : found->second == b;
}

bool SameBlocks(const Block& a, const Block& b, Correspondence& inside);

bool SameOpsInside(const Op& a, const Op& b, Correspondence& inside) {
  if (a.code != b.code || a.operands.size() != b.operands.size() || a.results.size() != b.results.size() ||
      a.regions.size() != b.regions.size() || !(a.attributes == b.attributes)) {
    return false;
  }
  for (size_t i = 0; i < a.operands.size(); ++i) {
    if (!SameValue(a.operands[i], b.operands[i], inside)) return false;
  }
  for (size_t i = 0; i < a.regions.size(); ++i) {
    if (!SameBlocks(*a.regions[i], *b.regions[i], inside)) return false;
  }
  for (size_t i = 0; i < a.results.size(); ++i) {
    if (a.results[i]->type != b.results[i]->type) return false;
    inside[a.result(static_cast<int>(i))] = b.result(static_cast<int>(i));
  }
  return true;
}

bool SameBlocks(const Block& a, const Block& b, Correspondence& inside) {
  if (a.arguments.size() != b.arguments.size() || a.ops.size() != b.ops.size()) return false;
  for (size_t i = 0; i < a.arguments.size(); ++i) {
    if (a.arguments[i]->type != b.arguments[i]->type) return false;
    inside[a.arguments[i].get()] = b.arguments[i].get();
  }
  for (size_t i = 0; i < a.ops.size(); ++i) {
    if (!SameOpsInside(*a.ops[i], *b.ops[i], inside)) return false;
  }
  return true;
}

}  // namespace

size_t HashOp(const Op& op) {
  size_t hash = HashWithoutOperands(op);
  for (const Value* operand : op.operands) hash = Mix(hash, reinterpret_cast<size_t>(operand));
  return hash;
}

bool SameOps(const Op& a, const Op& b) {
  Correspondence inside;
  return SameOpsInside(a, b, inside);
}

size_t HashOps(std::span<const Op* const> ops) {
  size_t hash = ops.size();
  for (const Op* op : ops) hash = Mix(hash, HashWithoutOperands(*op));
  return hash;
}

bool SameOps(std::span<const Op* const> a, std::span<const Op* const> b, Correspondence& values) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!SameOpsInside(*a[i], *b[i], values)) return false;
  }
  return true;
}

}  // namespace dragoman::ir
