// SPDX-License-Identifier: Apache-2.0
#include "measure/time_program.h"

#include <chrono>
#include <cstring>

#include "base/format.h"

namespace dragoman::measure {
namespace {

// Of a float type: the bits of a half, and those below its exponent.
struct FloatBits {
  DType type;
  uint64_t half;
  uint64_t mantissa;
};
constexpr FloatBits kFloats[] = {
    {DType::kF16, 0x3800, 0x3ff},        {DType::kBF16, 0x3f00, 0x7f},
    {DType::kF32, 0x3f000000, 0x7fffff}, {DType::kF64, 0x3fe0000000000000, 0xfffffffffffff},
    {DType::kF8E4M3FN, 0x30, 0x7},       {DType::kF8E5M2, 0x38, 0x3},
};

// What real data do, so that a card draws the power that it draws for them.
void FillFloats(const FloatBits& bits, std::vector<std::byte>& bytes) {
  const size_t size = SizeBytes(bits.type);
  uint64_t state = 0x9E3779B97F4A7C15;
  for (size_t at = 0; at + size <= bytes.size(); at += size) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const uint64_t value = bits.half | (state >> 12 & bits.mantissa);
    std::memcpy(bytes.data() + at, &value, size);
  }
}

StatusOr<std::shared_ptr<runtime::Buffer>> MakeArgument(runtime::Device& device, const TensorType& type) {
  if (IsToken(type.dtype)) return device.Allocate(type);
  std::vector<std::byte> bytes(static_cast<size_t>(type.size_bytes()));
  for (const FloatBits& bits : kFloats) {
    if (bits.type == RealPart(type.dtype)) FillFloats(bits, bytes);
  }
  return device.FromHost(type, {bytes.data(), {}});
}

bool TalksWithTheHost(const program::Program& program) {
  for (const program::Step* step : program::AllSteps(program)) {
    if (step->kind == program::StepKind::kSend || step->kind == program::StepKind::kRecv) return true;
  }
  return false;
}

}  // namespace

StatusOr<std::vector<std::shared_ptr<runtime::Buffer>>> MakeArguments(runtime::Device& device,
                                                                      const program::Program& program) {
  std::vector<std::shared_ptr<runtime::Buffer>> arguments;
  for (const program::TensorSpec& parameter : program.parameters) {
    ASSIGN_OR_RETURN(arguments.emplace_back(), MakeArgument(device, parameter.type));
  }
  return arguments;
}

StatusOr<StepTimes> TimeProgram(runtime::Device& device, const program::ValidProgram& program,
                                const Repetition& repetition) {
  if (TalksWithTheHost(*program)) {
    return Unimplemented(Format("The program{} calls back to Python as it runs, so it cannot be timed outside of it.",
                                program->name.empty() ? "" : " " + program->name));
  }
  ASSIGN_OR_RETURN(const auto executable, device.Load(program));
  ASSIGN_OR_RETURN(const auto arguments, MakeArguments(device, *program));
  StepTimes times;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i <= repetition.most; ++i) {
    std::vector<runtime::KernelRun> runs;
    runtime::ExecuteOptions options;
    options.runs = &runs;
    ASSIGN_OR_RETURN(const auto result, executable->Execute(arguments, options));
    RETURN_IF_ERROR(result.done->Await());
    if (i > 0) times.Add(runs);
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    if (i > 0 && passed.count() > repetition.seconds) break;
  }
  return times;
}

}  // namespace dragoman::measure
