// SPDX-License-Identifier: Apache-2.0
#include "pjrt/entry.h"
#include "pjrt/objects.h"

namespace dragoman::pjrt {

PJRT_Event* NewEvent(std::shared_ptr<runtime::Event> event) { return new PJRT_Event{std::move(event), nullptr}; }

namespace {

Status EventDestroy(PJRT_Event_Destroy_Args& args) {
  delete args.event;
  return OkStatus();
}

Status IsReady(PJRT_Event_IsReady_Args& args) {
  args.is_ready = args.event->event->IsReady();
  return OkStatus();
}

Status Error(PJRT_Event_Error_Args& args) {
  if (!args.event->event->IsReady()) {
    return FailedPrecondition("The error of an event is asked for before the event is ready.");
  }
  return args.event->event->Await();
}

Status Await(PJRT_Event_Await_Args& args) {
  // The framework may destroy its handle from a callback while this thread waits.
  const std::shared_ptr<runtime::Event> event = args.event->event;
  return event->Await();
}

Status OnReady(PJRT_Event_OnReady_Args& args) {
  // A callback that runs inline may destroy the handle: keep the event itself alive.
  const std::shared_ptr<runtime::Event> event = args.event->event;
  event->OnReady([callback = args.callback, user_arg = args.user_arg](const Status& status) {
    callback(MakeError(status), user_arg);
  });
  return OkStatus();
}

Status EventCreate(PJRT_Event_Create_Args& args) {
  std::shared_ptr<runtime::SettableEvent> event = runtime::MakeSettableEvent();
  args.event = new PJRT_Event{event, event};
  return OkStatus();
}

Status Set(PJRT_Event_Set_Args& args) {
  if (args.event->settable == nullptr) {
    return FailedPrecondition("Only events made by PJRT_Event_Create can be set.");
  }
  if (args.event->settable->IsReady()) return FailedPrecondition("The event is set already.");
  args.event->settable->Set(
      Status(static_cast<StatusCode>(args.error_code), std::string(args.error_message, args.error_message_size)));
  return OkStatus();
}

}  // namespace

void FillEventSlots(PJRT_Api& api) {
  api.PJRT_Event_Destroy = kEntry<&EventDestroy>;
  api.PJRT_Event_IsReady = kEntry<&IsReady>;
  api.PJRT_Event_Error = kEntry<&Error>;
  api.PJRT_Event_Await = kEntry<&Await>;
  api.PJRT_Event_OnReady = kEntry<&OnReady>;
  api.PJRT_Event_Create = kEntry<&EventCreate>;
  api.PJRT_Event_Set = kEntry<&Set>;
}

}  // namespace dragoman::pjrt
