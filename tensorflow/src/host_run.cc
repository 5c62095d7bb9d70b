// SPDX-License-Identifier: Apache-2.0
#include "host_run.h"

#include <string>

namespace dragoman_tensorflow {

tensorflow::Allocator* HostDevice::GetAllocator(tensorflow::AllocatorAttributes) { return tensorflow::cpu_allocator(); }

namespace {

// The CPU device has kernels that compile operations too, and those want a device of TensorFlow's own.
absl::Status RefuseCompiledKernel(const tensorflow::NodeDef& definition) {
  const tensorflow::KernelDef* kernel = nullptr;
  std::string kernel_class;
  TF_RETURN_IF_ERROR(tensorflow::FindKernelDef(tensorflow::DEVICE_CPU, definition, &kernel, &kernel_class));
  if (kernel_class.find("XlaCompileOnDemand") == std::string::npos) return absl::OkStatus();
  return absl::NotFoundError("TensorFlow's CPU device has no kernel of its own for " + definition.op() + ".");
}

}  // namespace

HostRun::HostRun(tensorflow::DeviceBase* device, const tensorflow::NodeDef& definition, int graph_def_version)
    : device_(device), status_(RefuseCompiledKernel(definition)) {
  if (!status_.ok()) return;
  kernel_ = tensorflow::CreateOpKernel(tensorflow::DEVICE_CPU, &device_, tensorflow::cpu_allocator(), definition,
                                       graph_def_version, &status_);
  if (!status_.ok()) return;
  output_places_.resize(kernel_->num_outputs());
  for (tensorflow::AllocatorAttributes& place : output_places_) place.set_on_host(true);
}

absl::Status HostRun::Run(tensorflow::OpKernelContext* context, const std::vector<tensorflow::TensorValue>& inputs,
                          std::vector<tensorflow::Tensor>& outputs) {
  tensorflow::OpKernelContext::Params params = ParamsFrom(context, kernel_.get(), &device_);
  params.output_attr_array = output_places_.data();
  params.inputs = inputs;
  tensorflow::OpKernelContext host(&params, kernel_->num_outputs());
  kernel_->Compute(&host);
  if (host.status().ok()) outputs = TakeOutputs(host);
  return host.status();
}

tensorflow::OpKernelContext::Params ParamsFrom(tensorflow::OpKernelContext* context, tensorflow::OpKernel* kernel,
                                               tensorflow::DeviceBase* device) {
  tensorflow::OpKernelContext::Params params;
  params.op_kernel = kernel;
  params.device = device;
  params.step_id = context->step_id();
  params.resource_manager = context->resource_manager();
  params.step_container = context->step_container();
  params.cancellation_manager = context->cancellation_manager();
  params.function_library = context->function_library();
  params.runner = context->runner();
  return params;
}

std::vector<tensorflow::TensorValue> InputsOf(tensorflow::OpKernelContext* context) {
  std::vector<tensorflow::TensorValue> inputs;
  for (int i = 0; i < context->num_inputs(); ++i) {
    inputs.emplace_back(const_cast<tensorflow::Tensor*>(&context->input(i)));
  }
  return inputs;
}

std::vector<tensorflow::Tensor> TakeOutputs(tensorflow::OpKernelContext& context) {
  std::vector<tensorflow::Tensor> outputs(context.num_outputs(), tensorflow::Tensor(tensorflow::DT_INVALID));
  for (int i = 0; i < context.num_outputs(); ++i) {
    const std::unique_ptr<tensorflow::Tensor> output(context.release_output(i).tensor);
    if (output != nullptr) outputs[i] = *output;
  }
  return outputs;
}

}  // namespace dragoman_tensorflow
