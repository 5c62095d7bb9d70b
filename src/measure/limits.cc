// SPDX-License-Identifier: Apache-2.0
#include "measure/limits.h"

#include <algorithm>

#include "base/format.h"
#include "codegen/codegen.h"
#include "compiler/compiler.h"
#include "ir/ir.h"
#include "measure/probes.h"
#include "measure/time_program.h"

namespace dragoman::measure {
namespace {

using target::DeviceProfile;

constexpr Repetition kProbes = {.most = 7, .seconds = 0.5};

double LeastSeconds(const StepTimes& times) { return std::max(times.LeastTotal(), 1e-9); }

// A kernel that writes one buffer of f32, and does all for that.
StatusOr<double> TimeKernel(runtime::Device& device, const kernel::Kernel& kernel, uint32_t workgroups) {
  program::Program program;
  program.name = "probe";
  ASSIGN_OR_RETURN(program::Kernel generated, codegen::GenerateSpirv(kernel, device.profile()));
  program.kernels.push_back(std::move(generated));
  const int64_t elements = int64_t{workgroups} * kernel.workgroup_size;
  program.outputs.push_back({TensorType{DType::kF32, {elements}}});
  program.forwarded_parameters = {-1};
  program.slots.push_back({program::SlotKind::kOutput, 0, 0, static_cast<uint64_t>(elements) * 4});
  program.steps.push_back({.workgroups = workgroups, .buffers = {0}, .label = "probe"});
  ASSIGN_OR_RETURN(const auto valid, program::ValidProgram::Check(std::move(program)));
  ASSIGN_OR_RETURN(const StepTimes times, TimeProgram(device, valid, kProbes));
  return LeastSeconds(times);
}

StatusOr<double> MeasureFlops(runtime::Device& device) {
  const DeviceProfile& profile = device.profile();
  const bool is_cpu = profile.type == target::DeviceType::kCpu;
  const int workgroup = std::min(profile.widest_workgroup(), is_cpu ? 64 : 256);
  const int rounds = is_cpu ? 2000 : 4000;
  const uint32_t workgroups = std::max(profile.compute_units, 1) * (is_cpu ? 16 : 32);
  ASSIGN_OR_RETURN(const double seconds, TimeKernel(device, MultiplyAdds(profile, workgroup, rounds), workgroups));
  return 2.0 * kProbeSums * rounds * workgroup * workgroups / seconds;
}

StatusOr<double> MeasureMatrixFlops(runtime::Device& device) {
  const DeviceProfile& profile = device.profile();
  double best = 0;
  if (!profile.cooperative_matrix) return best;
  for (const target::MatrixShape& shape : profile.matrix_shapes) {
    const bool is_half = shape.input == DType::kF16 || shape.input == DType::kBF16;
    const int subgroups = std::min(4, profile.widest_workgroup() / profile.subgroup_size);
    const int workgroup = subgroups * profile.subgroup_size, rounds = 1000;
    const bool fits = MatrixProbeBytes(profile, shape, workgroup) <= profile.shared_memory_bytes;
    if (!is_half || shape.accumulator != DType::kF32 || !fits) continue;
    const uint32_t workgroups = std::max(profile.compute_units, 1) * 16;
    const kernel::Kernel kernel = MatrixMultiplyAdds(profile, shape, workgroup, rounds);
    ASSIGN_OR_RETURN(const double seconds, TimeKernel(device, kernel, workgroups));
    const double products = 1.0 * shape.m * shape.n * shape.k * kProbeSums * rounds * subgroups * workgroups;
    best = std::max(best, 2 * products / seconds);
  }
  return best;
}

// Of the runtime's own kernel that copies.
StatusOr<double> TimeCopy(runtime::Device& device, int64_t size_bytes) {
  program::Program program;
  program.name = "probe";
  const TensorType type{DType::kU8, {size_bytes}};
  program.parameters.push_back({type});
  program.outputs.push_back({type});
  program.forwarded_parameters = {-1};
  const auto size = static_cast<uint64_t>(size_bytes);
  program.slots = {{program::SlotKind::kParameter, 0, 0, size}, {program::SlotKind::kOutput, 0, 0, size}};
  program.steps.push_back({.kind = program::StepKind::kCopy, .slot_a = 0, .slot_b = 1});
  ASSIGN_OR_RETURN(const auto valid, program::ValidProgram::Check(std::move(program)));
  ASSIGN_OR_RETURN(const StepTimes times, TimeProgram(device, valid, kProbes));
  return LeastSeconds(times);
}

// Of a program that negates so many numbers, which the compiler makes kernels of as of any other.
StatusOr<double> TimeNegation(runtime::Device& device, int64_t elements) {
  auto module = std::make_unique<ir::Module>();
  module->name = "probe";
  module->functions.push_back(std::make_unique<ir::Function>());
  ir::Function& main = *module->functions.back();
  main.name = "main";
  main.is_public = true;
  main.parameters.resize(1);
  const TensorType type{DType::kF32, {elements}};
  ir::Value* operand = main.body.AddArgument(type);
  ir::Value* result = main.body.Append(ir::OpCode::kNegate, {operand}, {type})->result();
  main.body.Append(ir::OpCode::kReturn, {result}, {});
  ASSIGN_OR_RETURN(auto program, compiler::CompileModule(std::move(module), device.profile(), {}));
  ASSIGN_OR_RETURN(const auto valid, program::ValidProgram::Check(std::move(program)));
  ASSIGN_OR_RETURN(const StepTimes times, TimeProgram(device, valid, kProbes));
  return LeastSeconds(times);
}

}  // namespace

StatusOr<Limits> MeasureLimits(runtime::Device& device) {
  const bool is_cpu = device.profile().type == target::DeviceType::kCpu;
  const uint64_t wanted = is_cpu ? 8u << 20 : 256u << 20;  // several times what caches hold
  const uint64_t granted = std::max<uint64_t>(device.profile().device_memory_bytes / 8, 1 << 20);
  const auto elements = static_cast<int64_t>(std::min(wanted, granted) / 4);
  Limits limits;
  ASSIGN_OR_RETURN(limits.launch_seconds, TimeNegation(device, 64));
  ASSIGN_OR_RETURN(const double copy_seconds, TimeCopy(device, 4 * elements));
  ASSIGN_OR_RETURN(const double negation_seconds, TimeNegation(device, elements));
  limits.bytes_per_second = 8.0 * static_cast<double>(elements) / std::min(copy_seconds, negation_seconds);
  ASSIGN_OR_RETURN(limits.flops_per_second, MeasureFlops(device));
  ASSIGN_OR_RETURN(limits.matrix_flops_per_second, MeasureMatrixFlops(device));
  return limits;
}

}  // namespace dragoman::measure
