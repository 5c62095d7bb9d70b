// SPDX-License-Identifier: Apache-2.0
#include "bridge.h"

#include <string>

#include "backends.h"
#include "host_kernels.h"
#include "single_ops.h"
#include "tensorflow/compiler/tf2xla/xla_op_registry.h"
#include "tensorflow/core/common_runtime/next_pluggable_device/next_pluggable_device_api.h"
#include "tensorflow_client.h"

namespace dragoman_tensorflow {
namespace {

const char* RegisterDevice(const char* device_type) {
  if (tensorflow::TfnpdApi() != nullptr) {
    return "another plug-in of this kind is loaded, and TensorFlow takes one; uninstall it.";
  }
  RegisterBackends(device_type);
  RegisterSingleOps(device_type);
  RegisterHostKernels(device_type);
  return nullptr;
}

const char* MakeClient(const char* device_type) {
  static thread_local std::string fault;
  fault = MakeTensorFlowsClient(device_type);
  return fault.empty() ? nullptr : fault.c_str();
}

}  // namespace
}  // namespace dragoman_tensorflow

extern "C" __attribute__((visibility("default"))) const dragoman_tensorflow::Bridge* dragoman_tensorflow_bridge() {
  static constexpr dragoman_tensorflow::Bridge bridge = {&dragoman_tensorflow::RegisterDevice,
                                                         &dragoman_tensorflow::MakeClient};
  return &bridge;
}
