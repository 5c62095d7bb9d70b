// SPDX-License-Identifier: Apache-2.0
#include "pjrt/entry.h"
#include "pjrt/objects.h"

namespace dragoman::pjrt {
namespace {

// The only topologies are those of clients, which own them.
Status TopologyDescriptionDestroy(PJRT_TopologyDescription_Destroy_Args&) { return OkStatus(); }

Status TopologyDescriptionPlatformName(PJRT_TopologyDescription_PlatformName_Args& args) {
  args.platform_name = kPlatformName.data();
  args.platform_name_size = kPlatformName.size();
  return OkStatus();
}

Status TopologyDescriptionPlatformVersion(PJRT_TopologyDescription_PlatformVersion_Args& args) {
  args.platform_version = args.topology->platform_version.data();
  args.platform_version_size = args.topology->platform_version.size();
  return OkStatus();
}

Status GetDeviceDescriptions(PJRT_TopologyDescription_GetDeviceDescriptions_Args& args) {
  args.descriptions = args.topology->descriptions.data();
  args.num_descriptions = args.topology->descriptions.size();
  return OkStatus();
}

Status TopologyDescriptionAttributes(PJRT_TopologyDescription_Attributes_Args& args) {
  args.attributes = nullptr;
  args.num_attributes = 0;
  return OkStatus();
}

}  // namespace

void FillTopologySlots(PJRT_Api& api) {
  api.PJRT_TopologyDescription_Destroy = kEntry<&TopologyDescriptionDestroy>;
  api.PJRT_TopologyDescription_PlatformName = kEntry<&TopologyDescriptionPlatformName>;
  api.PJRT_TopologyDescription_PlatformVersion = kEntry<&TopologyDescriptionPlatformVersion>;
  api.PJRT_TopologyDescription_GetDeviceDescriptions = kEntry<&GetDeviceDescriptions>;
  api.PJRT_TopologyDescription_Attributes = kEntry<&TopologyDescriptionAttributes>;
}

}  // namespace dragoman::pjrt
