// SPDX-License-Identifier: Apache-2.0
// The extension through which a framework's profiler listens. Its structs are declared here alone, as published.
#include <cstring>
#include <memory>
#include <string>

#include "pjrt/entry.h"
#include "pjrt/trace.h"

// A recording. Its bytes are made when somebody first asks for them.
struct PLUGIN_Profiler {
  std::string bytes;
  bool is_taken = false;
};
struct PLUGIN_Profiler_Error;  // there are none

namespace dragoman::pjrt {
namespace {

constexpr int kProfilerExtension = 1;

struct ErrorArgs {
  size_t struct_size;
  void* priv;
  PLUGIN_Profiler_Error* error;
};
struct CreateArgs {
  size_t struct_size;
  const char* options;
  size_t options_size;
  PLUGIN_Profiler* profiler;
};
struct ProfilerArgs {
  size_t struct_size;
  PLUGIN_Profiler* profiler;
};
struct CollectArgs {
  size_t struct_size;
  PLUGIN_Profiler* profiler;
  uint8_t* buffer;
  size_t buffer_size_in_bytes;
};
struct ProfilerApi {
  size_t struct_size;
  void* priv;
  void (*error_destroy)(ErrorArgs*);
  void (*error_message)(ErrorArgs*);
  PLUGIN_Profiler_Error* (*error_get_code)(ErrorArgs*);
  PLUGIN_Profiler_Error* (*create)(CreateArgs*);
  PLUGIN_Profiler_Error* (*destroy)(ProfilerArgs*);
  PLUGIN_Profiler_Error* (*start)(ProfilerArgs*);
  PLUGIN_Profiler_Error* (*stop)(ProfilerArgs*);
  PLUGIN_Profiler_Error* (*collect_data)(CollectArgs*);
};
struct ProfilerExtension {
  PJRT_Extension_Base base;
  ProfilerApi* api;
  int64_t context;
};

PLUGIN_Profiler_Error* Create(CreateArgs* args) {
  args->profiler = new PLUGIN_Profiler;
  return nullptr;
}

PLUGIN_Profiler_Error* Destroy(ProfilerArgs* args) {
  delete args->profiler;
  return nullptr;
}

PLUGIN_Profiler_Error* Start(ProfilerArgs*) {
  Trace::OfProcess().Start();
  return nullptr;
}

PLUGIN_Profiler_Error* Stop(ProfilerArgs*) {
  Trace::OfProcess().Stop();
  return nullptr;
}

// Some ask twice, without a buffer for the size and then with one; JAX asks once and reads where the buffer is then.
PLUGIN_Profiler_Error* Collect(CollectArgs* args) {
  PLUGIN_Profiler& profiler = *args->profiler;
  if (!profiler.is_taken) profiler.bytes = Trace::OfProcess().Take();
  profiler.is_taken = true;
  if (args->buffer == nullptr) {
    args->buffer = reinterpret_cast<uint8_t*>(profiler.bytes.data());
  } else if (args->buffer_size_in_bytes >= profiler.bytes.size()) {
    std::memcpy(args->buffer, profiler.bytes.data(), profiler.bytes.size());
  }
  args->buffer_size_in_bytes = profiler.bytes.size();
  return nullptr;
}

}  // namespace

PJRT_Extension_Base* ProfilerExtensionBase() {
  static ProfilerApi api = {
      .struct_size = sizeof(ProfilerApi),
      .priv = nullptr,
      .error_destroy = [](ErrorArgs*) {},
      .error_message = [](ErrorArgs*) {},
      .error_get_code = [](ErrorArgs*) -> PLUGIN_Profiler_Error* { return nullptr; },
      .create = Create,
      .destroy = Destroy,
      .start = Start,
      .stop = Stop,
      .collect_data = Collect,
  };
  static ProfilerExtension extension = {{sizeof(ProfilerExtension), kProfilerExtension, nullptr}, &api, 0};
  return &extension.base;
}

}  // namespace dragoman::pjrt
