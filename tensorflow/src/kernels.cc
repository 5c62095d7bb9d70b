// SPDX-License-Identifier: Apache-2.0
#include "kernels.h"

#include <cstdio>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

namespace dragoman_tensorflow {
namespace {

void PassThrough(void*, TF_OpKernelContext* context) {
  TF_Status* status = TF_NewStatus();
  TF_Tensor* tensor = nullptr;
  TF_GetInput(context, 0, &tensor, status);
  if (TF_GetCode(status) == TF_OK) TF_SetOutput(context, 0, tensor, status);
  if (TF_GetCode(status) != TF_OK) TF_OpKernelContext_Failure(context, status);
  TF_DeleteTensor(tensor);
  TF_DeleteStatus(status);
}

// Passes eager constants of one type through, before the compiled kernel.
void RegisterConstant(const std::string& device_type, TF_DataType type, bool is_on_host) {
  TF_Status* status = TF_NewStatus();
  TF_KernelBuilder* builder = TF_NewKernelBuilder("_EagerConst", device_type.c_str(), nullptr, &PassThrough, nullptr);
  TF_KernelBuilder_TypeConstraint(builder, "T", type, status);
  if (is_on_host) {
    TF_KernelBuilder_HostMemory(builder, "input");
    TF_KernelBuilder_HostMemory(builder, "output");
  }
  TF_KernelBuilder_Priority(builder, 1);
  if (TF_GetCode(status) == TF_OK) TF_RegisterKernelBuilder("DragomanEagerConst", builder, status);
  if (TF_GetCode(status) != TF_OK) std::fprintf(stderr, "dragoman: constants: %s\n", TF_Message(status));
  TF_DeleteStatus(status);
}

}  // namespace

// Eager TensorFlow keeps int32 constants in the host's memory, where the compiled kernel does not look for its operand:
// without a kernel of their own it reads zeros. The other types lie on the device already and need no program.
void RegisterKernels(const std::string& device_type) {
  constexpr TF_DataType kOnDevice[] = {
      TF_BOOL,   TF_INT8, TF_INT16,    TF_INT64, TF_UINT8,  TF_UINT16,    TF_UINT32,
      TF_UINT64, TF_HALF, TF_BFLOAT16, TF_FLOAT, TF_DOUBLE, TF_COMPLEX64, TF_COMPLEX128,
  };
  RegisterConstant(device_type, TF_INT32, /*is_on_host=*/true);
  for (const TF_DataType type : kOnDevice) RegisterConstant(device_type, type, /*is_on_host=*/false);
}

}  // namespace dragoman_tensorflow
