// SPDX-License-Identifier: Apache-2.0
#include "compiler/kernel_table.h"

#include "codegen/codegen.h"
#include "kernel/kernel_hash.h"

namespace dragoman::compiler {

StatusOr<uint32_t> KernelTable::Get(const KernelForm& form) {
  if (const auto found = by_form_.find(form); found != by_form_.end()) return found->second;
  kernel::Kernel kernel = *form.kernel;
  for (size_t i = 0; i < form.aliases.size(); ++i) kernel.buffers[i].may_alias = form.aliases[i];
  kernel.is_segmented = form.is_segmented;
  ASSIGN_OR_RETURN(const uint32_t index, Get(kernel));
  by_form_.emplace(form, index);
  return index;
}

StatusOr<uint32_t> KernelTable::Get(const kernel::Kernel& kernel) {
  const Hash128 hash = kernel::HashKernel(kernel);
  if (const auto found = by_hash_.find(hash); found != by_hash_.end()) return found->second;
  ASSIGN_OR_RETURN(program::Kernel generated, codegen::GenerateSpirv(kernel, profile_));
  const auto [entry, is_new] = by_code_.emplace(generated.hash, static_cast<uint32_t>(kernels_.size()));
  if (is_new) {
    if (on_kernel_) on_kernel_(generated, kernel);
    kernels_.push_back(std::move(generated));
    if (profile_.type == target::DeviceType::kCpu) sources_.push_back(kernel);
  }
  by_hash_.emplace(hash, entry->second);
  return entry->second;
}

}  // namespace dragoman::compiler
