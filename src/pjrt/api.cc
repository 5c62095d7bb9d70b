// SPDX-License-Identifier: Apache-2.0
#include "pjrt/api.h"

#include "pjrt/entry.h"

namespace dragoman::pjrt {
namespace {

PJRT_Api MakeApi() {
  PJRT_Api api = {};
  api.struct_size = sizeof(PJRT_Api);
  api.pjrt_api_version = {sizeof(PJRT_Api_Version), nullptr, kPjrtApiMajor, kPjrtApiMinor};
  // A null slot would crash the framework; an unserved one names itself.
#define UNSERVED(function)                                                              \
  api.PJRT_##function = [](PJRT_##function##_Args*) -> PJRT_Error* {                    \
    return MakeError(Unimplemented("Dragoman does not implement PJRT_" #function ".")); \
  };
#define UNSERVED_VOID(function) api.PJRT_##function = [](PJRT_##function##_Args*) {};
  DRAGOMAN_PJRT_SLOTS(UNSERVED, UNSERVED_VOID)
#undef UNSERVED
#undef UNSERVED_VOID
  FillErrorSlots(api);
  FillPluginSlots(api);
  FillEventSlots(api);
  FillClientSlots(api);
  FillDeviceSlots(api);
  FillMemorySlots(api);
  FillTopologySlots(api);
  FillBufferSlots(api);
  FillTransferSlots(api);
  FillExecutableSlots(api);
  FillLoadedExecutableSlots(api);
  FillHostCallbackSlots(api);
  api.extension_start = ProfilerExtensionBase();
  return api;
}

}  // namespace

const PJRT_Api* Api() {
  static const PJRT_Api api = MakeApi();
  return &api;
}

}  // namespace dragoman::pjrt
