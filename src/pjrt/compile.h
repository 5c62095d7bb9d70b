// SPDX-License-Identifier: Apache-2.0
// From a compile request to a program loaded on a device, through the caches: alive in this process, on disk, compiled.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "pjrt/objects.h"

namespace dragoman::pjrt {

struct CompileRequest {
  std::string_view format;
  std::string_view artifact;
  std::string_view options;  // a serialized CompileOptionsProto
};

// UNIMPLEMENTED: more than one replica or partition, a format other than "mlir" and "hlo", or what the compiler cannot
// do.
StatusOr<std::shared_ptr<const ExecutableInfo>> CompileAndLoad(const std::shared_ptr<ClientState>& client,
                                                               const CompileRequest& request);

// The program on that device (null: its own). A portable one is compiled for it when it is not; INVALID_ARGUMENT for
// others.
StatusOr<std::shared_ptr<const ExecutableInfo>> LoadedOn(PJRT_LoadedExecutable& executable, PJRT_Device* device);

// A compiled program with what it was compiled for, as bytes that another process can load on an equal device.
std::string SerializeExecutable(const ExecutableInfo& info);
// INVALID_ARGUMENT: damaged or foreign bytes. FAILED_PRECONDITION: made for another device or by another version.
// `options` may be empty: then those that the program was compiled with.
StatusOr<std::shared_ptr<const ExecutableInfo>> DeserializeAndLoad(const std::shared_ptr<ClientState>& client,
                                                                   std::string_view bytes, std::string_view options);

// INVALID_ARGUMENT when there is none with this id.
StatusOr<PJRT_Device*> FindDevice(const ClientState& state, int64_t id);

}  // namespace dragoman::pjrt
