// SPDX-License-Identifier: Apache-2.0
// What TensorFlow looks for in a library of the folder tensorflow-plugins: a next pluggable device with a PJRT engine.
#include <string>

#include "bridge.h"
#include "engine.h"
#include "kernels.h"
#include "shape.h"
#include "tensorflow/core/common_runtime/next_pluggable_device/c/plugin_c_api.h"

namespace dragoman_tensorflow {
namespace {

int32_t GetDeviceCount(TF_Status* status) {
  TF_SetStatus(status, TF_OK, "");
  return DeviceCount();
}

// The client is made when the devices are counted.
void InitInternalStates(TF_Status* status) { TF_SetStatus(status, TF_OK, ""); }

const TFNPD_Api* DeviceApi() {
  static const TFNPD_Api api = [] {
    TFNPD_Api made = {};
    made.struct_size = TFNPD_Api_STRUCT_SIZE;
    made.TFNPD_XlaShapeToDeviceShapeRepresentation = [](XLA_Shape* shape, int, bool, XLA_LayoutPreference,
                                                        XLA_Shape* device_shape, TF_Status* status) {
      MakeDeviceShape(*shape, *device_shape);
      TF_SetStatus(status, TF_OK, "");
    };
    made.TFNPD_GetDeviceCount = &GetDeviceCount;
    made.TFNPD_InitPluginInternalDeviceStates = &InitInternalStates;
    return made;
  }();
  return &api;
}

// Above TensorFlow's CPU (70) and below a GPU of its own (210), which keeps what a script does not place.
constexpr int kPriority = 200;

}  // namespace
}  // namespace dragoman_tensorflow

extern "C" {

__attribute__((visibility("default"))) const TFNPD_Api* TFNPD_InitPlugin(TFNPD_PluginParams* params,
                                                                         TF_Status* status) {
  using namespace dragoman_tensorflow;
  HasEngine();  // opens it, before TensorFlow notes that it has a plug-in of this kind
  params->device_type = DeviceType().c_str();
  params->compilation_device_name = kJitDevice;
  params->priority = kPriority;
  params->is_pluggable_device = true;
  params->use_pjrt_on_demand_compile = false;  // the bridge does it, with fewer operations
  TF_SetStatus(status, TF_OK, "");
  return DeviceApi();
}

__attribute__((visibility("default"))) const PJRT_Api* GetPjrtApi() { return dragoman_tensorflow::EngineApi(); }

__attribute__((visibility("default"))) void TF_InitKernel() {
  if (dragoman_tensorflow::HasEngine()) dragoman_tensorflow::RegisterKernels(dragoman_tensorflow::DeviceType());
}

// For the Python half: TensorFlow itself does not tell a device of this kind that it is not to be visible.
__attribute__((visibility("default"))) void dragoman_tensorflow_set_hidden(int is_hidden) {
  dragoman_tensorflow::SetHidden(is_hidden != 0);
}

// The name of a device's hardware, valid until the next call; for `tf.config.experimental.get_device_details`.
__attribute__((visibility("default"))) const char* dragoman_tensorflow_device_kind(int index) {
  static thread_local std::string kind;
  kind = dragoman_tensorflow::DeviceKind(index);
  return kind.c_str();
}

// Bytes of a device in use and the most that were; 0 where that is not known.
__attribute__((visibility("default"))) int dragoman_tensorflow_memory(int index, int64_t* current, int64_t* peak) {
  return dragoman_tensorflow::DeviceMemory(index, *current, *peak) ? 1 : 0;
}

}  // extern "C"
