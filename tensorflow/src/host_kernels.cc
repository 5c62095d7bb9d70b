// SPDX-License-Identifier: Apache-2.0
// TensorFlow's own kernels for lists on a pluggable device read the tensors' memory as a CUDA device's and end the
// process. A list itself, a variant, must stay on the device that the loop around it is on. So these kernels belong to
// the device, take and give tensors in the host's memory, and leave the work to the CPU's kernel of the operation.
#include "host_kernels.h"

#include <string_view>
#include <vector>

#include "host_run.h"
#include "tensorflow/core/framework/kernel_def_builder.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace dragoman_tensorflow {
namespace {

using namespace tensorflow;  // NOLINT: this file is TensorFlow's side

// The last is what TensorFlow's optimizer makes of AsString and StringToHashBucketFast, wherever they are.
constexpr const char* kHostOps[] = {
    "TensorListConcat",  "TensorListConcatV2", "TensorListFromTensor",    "TensorListGather",
    "TensorListGetItem", "TensorListPopBack",  "TensorListPushBack",      "TensorListPushBackBatch",
    "TensorListScatter", "TensorListSetItem",  "TensorListScatterV2",     "TensorListScatterIntoExistingList",
    "TensorListSplit",   "TensorListStack",    "_TensorToHashBucketFast",
};
// What an optional holds stays where it is. Keras puts each step's loss and metrics into one: were that the CPU's,
// every step would wait for the device.
constexpr const char* kOptionalOps[] = {"OptionalFromValue", "OptionalGetValue", "OptionalHasValue", "OptionalNone"};
// Of their many types only lists are meant.
constexpr const char* kOpsOnLists[] = {"AddN", "ZerosLike"};

class HostKernel : public OpKernel {
 public:
  explicit HostKernel(OpKernelConstruction* construction)
      : OpKernel(construction),
        host_(static_cast<DeviceBase*>(construction->device()), def(), construction->graph_def_version()) {
    OP_REQUIRES_OK(construction, host_.status());
  }

  void Compute(OpKernelContext* context) override {
    std::vector<Tensor> outputs;
    OP_REQUIRES_OK(context, host_.Run(context, InputsOf(context), outputs));
    for (int i = 0; i < context->num_outputs(); ++i) {
      if (outputs[i].dtype() != DT_INVALID) context->set_output(i, outputs[i]);
    }
  }

 private:
  HostRun host_;
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
  for (const char* op : kHostOps) {
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
