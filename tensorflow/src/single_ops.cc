// SPDX-License-Identifier: Apache-2.0
#include "single_ops.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <vector>

#include "backends.h"
#include "host_run.h"
#include "tensorflow/compiler/tf2xla/xla_op_registry.h"
#include "tensorflow/core/framework/kernel_def.pb.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace tensorflow {

// From compiler/jit/xla_device.h, which includes MLIR's headers.
struct XlaDeviceOpRegistrations;
XlaDeviceOpRegistrations* RegisterXlaDeviceKernels(const char* device, const char* jit_device);

}  // namespace tensorflow

namespace dragoman_tensorflow {
namespace {

// Backends that say which operations are compiled alone: those that the CPU can take over, and the others.
constexpr char kSingleOpDevice[] = "DRAGOMAN_SINGLE_OP_JIT";
constexpr char kBoundOpDevice[] = "DRAGOMAN_BOUND_OP_JIT";
// A device type without devices, under which TensorFlow's own kernels that compile one operation are registered.
constexpr char kCompiledKernels[] = "DRAGOMAN_COMPILED";

constexpr size_t kMostRefusals = 256;  // that a kernel remembers

// Operations that never run alone on the device, so that TensorFlow places them on the CPU:
// - the extents of their results depend on values;
// - they take and give stacks and optionals, which are not arrays (host_kernels.h has those on lists);
// - they draw from TensorFlow's own state of random numbers, which programs of the device do not have;
// - they are to fail for some values, which their compiled form lets pass;
// - their compiled form asks for a device that TensorFlow knows by name;
// - they call functions, in which there may be anything: TensorFlow runs those operation by operation on the device.
constexpr std::string_view kNotAlone[] = {
    "DynamicPartition",
    "ListDiff",
    "NonMaxSuppressionV3",
    "Unique",
    "UniqueV2",
    "Where",
    "Multinomial",
    "ParameterizedTruncatedNormal",
    "RandomShuffle",
    "RandomUniform",
    "RandomUniformInt",
    "RandomStandardNormal",
    "TruncatedNormal",
    "EmptyTensorList",
    "Assert",
    "CheckNumerics",
    "CheckNumericsV2",
    "XlaCallModule",
    "PartitionedCall",
    "StatefulPartitionedCall",
    "While",
    "StatelessWhile",
    "If",
    "StatelessIf",
    "Case",
    "StatelessCase",
};
constexpr std::string_view kFamiliesNotAlone[] = {"TensorList", "TensorArray", "Stack", "Optional"};

bool IsCompiledAlone(std::string_view op) {
  const auto begins = [op](std::string_view family) { return op.substr(0, family.size()) == family; };
  return std::find(std::begin(kNotAlone), std::end(kNotAlone), op) == std::end(kNotAlone) &&
         std::none_of(std::begin(kFamiliesNotAlone), std::end(kFamiliesNotAlone), begins);
}

bool IsArray(const tensorflow::OpDef::ArgDef& argument) {
  return argument.type() != tensorflow::DT_RESOURCE && argument.type() != tensorflow::DT_VARIANT;
}

// Whether arrays in the host's memory are all that the CPU's kernel needs: no variable, no function, no other state.
bool CanMoveToTheHost(const std::string& op) {
  const tensorflow::OpDef* definition = nullptr;
  if (!tensorflow::OpRegistry::Global()->LookUpOpDef(op, &definition).ok() || definition->is_stateful()) return false;
  const auto is_function = [](const tensorflow::OpDef::AttrDef& attribute) {
    return attribute.type() == "func" || attribute.type() == "list(func)";
  };
  return std::all_of(definition->input_arg().begin(), definition->input_arg().end(), &IsArray) &&
         std::all_of(definition->output_arg().begin(), definition->output_arg().end(), &IsArray) &&
         std::none_of(definition->attr().begin(), definition->attr().end(), is_function);
}

bool IsSingleOp(tensorflow::KernelDef* kernel) {
  return RestrictTypes(kernel) && IsCompiledAlone(kernel->op()) && CanMoveToTheHost(kernel->op());
}

bool IsBoundOp(tensorflow::KernelDef* kernel) {
  return RestrictTypes(kernel) && IsCompiledAlone(kernel->op()) && !CanMoveToTheHost(kernel->op());
}

// TensorFlow's kernel that compiles an operation and runs it, and the CPU's where it cannot be compiled.
class SingleOp : public tensorflow::OpKernel {
 public:
  explicit SingleOp(tensorflow::OpKernelConstruction* construction)
      : OpKernel(construction), graph_def_version_(construction->graph_def_version()) {
    absl::Status status;
    compiled_ = tensorflow::CreateOpKernel(tensorflow::DeviceType(kCompiledKernels), construction->device(),
                                           construction->device()->GetAllocator({}), def(),
                                           construction->graph_def_version(), &status);
    OP_REQUIRES_OK(construction, status);
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    absl::Status compiled = absl::UnimplementedError("");
    if (!WasRefused(context)) compiled = RunCompiled(context);
    if (compiled.ok()) return;
    const bool is_refused = absl::IsUnimplemented(compiled) || absl::IsInvalidArgument(compiled);
    HostRun* host = is_refused ? Host(context) : nullptr;
    if (host == nullptr) {
      context->SetStatus(compiled);
      return;
    }
    OP_REQUIRES_OK(context, RunOnHost(context, *host));
    if (absl::IsUnimplemented(compiled)) NoteRefusal(context, compiled);
  }

