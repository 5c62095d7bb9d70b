// SPDX-License-Identifier: Apache-2.0
// TensorFlow's own kernels for lists on a pluggable device read the tensors' memory as a CUDA device's and end the
// process. A list itself, a variant, must stay on the device that the loop around it is on. So these kernels belong to
// the device, take and give tensors in the host's memory, and leave the work to the CPU's kernel of the operation.
#include "host_kernels.h"

#include <memory>
#include <string_view>
#include <vector>

#include "tensorflow/core/framework/kernel_def_builder.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace dragoman_tensorflow {
namespace {

using namespace tensorflow;  // NOLINT: this file is TensorFlow's side

constexpr const char* kListOps[] = {
    "TensorListConcat",  "TensorListConcatV2", "TensorListFromTensor", "TensorListGather",
    "TensorListGetItem", "TensorListPopBack",  "TensorListPushBack",   "TensorListPushBackBatch",
    "TensorListScatter", "TensorListSetItem",  "TensorListScatterV2",  "TensorListScatterIntoExistingList",
    "TensorListSplit",   "TensorListStack",
};
// What an optional holds stays where it is. Keras puts each step's loss and metrics into one: were that the CPU's,
// every step would wait for the device.
constexpr const char* kOptionalOps[] = {"OptionalFromValue", "OptionalGetValue", "OptionalHasValue", "OptionalNone"};
// Of their many types only lists are meant.
constexpr const char* kOpsOnLists[] = {"AddN", "ZerosLike"};

// The device with the host's memory instead of its own.
class HostDevice : public DeviceBase {
 public:
  explicit HostDevice(DeviceBase* device) : DeviceBase(device->env()), device_(device) {}

  Allocator* GetAllocator(AllocatorAttributes) override { return cpu_allocator(); }
  const CpuWorkerThreads* tensorflow_cpu_worker_threads() const override {
    return device_->tensorflow_cpu_worker_threads();
  }
  bool has_eigen_cpu_device() const override { return device_->has_eigen_cpu_device(); }
  const Eigen::ThreadPoolDevice* eigen_cpu_device() override { return device_->eigen_cpu_device(); }
  const DeviceAttributes& attributes() const override { return device_->attributes(); }
  const std::string& name() const override { return device_->name(); }

 private:
  DeviceBase* device_;
};

class HostKernel : public OpKernel {
 public:
  explicit HostKernel(OpKernelConstruction* construction)
      : OpKernel(construction), device_(static_cast<DeviceBase*>(construction->device())) {
    absl::Status status;
    kernel_ = CreateOpKernel(DEVICE_CPU, &device_, cpu_allocator(), def(), construction->graph_def_version(), &status);
    OP_REQUIRES_OK(construction, status);
    output_places_.resize(kernel_->num_outputs());
    for (AllocatorAttributes& place : output_places_) place.set_on_host(true);
  }

  void Compute(OpKernelContext* context) override {
    OpKernelContext::Params params;
    params.op_kernel = kernel_.get();
    params.device = &device_;
    params.step_id = context->step_id();
    params.resource_manager = context->resource_manager();
    params.step_container = context->step_container();
    params.cancellation_manager = context->cancellation_manager();
    params.function_library = context->function_library();
    params.runner = context->runner();
    params.output_attr_array = output_places_.data();
    std::vector<TensorValue> inputs;
    for (int i = 0; i < context->num_inputs(); ++i) inputs.emplace_back(const_cast<Tensor*>(&context->input(i)));
    params.inputs = inputs;
    OpKernelContext host(&params, kernel_->num_outputs());
    kernel_->Compute(&host);
    OP_REQUIRES_OK(context, host.status());
    for (int i = 0; i < host.num_outputs(); ++i) {
      const std::unique_ptr<Tensor> output(host.release_output(i).tensor);
      if (output != nullptr) context->set_output(i, *output);
    }
  }

 private:
  HostDevice device_;
  std::unique_ptr<OpKernel> kernel_;
  std::vector<AllocatorAttributes> output_places_;
};

void Register(const KernelDef* definition) {
  kernel_factory::OpKernelRegistrar(
      definition, "DragomanHostKernel",
      [](OpKernelConstruction* construction) -> OpKernel* { return new HostKernel(construction); });
}

template <typename Arguments>
void KeepTensorsOnHost(const Arguments& arguments, KernelDefBuilder& builder) {
  for (const OpDef::ArgDef& argument : arguments) {
    if (argument.type() != DT_VARIANT) builder.HostMemory(argument.name().c_str());
  }
}

}  // namespace

void RegisterHostKernels(const std::string& device_type) {
  for (const char* op : kListOps) {
    const OpDef* definition = nullptr;
    if (!OpRegistry::Global()->LookUpOpDef(op, &definition).ok()) continue;
    KernelDefBuilder builder(op);
    builder.Device(device_type.c_str());
    KeepTensorsOnHost(definition->input_arg(), builder);
    KeepTensorsOnHost(definition->output_arg(), builder);
    Register(builder.Build());
  }
  for (const char* op : kOptionalOps) {
    KernelDefBuilder builder(op);
    builder.Device(device_type.c_str()).Priority(1);
    if (std::string_view(op) == "OptionalHasValue") builder.HostMemory("has_value");
    Register(builder.Build());
  }
  for (const char* op : kOpsOnLists) {
    Register(KernelDefBuilder(op).Device(device_type.c_str()).TypeConstraint<Variant>("T").Priority(1).Build());
  }
}

}  // namespace dragoman_tensorflow
