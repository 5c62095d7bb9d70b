// SPDX-License-Identifier: Apache-2.0
#include "pjrt/entry.h"
#include "pjrt/objects.h"

namespace dragoman::pjrt {

PJRT_Error* MakeError(Status status) { return status.ok() ? nullptr : new PJRT_Error{std::move(status)}; }

Status TakeError(PJRT_Error* error) {
  if (error == nullptr) return OkStatus();
  Status status = std::move(error->status);
  delete error;
  return status;
}

namespace {

void Destroy(PJRT_Error_Destroy_Args* args) { delete args->error; }

void Message(PJRT_Error_Message_Args* args) {
  const std::string& message = args->error->status.message();
  args->message = message.data();
  args->message_size = message.size();
}

Status GetCode(PJRT_Error_GetCode_Args& args) {
  args.code = static_cast<PJRT_Error_Code>(args.error->status.code());
  return OkStatus();
}

}  // namespace

void FillErrorSlots(PJRT_Api& api) {
  api.PJRT_Error_Destroy = &Destroy;
  api.PJRT_Error_Message = &Message;
  api.PJRT_Error_GetCode = kEntry<&GetCode>;
}

}  // namespace dragoman::pjrt
