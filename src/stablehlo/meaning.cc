// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/meaning.h"

#include <algorithm>
#include <string_view>

namespace dragoman::stablehlo {
namespace {

struct NamedMeaning {
  std::string_view dialect;
  std::string_view name;
  Meaning meaning;
};

// builtin casts lead to and from the sdy ops.
constexpr NamedMeaning kAlways[] = {
    {"builtin", "unrealized_conversion_cast", Meaning::kIdentity},
    {"sdy", "sharding_constraint", Meaning::kIdentity},
    {"sdy", "reshard", Meaning::kIdentity},
    {"sdy", "propagation_barrier", Meaning::kIdentity},
    {"sdy", "sharding_group", Meaning::kNothing},
    {"sdy", "mesh", Meaning::kNothing},
};

constexpr NamedMeaning kOnOneDevice[] = {
    {"vhlo", "all_reduce_v2", Meaning::kIdentity},       {"vhlo", "all_gather_v2", Meaning::kIdentity},
    {"vhlo", "all_to_all_v2", Meaning::kIdentity},       {"vhlo", "reduce_scatter_v1", Meaning::kIdentity},
    {"vhlo", "partition_id_v1", Meaning::kDeviceNumber}, {"vhlo", "replica_id_v1", Meaning::kDeviceNumber},
};

template <typename Table>
Meaning Find(const Table& table, const OpName& name) {
  for (const NamedMeaning& row : table) {
    if (row.dialect == name.dialect->name && row.name == name.name) return row.meaning;
  }
  return Meaning::kUnsupported;
}

// A device that nobody sends to gets zeros; only from 0 to 0 is the identity.
StatusOr<bool> SendsToItself(const StreamOp& op, const VhloOp& row, AttributeTable& table) {
  ASSIGN_OR_RETURN(const std::vector<AttrIndex> attributes, ReadPropertyList(op, row));
  const auto pairs = std::find(row.attributes.begin(), row.attributes.end(), "source_target_pairs");
  ASSIGN_OR_RETURN(const std::vector<int64_t> devices, table.Ints(attributes[pairs - row.attributes.begin()]));
  return devices == std::vector<int64_t>{0, 0};
}

// The marker that stands for sdy.sharding_constraint where Shardy is switched off.
StatusOr<bool> IsShardingCall(const StreamOp& op, const VhloOp& row, AttributeTable& table) {
  ASSIGN_OR_RETURN(const std::vector<AttrIndex> attributes, ReadPropertyList(op, row));
  const auto target = std::find(row.attributes.begin(), row.attributes.end(), "call_target_name");
  ASSIGN_OR_RETURN(const std::string_view name, table.Text(attributes[target - row.attributes.begin()]));
  return name == "Sharding";
}

}  // namespace

const VhloOp* VhloOpOf(const StreamOp& op) {
  return op.name->dialect->dialect == Dialect::kVhlo ? FindVhloOp(op.name->name) : nullptr;
}

StatusOr<Meaning> MeaningOf(const StreamOp& op, bool is_single_device, AttributeTable& table) {
  const VhloOp* row = VhloOpOf(op);
  if (row == nullptr) return Find(kAlways, *op.name);
  if (row->code == ir::OpCode::kCustomCall) {
    ASSIGN_OR_RETURN(const bool is_sharding, IsShardingCall(op, *row, table));
    return is_sharding ? Meaning::kIdentity : Meaning::kOperation;
  }
  if (row->code.has_value()) return Meaning::kOperation;
  if (!is_single_device) return Meaning::kUnsupported;
  if (row->name == "collective_permute_v1") {
    ASSIGN_OR_RETURN(const bool is_identity, SendsToItself(op, *row, table));
    return is_identity ? Meaning::kIdentity : Meaning::kUnsupported;
  }
  return Find(kOnOneDevice, *op.name);
}

}  // namespace dragoman::stablehlo
