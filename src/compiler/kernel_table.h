// SPDX-License-Identifier: Apache-2.0
// The program's kernels: generated when first asked for, found again by what they do.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "kernel/kernel_ir.h"
#include "program/program.h"
#include "target/profile.h"

namespace dragoman::compiler {

// What a dispatch needs of a kernel beyond what was lowered.
struct KernelForm {
  std::shared_ptr<const kernel::Kernel> kernel;
  std::vector<bool> aliases;  // per buffer: may be another one's memory
  bool is_segmented = false;
  auto operator<=>(const KernelForm&) const = default;
};

class KernelTable {
 public:
  using OnKernel = std::function<void(const program::Kernel& generated, const kernel::Kernel& source)>;
  // `on_kernel`, where there is one, is called for each new kernel.
  explicit KernelTable(const target::DeviceProfile& profile, OnKernel on_kernel = {})
      : profile_(profile), on_kernel_(std::move(on_kernel)) {}
  // Indices into kernels().
  StatusOr<uint32_t> Get(const KernelForm& form);
  StatusOr<uint32_t> Get(const kernel::Kernel& kernel);
  std::vector<program::Kernel>& kernels() { return kernels_; }
  // What a kernel was generated from; on CPUs, for LoopJoiner.
  const kernel::Kernel& Source(uint32_t index) const { return sources_[index]; }

 private:
  const target::DeviceProfile& profile_;
  OnKernel on_kernel_;
  std::map<KernelForm, uint32_t> by_form_;                        // by the kernel's identity
  std::unordered_map<Hash128, uint32_t, Hash128Hasher> by_hash_;  // of what it says
  std::unordered_map<Hash128, uint32_t, Hash128Hasher> by_code_;  // of its SPIR-V
  std::vector<program::Kernel> kernels_;
  std::vector<kernel::Kernel> sources_;
};

}  // namespace dragoman::compiler
