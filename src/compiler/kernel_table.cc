// SPDX-License-Identifier: Apache-2.0
#include "compiler/kernel_table.h"

#include "codegen/codegen.h"

namespace dragoman::compiler {

StatusOr<uint32_t> KernelTable::Get(const kernel::Kernel& kernel) {
  std::string text = kernel::Print(kernel);
  const auto found = by_text_.find(text);
  if (found != by_text_.end()) return found->second;
  ASSIGN_OR_RETURN(program::Kernel generated, codegen::GenerateSpirv(kernel, profile_));
  const auto [entry, is_new] = by_hash_.emplace(generated.hash, static_cast<uint32_t>(kernels_.size()));
  if (is_new) {
    if (on_kernel_) on_kernel_(generated, kernel);
    kernels_.push_back(std::move(generated));
    if (profile_.type == target::DeviceType::kCpu) sources_.push_back(kernel);
  }
  by_text_.emplace(std::move(text), entry->second);
  return entry->second;
}

}  // namespace dragoman::compiler
