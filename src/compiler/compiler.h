// SPDX-License-Identifier: Apache-2.0
// The driver: artifact bytes and a device profile in, a program out. Pure and deterministic: equal inputs give equal
// bytes. Safe to call from many threads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "compiler/artifact.h"
#include "ir/ir.h"
#include "program/program.h"
#include "target/compile_context.h"

namespace dragoman::kernel {
struct Kernel;
struct ProductChoices;
}  // namespace dragoman::kernel

namespace dragoman::compiler {

struct Options : target::Options {
  bool explains = false;  // the program says why its steps are what they are
  // Called after each stage with its name and a text form; for `dragoman compile --dump`.
  std::function<void(std::string_view stage, std::string_view text)> dump;
  // Called with each kernel and what it was generated from; for running programs without a device.
  std::function<void(const program::Kernel& generated, const kernel::Kernel& source)> on_kernel;
  // Called with what could be chosen for each product that has a choice, where `explains` is set; its key stands among
  // the step's reasons in a line that begins with kProductLine.
  std::function<void(const kernel::ProductChoices&)> on_product;
};

inline constexpr std::string_view kProductLine = "product: ";

// For keys of caches: differs where options do that a program depends on (all of target::Options).
Hash128 Fingerprint(const target::Options& options);

// INVALID_ARGUMENT: damaged artifact. UNIMPLEMENTED: an operation, type or form that is not supported, by name, with
// its types and the Python line that the framework recorded.
// Whoever runs or keeps the program checks it (program::ValidProgram).
StatusOr<program::Program> Compile(const Artifact& artifact, const target::DeviceProfile& profile,
                                   const Options& options);
// From tensor IR on (text programs).
StatusOr<program::Program> CompileModule(std::unique_ptr<ir::Module> module, const target::DeviceProfile& profile,
                                         const Options& options);
// Identifies this compiler's version in cache keys; changes whenever generated code may.
std::string_view Version();

}  // namespace dragoman::compiler
