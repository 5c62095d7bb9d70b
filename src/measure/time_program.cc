// SPDX-License-Identifier: Apache-2.0
#include "measure/time_program.h"

#include <chrono>
#include <climits>
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

// Executions one after the other for so many seconds, `most` at most, one at least.
Status RunFor(double seconds, int most, runtime::Executable& executable,
              const std::vector<std::shared_ptr<runtime::Buffer>>& arguments, StepTimes* times) {
  const auto start = std::chrono::steady_clock::now();
  std::chrono::duration<double> passed{};
  for (int i = 0; i == 0 || (i < most && passed.count() <= seconds); ++i) {
    std::vector<runtime::KernelRun> runs;
    runtime::ExecuteOptions options;
    options.runs = &runs;
    ASSIGN_OR_RETURN(const auto result, executable.Execute(arguments, options));
    RETURN_IF_ERROR(result.done->Await());
    if (times != nullptr) times->Add(runs);
    passed = std::chrono::steady_clock::now() - start;
  }
  return OkStatus();
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
  RETURN_IF_ERROR(RunFor(repetition.warm_up, INT_MAX, *executable, arguments, nullptr));
  RETURN_IF_ERROR(RunFor(repetition.seconds, repetition.most, *executable, arguments, &times));
  return times;
}

}  // namespace dragoman::measure
