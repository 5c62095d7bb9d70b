// SPDX-License-Identifier: Apache-2.0
// The boundary between C and C++: every slot of the table goes through kEntry, which turns a Status into a PJRT_Error
// and lets nothing thrown pass.
#pragma once

#include <cstddef>
#include <exception>
#include <new>
#include <string>
#include <type_traits>

#include "base/status.h"
#include "pjrt/c_api.h"

namespace dragoman::pjrt {

// Null for OK; otherwise owned by whoever gets it, until PJRT_Error_Destroy.
PJRT_Error* MakeError(Status status);
// Takes an error back: destroys it, OK for null.
Status TakeError(PJRT_Error* error);

// Whether the caller's struct is long enough to hold `field`. Older frameworks pass shorter ones.
#define HAS_FIELD(args, field) \
  ((args).struct_size >= offsetof(std::remove_cvref_t<decltype(args)>, field) + sizeof((args).field))

template <auto function>
struct Entry;

template <typename Args, Status (*function)(Args&)>
struct Entry<function> {
  static PJRT_Error* Call(Args* args) noexcept {
    if (args == nullptr) return MakeError(InvalidArgument("The PJRT function is called without arguments."));
    try {
      return MakeError(function(*args));
    } catch (const std::bad_alloc&) {
      return MakeError(ResourceExhausted("The host has no memory left for this call."));
    } catch (const std::exception& error) {
      return MakeError(Internal(std::string("A C++ exception reaches the PJRT boundary: ") + error.what()));
    } catch (...) {
      return MakeError(Internal("An unknown C++ exception reaches the PJRT boundary."));
    }
  }
};

// `api.PJRT_Client_Create = kEntry<&Create>` for `Status Create(PJRT_Client_Create_Args& args)`.
template <auto function>
inline constexpr auto kEntry = &Entry<function>::Call;

// Each object fills its own slots; api.cc has made every slot answer UNIMPLEMENTED before.
void FillErrorSlots(PJRT_Api& api);
void FillPluginSlots(PJRT_Api& api);
void FillEventSlots(PJRT_Api& api);
void FillClientSlots(PJRT_Api& api);
void FillDeviceSlots(PJRT_Api& api);
void FillMemorySlots(PJRT_Api& api);
void FillTopologySlots(PJRT_Api& api);
void FillBufferSlots(PJRT_Api& api);
void FillTransferSlots(PJRT_Api& api);
void FillExecutableSlots(PJRT_Api& api);
void FillLoadedExecutableSlots(PJRT_Api& api);
void FillHostCallbackSlots(PJRT_Api& api);
// What a framework's profiler asks (profiler.cc).
PJRT_Extension_Base* ProfilerExtensionBase();

}  // namespace dragoman::pjrt