 private:
  // The shapes of the inputs, on which it depends what can be compiled.
  static std::string Shapes(tensorflow::OpKernelContext* context) {
    std::string shapes;
    for (int i = 0; i < context->num_inputs(); ++i) shapes += context->input(i).shape().DebugString();
    return shapes;
  }

  bool WasRefused(tensorflow::OpKernelContext* context) {
    if (!has_refused_) return false;
    std::lock_guard<std::mutex> lock(refused_mutex_);
    return refused_.count(Shapes(context)) != 0;
  }

  void NoteRefusal(tensorflow::OpKernelContext* context, const absl::Status& why) {
    std::lock_guard<std::mutex> lock(refused_mutex_);
    if (refused_.empty()) LOG(INFO) << type_string() << " runs on the CPU: " << why.message();
    if (refused_.size() < kMostRefusals) refused_.insert(Shapes(context));
    has_refused_ = true;
  }

  // In a context of its own, for a failure in the given one would be final.
  absl::Status RunCompiled(tensorflow::OpKernelContext* context) {
    const std::vector<tensorflow::TensorValue> inputs = InputsOf(context);
    std::vector<tensorflow::AllocatorAttributes> input_places(context->num_inputs());
    std::vector<tensorflow::AllocatorAttributes> places(context->num_outputs());
    for (int i = 0; i < context->num_inputs(); ++i) input_places[i] = context->input_alloc_attr(i);
    for (int i = 0; i < context->num_outputs(); ++i) places[i] = context->output_alloc_attr(i);
    auto params = ParamsFrom(context, compiled_.get(), static_cast<tensorflow::DeviceBase*>(context->device()));
    params.output_attr_array = places.data();
    params.inputs = inputs;
    params.input_alloc_attrs = input_places;
    params.op_device_context = context->op_device_context();
    tensorflow::OpKernelContext trial(&params, context->num_outputs());
    compiled_->Compute(&trial);
    if (!trial.status().ok()) return trial.status();
    const std::vector<tensorflow::Tensor> outputs = TakeOutputs(trial);
    for (int i = 0; i < context->num_outputs(); ++i) {
      if (outputs[i].dtype() != tensorflow::DT_INVALID) context->set_output(i, outputs[i]);
    }
    return absl::OkStatus();
  }

