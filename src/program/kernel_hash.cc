// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "program/program.h"

namespace dragoman::program {

Hash128 HashKernel(const Kernel& kernel) {
  const Hash128 words = HashVector(kernel.spirv);
  const std::array<uint64_t, 7> fields = {words.low,
                                          words.high,
                                          kernel.workgroup_size,
                                          kernel.num_buffers,
                                          kernel.num_params,
                                          kernel.required_subgroup_size,
                                          kernel.is_segmented ? 1u : 0u};
  return HashVector(fields);
}

}  // namespace dragoman::program
