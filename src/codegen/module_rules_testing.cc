// SPDX-License-Identifier: Apache-2.0
#include "codegen/module_rules_testing.h"

#include <algorithm>

#include "base/format.h"
#include "spirv/spv.h"

namespace dragoman::codegen {
namespace {

using spv::Capability;
using spv::Op;
using target::DeviceProfile;

struct CapabilityRow {
  Capability capability;
  bool DeviceProfile::*feature;
};
constexpr CapabilityRow kFeatures[] = {
    {Capability::Int8, &DeviceProfile::int8},
    {Capability::Int16, &DeviceProfile::int16},
    {Capability::Int64, &DeviceProfile::int64},
    {Capability::Float16, &DeviceProfile::float16},
    {Capability::Float64, &DeviceProfile::float64},
    {Capability::StorageBuffer8BitAccess, &DeviceProfile::storage8},
    {Capability::StorageBuffer16BitAccess, &DeviceProfile::storage16},
    {Capability::GroupNonUniform, &DeviceProfile::subgroup_basic},
    {Capability::GroupNonUniformShuffle, &DeviceProfile::subgroup_shuffle},
    {Capability::VulkanMemoryModel, &DeviceProfile::vulkan_memory_model},
    {Capability::DenormPreserve, &DeviceProfile::denorm_preserve_f32},
    {Capability::RoundingModeRTE, &DeviceProfile::rounding_rte_f16},
    {Capability::SignedZeroInfNanPreserve, &DeviceProfile::signed_zero_inf_nan_f16},
    {Capability::SignedZeroInfNanPreserve, &DeviceProfile::signed_zero_inf_nan_f32},
    {Capability::SignedZeroInfNanPreserve, &DeviceProfile::signed_zero_inf_nan_f64},
    {spirv::kCapabilityCooperativeMatrixKHR, &DeviceProfile::cooperative_matrix},
    {spirv::kCapabilityBFloat16TypeKHR, &DeviceProfile::shader_bfloat16},
    {spirv::kCapabilityBFloat16CooperativeMatrixKHR, &DeviceProfile::shader_bfloat16},
};

bool Has(const DeviceProfile& profile, Capability capability) {
  if (capability == Capability::Shader || capability == Capability::PhysicalStorageBufferAddresses) return true;
  return std::any_of(std::begin(kFeatures), std::end(kFeatures),
                     [&](const CapabilityRow& row) { return row.capability == capability && profile.*row.feature; });
}

// Calls visit(opcode, the instruction's words) for each.
template <typename Visit>
void ForEachInstruction(std::span<const uint32_t> words, Visit visit) {
  constexpr size_t kHeaderWords = 5;
  for (size_t at = kHeaderWords, size = 0; at < words.size(); at += size) {
    size = std::clamp<size_t>(words[at] >> 16, 1, words.size() - at);
    visit(static_cast<Op>(words[at] & 0xffff), words.subspan(at, size));
  }
}

constexpr Op kArithmetic[] = {Op::OpConvertPtrToU, Op::OpPtrAccessChain, Op::OpInBoundsPtrAccessChain,
                              Op::OpPtrEqual,      Op::OpPtrNotEqual,    Op::OpPtrDiff};

}  // namespace

std::set<uint32_t> CapabilitiesOf(std::span<const uint32_t> words) {
  std::set<uint32_t> capabilities;
  ForEachInstruction(words, [&](Op op, std::span<const uint32_t> instruction) {
    if (op == Op::OpCapability) capabilities.insert(instruction[1]);
  });
  return capabilities;
}

std::string CapabilityBeyond(std::span<const uint32_t> words, const DeviceProfile& profile) {
  for (const uint32_t capability : CapabilitiesOf(words)) {
    if (!Has(profile, static_cast<Capability>(capability))) {
      return Format("The module has the capability {}, which {} lacks.", capability, profile.name);
    }
  }
  return "";
}

std::string AddressArithmetic(std::span<const uint32_t> words) {
  std::set<uint32_t> addresses;  // types of pointers into buffers
  std::set<uint32_t> sources;    // values that an address may be made of: what was loaded, and other addresses
  std::string found;
  ForEachInstruction(words, [&](Op op, std::span<const uint32_t> instruction) {
    if (std::find(std::begin(kArithmetic), std::end(kArithmetic), op) != std::end(kArithmetic)) {
      found = Format("Instruction {} makes %{} of an address.", static_cast<int>(op), instruction[2]);
    }
    const bool is_pointer_type = op == Op::OpTypePointer && static_cast<spv::StorageClass>(instruction[2]) ==
                                                                spv::StorageClass::PhysicalStorageBuffer;
    if (is_pointer_type) addresses.insert(instruction[1]);
    if (op == Op::OpLoad || op == Op::OpAccessChain) sources.insert(instruction[2]);
    // Words that others have loaded, put together.
    const bool is_shuffle = op == Op::OpGroupNonUniformShuffle;
    const bool passes_on = is_shuffle || op == Op::OpCompositeConstruct || op == Op::OpBitcast;
    if (passes_on && sources.count(instruction[is_shuffle ? 4 : 3]) != 0) sources.insert(instruction[2]);
    const bool makes_address =
        (op == Op::OpBitcast || op == Op::OpConvertUToPtr) && addresses.count(instruction[1]) != 0;
    if (makes_address && sources.count(instruction[3]) == 0) {
      found = Format("The address %{} is made of %{}, which was not loaded.", instruction[2], instruction[3]);
    }
  });
  return found;
}

}  // namespace dragoman::codegen
