// SPDX-License-Identifier: Apache-2.0
#include "passes/shorten_sorts.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

namespace dragoman::passes {
namespace {

using ir::AttrKey;
using ir::Op;
using ir::OpCode;
using ir::Value;

int64_t DimensionOf(const Op& sort) { return sort.attributes.Int(AttrKey::kDimension); }

// How many of the first elements of each sorted row `user` looks at; all of them if it is no slice from the first on.
int64_t LookedAt(const Op& user, const Op& sort) {
  const auto dimension = static_cast<size_t>(DimensionOf(sort));
  const bool is_prefix = user.code == OpCode::kSlice && user.attributes.Ints(AttrKey::kStartIndices)[dimension] == 0;
  return is_prefix ? user.attributes.Ints(AttrKey::kLimitIndices)[dimension] : sort.type().dims[dimension];
}

// Their uses in order of the function, and how much is looked at.
struct Looked {
  Op* sort = nullptr;
  int64_t count = 0;
  std::vector<Op*> users;
};

std::vector<Looked> LooksAtSorts(const ir::Block& block) {
  std::vector<Looked> sorts;
  std::unordered_map<const Op*, size_t> numbers;
  ir::Walk(block, [&](Op* op) {
    for (const Value* operand : op->operands) {
      Op* sort = operand->op;
      if (sort == nullptr || sort->code != OpCode::kSort || sort->type().rank() == 0) continue;
      const auto [entry, is_new] = numbers.emplace(sort, sorts.size());
      if (is_new) sorts.push_back({sort, 0, {}});
      Looked& looked = sorts[entry->second];
      looked.count = std::max(looked.count, LookedAt(*op, *sort));
      looked.users.push_back(op);
    }
  });
  return sorts;
}

class SortShortening {
 public:
  bool Run(ir::Function& function) {
    std::unordered_map<const Value*, Value*> replacements;
    for (const Looked& looked : LooksAtSorts(function.body)) {
      Op& sort = *looked.sort;
      const int64_t dimension = DimensionOf(sort);
      if (looked.count == sort.type().dims[dimension]) continue;
      sort.attributes.Set(AttrKey::kLimitIndices, std::vector<int64_t>{looked.count});
      for (const auto& result : sort.results) result->type.dims[dimension] = looked.count;
      for (const Op* user : looked.users) {
        if (user->type() == user->operands[0]->type) replacements[user->result()] = user->operands[0];
      }
      changed_ = true;
    }
    ir::ReplaceUses(function.body, replacements);
    return changed_;
  }

 private:
  bool changed_ = false;
};

}  // namespace

StatusOr<PassResult> ShortenSorts(ir::Module& module, const target::CompileContext&) {
  return VisitFunctions<SortShortening>(module);
}

}  // namespace dragoman::passes
