// SPDX-License-Identifier: Apache-2.0
#include "ir/collectives.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace dragoman::ir {
namespace {

OnOneDevice OfPairs(const std::vector<int64_t>& pairs) {
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (pairs[i + 1] == 0) return pairs[i] == 0 ? OnOneDevice::kOperands : OnOneDevice::kOthers;
  }
  return OnOneDevice::kZeros;
}

// By the group that device 0 is in.
OnOneDevice OfGroups(const Op& op) {
  const std::vector<int64_t>& groups = op.attributes.Ints(AttrKey::kReplicaGroups);
  if (groups.empty()) return OnOneDevice::kOperands;
  const auto device = std::find(groups.begin(), groups.end(), 0);
  if (device == groups.end()) {
    return op.code == OpCode::kCollectiveBroadcast ? OnOneDevice::kZeros : OnOneDevice::kOthers;
  }
  const bool is_first = device == groups.begin() || device[-1] == -1;
  return is_first && device[1] == -1 ? OnOneDevice::kOperands : OnOneDevice::kOthers;
}

bool KeepsTypes(const Op& op) {
  const auto has_type = [](const Value* operand, const auto& result) { return operand->type == result->type; };
  return std::equal(op.operands.begin(), op.operands.end(), op.results.begin(), op.results.end(), has_type);
}

}  // namespace

OnOneDevice MeaningOnOneDevice(const Op& op) {
  if (op.code == OpCode::kPartitionId || op.code == OpCode::kReplicaId) return OnOneDevice::kZeros;
  if (op.code == OpCode::kCollectivePermute) return OfPairs(op.attributes.Ints(AttrKey::kSourceTargetPairs));
  const bool is_whole = op.attributes.IntOr(AttrKey::kSplitCount, 1) == 1;
  return is_whole && KeepsTypes(op) ? OfGroups(op) : OnOneDevice::kOthers;
}

// Marks of the two partitioners.
bool IsPartitioningMark(const Op& op) {
  constexpr std::string_view kTargets[] = {
      "Sharding",
      "SPMDFullToShardShape",
      "SPMDShardToFullShape",
      "xla.sdy.FuncResultSharding",
      "xla.sdy.GlobalToLocalShape",
      "xla.sdy.LocalToGlobalShape",
      "annotate_device_placement",
  };
  if (op.code != OpCode::kCustomCall || op.operands.size() != 1 || !KeepsTypes(op)) return false;
  const std::string& target = op.attributes.Text(AttrKey::kCallTargetName);
  return std::find(std::begin(kTargets), std::end(kTargets), target) != std::end(kTargets);
}

}  // namespace dragoman::ir
