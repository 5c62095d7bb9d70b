// SPDX-License-Identifier: Apache-2.0
#ifndef DRAGOMAN_TENSORFLOW_HOST_RUN_H_
#define DRAGOMAN_TENSORFLOW_HOST_RUN_H_

#include <memory>
#include <vector>

#include "tensorflow/core/framework/op_kernel.h"

namespace dragoman_tensorflow {

// The device with the host's memory instead of its own.
class HostDevice : public tensorflow::DeviceBase {
 public:
  explicit HostDevice(tensorflow::DeviceBase* device) : DeviceBase(device->env()), device_(device) {}

  tensorflow::Allocator* GetAllocator(tensorflow::AllocatorAttributes) override;
  const CpuWorkerThreads* tensorflow_cpu_worker_threads() const override {
    return device_->tensorflow_cpu_worker_threads();
  }
  bool has_eigen_cpu_device() const override { return device_->has_eigen_cpu_device(); }
  const Eigen::ThreadPoolDevice* eigen_cpu_device() override { return device_->eigen_cpu_device(); }
  const tensorflow::DeviceAttributes& attributes() const override { return device_->attributes(); }
  const std::string& name() const override { return device_->name(); }

 private:
  tensorflow::DeviceBase* device_;
};

// The CPU's kernel of the operation that a kernel of the device is for.
class HostRun {
 public:
  // Whether there is such a kernel is in `status()`.
  HostRun(tensorflow::DeviceBase* device, const tensorflow::NodeDef& definition, int graph_def_version);

  const absl::Status& status() const { return status_; }

  // Runs it on inputs in the host's memory. An output that the kernel does not give is an empty tensor without a type.
  absl::Status Run(tensorflow::OpKernelContext* context, const std::vector<tensorflow::TensorValue>& inputs,
                   std::vector<tensorflow::Tensor>& outputs);

 private:
  HostDevice device_;
  absl::Status status_;
  std::unique_ptr<tensorflow::OpKernel> kernel_;
  std::vector<tensorflow::AllocatorAttributes> output_places_;
};

// What two kernels of one execution share.
tensorflow::OpKernelContext::Params ParamsFrom(tensorflow::OpKernelContext* context, tensorflow::OpKernel* kernel,
                                               tensorflow::DeviceBase* device);

// The inputs as they are given, without further references to them.
std::vector<tensorflow::TensorValue> InputsOf(tensorflow::OpKernelContext* context);

// Takes what a kernel made.
std::vector<tensorflow::Tensor> TakeOutputs(tensorflow::OpKernelContext& context);

}  // namespace dragoman_tensorflow

#endif  // DRAGOMAN_TENSORFLOW_HOST_RUN_H_
