// SPDX-License-Identifier: Apache-2.0
#include "backends.h"

#include <algorithm>
#include <string_view>

#include "bridge.h"
#include "tensorflow/compiler/jit/flags.h"
#include "tensorflow/compiler/tf2xla/xla_op_registry.h"
#include "tensorflow/core/framework/kernel_def.pb.h"

namespace dragoman_tensorflow {

namespace {

constexpr tensorflow::DataType kElementTypes[] = {
    tensorflow::DT_BOOL,          tensorflow::DT_INT8,      tensorflow::DT_INT16,      tensorflow::DT_INT32,
    tensorflow::DT_INT64,         tensorflow::DT_UINT8,     tensorflow::DT_UINT16,     tensorflow::DT_UINT32,
    tensorflow::DT_UINT64,        tensorflow::DT_HALF,      tensorflow::DT_BFLOAT16,   tensorflow::DT_FLOAT,
    tensorflow::DT_DOUBLE,        tensorflow::DT_COMPLEX64, tensorflow::DT_COMPLEX128, tensorflow::DT_FLOAT8_E5M2,
    tensorflow::DT_FLOAT8_E4M3FN, tensorflow::DT_INT4,      tensorflow::DT_UINT4,      tensorflow::DT_QINT8,
    tensorflow::DT_QUINT8,        tensorflow::DT_QINT32,
};

bool IsComplex(int type) { return type == tensorflow::DT_COMPLEX64 || type == tensorflow::DT_COMPLEX128; }
bool IsReal(int type) { return !IsComplex(type); }
bool IsNotHalf(int type) { return type != tensorflow::DT_HALF; }
bool IsNotBool(int type) { return type != tensorflow::DT_BOOL; }
bool IsFloat(int type) { return type == tensorflow::DT_FLOAT; }

// Operations whose compiled form means on some types something else than the operation (a wrong number) or cannot be
// made: there those types are the CPU's, and refused in compiled functions.
struct Restriction {
  const char* op;
  bool (*is_right)(int type);
};
constexpr Restriction kRestrictions[] = {
    {"ConjugateTranspose", &IsComplex},  // gives complex numbers for real ones, whatever the operation's type says
    {"ResizeBilinearGrad", &IsFloat},    // gives float32, whatever the operation's type says
    {"ClipByValue", &IsReal},            // orders complex numbers in another way
    {"SelfAdjointEigV2", &IsReal},       // gives real eigenvalues for complex matrices
    {"XlaSelfAdjointEig", &IsReal},
    {"ReciprocalGrad", &IsReal},  // does not conjugate
    {"SqrtGrad", &IsReal},
    {"RsqrtGrad", &IsReal},
    {"StatefulTruncatedNormal", &IsNotHalf},  // ends the process
    {"StatefulUniform", &IsNotHalf},
    {"ResourceScatterNdSub", &IsNotBool},  // ends the process
    {"TensorScatterSub", &IsNotBool},
};

void Restrict(tensorflow::KernelDef& kernel, const Restriction& restriction) {
  for (tensorflow::KernelDef::AttrConstraint& constraint : *kernel.mutable_constraint()) {
    if (constraint.name() != "T" && constraint.name() != "dtype") continue;
    auto& types = *constraint.mutable_allowed_values()->mutable_list()->mutable_type();
    const auto is_wrong = [&](int type) { return !restriction.is_right(type); };
    types.erase(std::remove_if(types.begin(), types.end(), is_wrong), types.end());
  }
}

// Where TensorFlow's compiler meets text, in which it sees none of our element types: an assertion, which it leaves
// out, and the constants that are the assertion's message.
struct TextAttribute {
  std::string_view op;
  std::string_view attribute;
};
constexpr TextAttribute kText[] = {{"Const", "dtype"}, {"Assert", "T"}};

void AllowText(tensorflow::KernelDef& kernel) {
  for (const TextAttribute& text : kText) {
    if (kernel.op() != text.op) continue;
    for (tensorflow::KernelDef::AttrConstraint& constraint : *kernel.mutable_constraint()) {
      if (constraint.name() != text.attribute) continue;
      constraint.mutable_allowed_values()->mutable_list()->add_type(tensorflow::DT_STRING);
    }
  }
}

bool IsCompiled(tensorflow::KernelDef* kernel) {
  AllowText(*kernel);
  return RestrictTypes(kernel);
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

absl::Span<const tensorflow::DataType> ElementTypes() { return kElementTypes; }

bool RestrictTypes(tensorflow::KernelDef* kernel) {
  for (const Restriction& restriction : kRestrictions) {
    if (kernel->op() == restriction.op) Restrict(*kernel, restriction);
  }
  return true;
}

void RegisterBackends(const std::string& device_type) {
  using tensorflow::XlaOpRegistry;
  XlaOpRegistry::RegisterBackend(kJitDevice, kElementTypes, &IsCompiled);
  XlaOpRegistry::DeviceRegistration registration;
  registration.compilation_device_name = kJitDevice;
  // Clusters that nobody asked for break programs with lists (tf.stack, LSTM).
  registration.autoclustering_policy = XlaOpRegistry::AutoclusteringPolicy::kIfEnabledGlobally;
  XlaOpRegistry::RegisterCompilationDevice(device_type, registration);
  SendProgramsThroughPjrt(tensorflow::DeviceType(device_type));
}

}  // namespace dragoman_tensorflow
