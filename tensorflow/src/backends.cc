// SPDX-License-Identifier: Apache-2.0
#include "backends.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "bridge.h"
#include "tensorflow/compiler/jit/flags.h"
#include "tensorflow/compiler/tf2xla/xla_op_registry.h"
#include "tensorflow/core/framework/kernel_def.pb.h"

namespace tensorflow {

// From compiler/jit/xla_device.h, which includes MLIR's headers.
struct XlaDeviceOpRegistrations;
XlaDeviceOpRegistrations* RegisterXlaDeviceKernels(const char* device, const char* jit_device);

}  // namespace tensorflow

namespace dragoman_tensorflow {

namespace {

// Single operations are compiled for a backend of their own, which has fewer.
constexpr char kSingleOpDevice[] = "DRAGOMAN_SINGLE_OP_JIT";

constexpr tensorflow::DataType kElementTypes[] = {
    tensorflow::DT_BOOL,          tensorflow::DT_INT8,      tensorflow::DT_INT16,      tensorflow::DT_INT32,
    tensorflow::DT_INT64,         tensorflow::DT_UINT8,     tensorflow::DT_UINT16,     tensorflow::DT_UINT32,
    tensorflow::DT_UINT64,        tensorflow::DT_HALF,      tensorflow::DT_BFLOAT16,   tensorflow::DT_FLOAT,
    tensorflow::DT_DOUBLE,        tensorflow::DT_COMPLEX64, tensorflow::DT_COMPLEX128, tensorflow::DT_FLOAT8_E5M2,
    tensorflow::DT_FLOAT8_E4M3FN,
};

// Operations, by the beginning of their names, that do not run alone, so that TensorFlow places them on the CPU:
// - the extents of their results depend on values;
// - they take and give lists, stacks and optionals, which are not arrays (host_kernels.h has those on lists);
// - they draw from TensorFlow's own state of random numbers, which programs of the device do not have.
constexpr std::string_view kNotAlone[] = {
    "Where", "Unique",   "TensorList", "EmptyTensorList", "TensorArray",
    "Stack", "Optional", "Random",     "TruncatedNormal", "Multinomial",
};

bool IsCompiled(tensorflow::KernelDef*) { return true; }

bool IsCompiledAlone(tensorflow::KernelDef* kernel) {
  const std::string_view op = kernel->op();
  return std::none_of(std::begin(kNotAlone), std::end(kNotAlone),
                      [op](std::string_view name) { return op.substr(0, name.size()) == name; });
}

void SendProgramsThroughPjrt(const tensorflow::DeviceType& device) {
  auto& uses = tensorflow::GetXlaOpsCommonFlags()->tf_xla_use_device_api;
  uses.enabled_for_xla_launch_ = true;
  uses.enabled_for_compile_on_demand_ = true;
  uses.enabled_for_compile_and_run_ = true;
  uses.AllowForDeviceInXlaLaunch(device);
  uses.AllowForDeviceInXlaCompileOnDemand(device);
  uses.AllowForDeviceInXlaCompileAndRun(device);
}

}  // namespace

void RegisterBackends(const std::string& device_type) {
  using tensorflow::XlaOpRegistry;
  XlaOpRegistry::RegisterBackend(kJitDevice, kElementTypes, &IsCompiled);
  XlaOpRegistry::RegisterBackend(kSingleOpDevice, kElementTypes, &IsCompiledAlone);
  XlaOpRegistry::DeviceRegistration registration;
  registration.compilation_device_name = kJitDevice;
  // Clusters that nobody asked for break programs with lists (tf.stack, LSTM).
  registration.autoclustering_policy = XlaOpRegistry::AutoclusteringPolicy::kIfEnabledGlobally;
  XlaOpRegistry::RegisterCompilationDevice(device_type, registration);
  SendProgramsThroughPjrt(tensorflow::DeviceType(device_type));
  tensorflow::RegisterXlaDeviceKernels(device_type.c_str(), kSingleOpDevice);
}

}  // namespace dragoman_tensorflow