  // The CPU's kernel, made when it is first needed; null where there is none.
  HostRun* Host(tensorflow::OpKernelContext* context) {
    std::call_once(is_host_made_, [&] {
      host_ =
          std::make_unique<HostRun>(static_cast<tensorflow::DeviceBase*>(context->device()), def(), graph_def_version_);
    });
    return host_->status().ok() ? host_.get() : nullptr;
  }

  absl::Status RunOnHost(tensorflow::OpKernelContext* context, HostRun& host) {
    tensorflow::DeviceContext* mover = context->op_device_context();
    auto* device = static_cast<tensorflow::Device*>(context->device());
    std::vector<tensorflow::Tensor> held(context->num_inputs());
    std::vector<tensorflow::TensorValue> inputs;
    for (int i = 0; i < context->num_inputs(); ++i) {
      held[i] = context->input(i);
      if (!context->input_alloc_attr(i).on_host()) {
        held[i] = tensorflow::Tensor(tensorflow::cpu_allocator(), held[i].dtype(), held[i].shape());
        TF_RETURN_IF_ERROR(mover->CopyDeviceTensorToCPUSync(&context->input(i), "", device, &held[i]));
      }
      inputs.emplace_back(&held[i]);
    }
    std::vector<tensorflow::Tensor> outputs;
    TF_RETURN_IF_ERROR(host.Run(context, inputs, outputs));
    for (int i = 0; i < context->num_outputs(); ++i) {
      if (outputs[i].dtype() == tensorflow::DT_INVALID) continue;
      tensorflow::Tensor moved = outputs[i];
      if (!context->output_alloc_attr(i).on_host()) {
        moved = tensorflow::Tensor(device->GetAllocator({}), outputs[i].dtype(), outputs[i].shape());
        TF_RETURN_IF_ERROR(mover->CopyCPUTensorToDeviceSync(&outputs[i], device, &moved));
      }
      context->set_output(i, moved);
    }
    return absl::OkStatus();
  }

  std::unique_ptr<tensorflow::OpKernel> compiled_;
  const int graph_def_version_;
  std::once_flag is_host_made_;
  std::unique_ptr<HostRun> host_;
  std::atomic<bool> has_refused_ = false;  // most kernels never lock
  std::mutex refused_mutex_;
  std::set<std::string> refused_;  // shapes
};

void RegisterSingleOp(const tensorflow::KernelDef& compiled, const std::string& device_type) {
  auto* definition = new tensorflow::KernelDef(compiled);  // the registry owns it
  definition->set_device_type(device_type);
  // What the compiler reads (shapes, axes) is in the host's memory, as TensorFlow's kernel has it.
  for (const std::string& name : *tensorflow::XlaOpRegistry::CompileTimeConstantInputArgNames(compiled.op())) {
    definition->add_host_memory_arg(name);
  }
  tensorflow::kernel_factory::OpKernelRegistrar(
      definition, "DragomanSingleOp", [](tensorflow::OpKernelConstruction* construction) -> tensorflow::OpKernel* {
        return new SingleOp(construction);
      });
}

}  // namespace

void RegisterSingleOps(const std::string& device_type) {
  using tensorflow::XlaOpRegistry;
  XlaOpRegistry::RegisterBackend(kSingleOpDevice, ElementTypes(), &IsSingleOp);
  XlaOpRegistry::RegisterBackend(kBoundOpDevice, ElementTypes(), &IsBoundOp);
  tensorflow::RegisterXlaDeviceKernels(device_type.c_str(), kBoundOpDevice);
  tensorflow::RegisterXlaDeviceKernels(kCompiledKernels, kSingleOpDevice);
  for (const tensorflow::KernelDef* kernel : XlaOpRegistry::DeviceKernels(kSingleOpDevice, false)) {
    RegisterSingleOp(*kernel, device_type);
  }
}

}  // namespace dragoman_tensorflow
