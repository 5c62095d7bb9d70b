// SPDX-License-Identifier: Apache-2.0
#include "ir/ops.h"

#include <string>
#include <unordered_map>
#include <vector>

namespace dragoman::ir {
namespace {

struct Tables {
  std::vector<std::vector<AttrKey>> attributes;
  std::vector<OpInfo> infos;
  std::unordered_map<std::string_view, OpCode> by_name;
};

std::vector<AttrKey> ScalarAttributes(ScalarOp op) {
  if (op == ScalarOp::kCompare) return {AttrKey::kComparisonDirection, AttrKey::kCompareType};
  if (op == ScalarOp::kReducePrecision) return {AttrKey::kExponentBits, AttrKey::kMantissaBits};
  return {};
}

Tables MakeTables() {
  Tables tables;
  for (int i = 0; i < kNumScalarOps; ++i) {
    const ScalarOpInfo& info = kScalarOpInfos[i];
    tables.attributes.push_back(ScalarAttributes(static_cast<ScalarOp>(i)));
    tables.infos.push_back({info.name, info.arity, info.arity, 0, OpKind::kElementwise, {}});
  }
#define X(name, text, min_operands, max_operands, regions, kind, ...) \
  tables.attributes.push_back({__VA_ARGS__});                         \
  tables.infos.push_back({text, min_operands, max_operands, regions, OpKind::kind, {}});
  DRAGOMAN_STRUCTURED_OPS(X)
#undef X
  for (size_t i = 0; i < tables.infos.size(); ++i) {
    tables.infos[i].attributes = tables.attributes[i];
    tables.by_name.emplace(tables.infos[i].name, static_cast<OpCode>(i));
  }
  return tables;
}

const Tables& GetTables() {
  static const Tables tables = MakeTables();
  return tables;
}

}  // namespace

const OpInfo& Info(OpCode code) { return GetTables().infos[static_cast<int>(code)]; }

std::optional<OpCode> OpCodeFromName(std::string_view name) {
  const auto found = GetTables().by_name.find(name);
  if (found == GetTables().by_name.end()) return std::nullopt;
  return found->second;
}

}  // namespace dragoman::ir
