// SPDX-License-Identifier: Apache-2.0
#include "runtime/builtin_kernels.h"

#include <span>

namespace dragoman::runtime {
namespace {

#include "runtime/builtin_spirv.inc"

struct Row {
  std::span<const uint32_t> spirv;
  uint32_t workgroup_size;
  uint32_t num_buffers;
  uint32_t num_params;
};

std::vector<program::Kernel> MakeKernels() {
  const Row rows[kNumBuiltinKernels] = {
      {kCopy16Spirv, kBuiltinWorkgroup, 2, 2}, {kCopy4Spirv, kBuiltinWorkgroup, 2, 2}, {kPredicateSpirv, 64, 5, 3}};
  std::vector<program::Kernel> kernels;
  for (const Row& row : rows) {
    program::Kernel kernel{.spirv = {row.spirv.begin(), row.spirv.end()},
                           .workgroup_size = row.workgroup_size,
                           .num_buffers = row.num_buffers,
                           .num_params = row.num_params};
    kernel.hash = program::HashKernel(kernel);
    kernels.push_back(std::move(kernel));
  }
  return kernels;
}

}  // namespace

const std::vector<program::Kernel>& BuiltinKernels() {
  static const std::vector<program::Kernel> kernels = MakeKernels();
  return kernels;
}

}  // namespace dragoman::runtime
