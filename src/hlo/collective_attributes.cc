// SPDX-License-Identifier: Apache-2.0
#include "hlo/collective_attributes.h"

#include <algorithm>

#include "base/format.h"
#include "hlo/fields.h"
#include "types/limits.h"

namespace dragoman::hlo {
namespace {

using ir::AttrKey;

constexpr int64_t kMaxDevices = 4 * kMaxRank;

StatusOr<ir::AttrValue> Pairs(const Instruction& instruction) {
  ASSIGN_OR_RETURN(const auto pairs, instruction.message.Subs(instruction_field::kSourceTargetPairs, "pair"));
  std::vector<int64_t> devices;
  for (const Message& pair : pairs) {
    devices.push_back(pair.Int(pair_field::kSource));
    devices.push_back(pair.Int(pair_field::kTarget));
  }
  return ir::AttrValue(std::move(devices));
}

// Groups of all numbers in order, if they are not transposed.
StatusOr<std::vector<int64_t>> GroupsInOrder(const Message& iota) {
  const int64_t num_groups = iota.Int(iota_field::kNumGroups);
  const int64_t size = iota.Int(iota_field::kDevicesPerGroup);
  const std::vector<int64_t> permutation = iota.Ints(iota_field::kTransposePermutation);
  const bool is_small = num_groups >= 0 && num_groups <= kMaxDevices && size >= 0 && size <= kMaxDevices;
  if (!is_small || !std::is_sorted(permutation.begin(), permutation.end())) {
    return Unimplemented(Format("{} groups of {} devices are not supported.", num_groups, size));
  }
  std::vector<int64_t> groups;
  for (int64_t device = 0; device < num_groups * size; ++device) {
    groups.push_back(device);
    if ((device + 1) % size == 0) groups.push_back(-1);
  }
  return groups;
}

// Older programs have their groups in the instruction itself.
StatusOr<std::vector<int64_t>> Groups(const Message& message) {
  ASSIGN_OR_RETURN(const Message devices, message.Sub(instruction_field::kCollectiveDevices, "devices"));
  if (devices.Has(devices_field::kIota)) {
    ASSIGN_OR_RETURN(const Message iota, devices.Sub(devices_field::kIota, "devices"));
    return GroupsInOrder(iota);
  }
  ASSIGN_OR_RETURN(auto listed, devices.Subs(devices_field::kReplicaGroups, "group"));
  if (listed.empty()) {
    ASSIGN_OR_RETURN(listed, message.Subs(instruction_field::kReplicaGroups, "group"));
  }
  std::vector<int64_t> groups;
  for (const Message& group : listed) {
    for (const int64_t device : group.Ints(group_field::kReplicaIds)) groups.push_back(device);
    groups.push_back(-1);
  }
  return groups;
}

StatusOr<ir::AttrValue> ReplicaGroups(const Instruction& instruction) {
  ASSIGN_OR_RETURN(std::vector<int64_t> groups, Groups(instruction.message));
  return ir::AttrValue(std::move(groups));
}

// An all-to-all without a dimension hands each operand to another device.
StatusOr<ir::AttrValue> Dimension(const Instruction& instruction) {
  const std::vector<int64_t> dimensions = instruction.message.Ints(instruction_field::kDimensions);
  if (dimensions.empty() && instruction.opcode == "all-to-all" && instruction.operands.size() == 1) {
    return ir::AttrValue(int64_t{0});
  }
  if (dimensions.size() == 1) return ir::AttrValue(dimensions[0]);
  return Unimplemented(Format("A collective along {} dimensions is not supported, only along one.", dimensions.size()));
}

// As many parts as a group has devices.
StatusOr<ir::AttrValue> SplitCount(const Instruction& instruction) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> groups, Groups(instruction.message));
  return ir::AttrValue(std::max<int64_t>(std::find(groups.begin(), groups.end(), -1) - groups.begin(), 1));
}

// None is 0.
StatusOr<ir::AttrValue> Channel(const Instruction& instruction) {
  return ir::AttrValue(std::max<int64_t>(instruction.message.Int(instruction_field::kChannelId), 0));
}

StatusOr<ir::AttrValue> UseGlobalDeviceIds(const Instruction& instruction) {
  return ir::AttrValue(int64_t{instruction.message.Bool(instruction_field::kUseGlobalDeviceIds)});
}

constexpr struct {
  AttrKey key;
  StatusOr<ir::AttrValue> (*read)(const Instruction& instruction);
} kReaders[] = {
    {AttrKey::kReplicaGroups, ReplicaGroups}, {AttrKey::kSourceTargetPairs, Pairs},
    {AttrKey::kChannelId, Channel},           {AttrKey::kUseGlobalDeviceIds, UseGlobalDeviceIds},
    {AttrKey::kAllGatherDim, Dimension},      {AttrKey::kScatterDimension, Dimension},
    {AttrKey::kSplitDimension, Dimension},    {AttrKey::kConcatDimension, Dimension},
    {AttrKey::kSplitCount, SplitCount},
};

}  // namespace

Status ReadCollective(const Instruction& instruction, ir::OpCode code, ir::Attributes& attributes) {
  for (const auto& [key, read] : kReaders) {
    const auto wanted = ir::Info(code).attributes;
    if (std::find(wanted.begin(), wanted.end(), key) == wanted.end()) continue;
    ASSIGN_OR_RETURN(ir::AttrValue value, read(instruction));
    attributes.Set(key, std::move(value));
  }
  return OkStatus();
}

}  // namespace dragoman::hlo
