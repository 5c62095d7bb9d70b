// SPDX-License-Identifier: Apache-2.0
#include "cli/arithmetic.h"

#include <cmath>
#include <limits>

#include "base/arithmetic.h"
#include "base/format.h"
#include "compiler/compiler.h"
#include "reference/evaluator.h"

namespace dragoman::cli {
namespace {

// Larger tensors are summed, so that they hold small integers, whose sums are exact.
constexpr int64_t kMostOfAnything = 4096;

constexpr double kFloats[] = {0.0,   -0.0,  1,         -1,    0.5,   2.5,       -3.75,  7,         100,        -1000,
                              1e-30, -1e30, 0x1.8p126, -3e38, 65504, 9.0109138, 19.125, kInfinity, -kInfinity, kNan};
constexpr int64_t kIntegerOperands[] = {0,
                                        1,
                                        -1,
                                        2,
                                        -3,
                                        7,
                                        100,
                                        -100,
                                        127,
                                        -128,
                                        32767,
                                        -32768,
                                        INT32_MAX,
                                        INT32_MIN,
                                        int64_t{1} << 31,
                                        int64_t{1} << 32,
                                        int64_t{1} << 40,
                                        -(int64_t{1} << 40),
                                        INT64_MAX,
                                        INT64_MIN};
constexpr int64_t kNumValues = std::size(kFloats);
static_assert(std::size(kIntegerOperands) == kNumValues);

// Every value of one parameter meets every one of the next in the first 400 elements.
ir::Literal InputOf(const TensorType& type, size_t parameter) {
  const int64_t count = type.num_elements();
  const bool is_large = count > kMostOfAnything;
  std::vector<double> floats;
  std::vector<int64_t> integers;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t small = (i * 7 + i / 13) % 5 - 2;
    const int64_t place = (parameter % 2 == 0 ? i : i / kNumValues) % kNumValues;
    floats.push_back(is_large ? static_cast<double>(small) : kFloats[place]);
    integers.push_back(is_large ? small : kIntegerOperands[place]);
  }
  if (IsFloat(type.dtype)) return reference::LiteralFromDoubles(type, floats);
  if (IsPred(type.dtype)) {
    for (int64_t i = 0; i < count; ++i) integers[i] = (i + static_cast<int64_t>(parameter)) % 3 == 0 ? 1 : 0;
  }
  return reference::LiteralFromInts(type, integers);
}

StatusOr<std::unique_ptr<ir::Module>> ModuleOf(const Trap& trap) {
  ASSIGN_OR_RETURN(auto module, ir::Parse(Format("module @trap\nfunc public @main{}", trap.program)));
  RETURN_IF_ERROR(ir::Verify(*module));
  return module;
}

double SmallestNormal(DType dtype) {
  if (dtype == DType::kF64) return std::numeric_limits<double>::min();
  const auto format = SmallFloat(dtype);
  return format.has_value() ? std::ldexp(1.0, 1 - format->exponent_bias) : double{std::numeric_limits<float>::min()};
}

bool IsRight(DType dtype, double expected, double actual, double tolerance) {
  if (std::isnan(expected) || std::isnan(actual)) return std::isnan(expected) && std::isnan(actual);
  const double smallest = SmallestNormal(dtype);
  if (std::fabs(expected) < smallest) return std::fabs(actual) <= smallest;
  if (expected == actual) return true;
  return std::isfinite(expected) && std::isfinite(actual) &&
         std::fabs(actual - expected) <= tolerance * std::fabs(expected);
}

// What differs in result `number`, empty when nothing does.
std::string Compare(size_t number, const ir::Literal& expected, const ir::Literal& actual, double tolerance) {
  const DType dtype = expected.type().dtype;
  const int64_t count = expected.type().num_elements();
  int64_t wrong = 0;
  std::string first;
  for (int64_t i = 0; i < count; ++i) {
    const bool is_float = IsFloat(dtype);
    const double right = is_float ? reference::ElementAsDouble(expected, i) : 0;
    const double given = is_float ? reference::ElementAsDouble(actual, i) : 0;
    const int64_t right_int = is_float ? 0 : reference::ElementAsInt(expected, i);
    const int64_t given_int = is_float ? 0 : reference::ElementAsInt(actual, i);
    if (is_float ? IsRight(dtype, right, given, tolerance) : right_int == given_int) continue;
    if (++wrong > 1) continue;
    first = is_float ? Format("element {} is {}, not {}", i, given, right)
                     : Format("element {} is {}, not {}", i, given_int, right_int);
  }
  if (wrong == 0) return "";
  return Format("{} of {} elements of result {} are wrong ({})", wrong, count, number, first);
}

StatusOr<std::vector<ir::Literal>> RunOnDevice(std::unique_ptr<ir::Module> module, std::span<const ir::Literal> inputs,
                                               runtime::Device& device, const target::DeviceProfile& profile) {
  ASSIGN_OR_RETURN(program::Program program, compiler::CompileModule(std::move(module), profile, {}));
  std::vector<TensorType> types;
  for (const program::TensorSpec& output : program.outputs) types.push_back(output.type);
  ASSIGN_OR_RETURN(const auto executable, device.Load(std::move(program)));
  std::vector<std::shared_ptr<runtime::Buffer>> arguments;
  for (const ir::Literal& input : inputs) {
    const std::vector<std::byte> bytes = input.Dense();
    ASSIGN_OR_RETURN(auto buffer, device.FromHost(input.type(), {bytes.data(), {}}));
    arguments.push_back(std::move(buffer));
  }
  ASSIGN_OR_RETURN(const runtime::ExecuteResult result, executable->Execute(arguments, {}));
  std::vector<ir::Literal> outputs;
  for (size_t i = 0; i < types.size(); ++i) {
    std::vector<std::byte> bytes(static_cast<size_t>(types[i].size_bytes()));
    RETURN_IF_ERROR(device.ToHost(result.outputs[i], bytes.data(), bytes.size())->Await());
    outputs.emplace_back(types[i], std::move(bytes));
  }
  return outputs;
}

}  // namespace

StatusOr<std::string> RunTrap(const Trap& trap, runtime::Device& device, const target::DeviceProfile& profile) {
  ASSIGN_OR_RETURN(auto module, ModuleOf(trap));
  std::vector<ir::Literal> inputs;
  for (const auto& argument : module->main()->body.arguments) inputs.push_back(InputOf(argument->type, inputs.size()));
  ASSIGN_OR_RETURN(const std::vector<ir::Literal> expected, reference::Evaluate(*module, "main", inputs));
  ASSIGN_OR_RETURN(const std::vector<ir::Literal> actual, RunOnDevice(std::move(module), inputs, device, profile));
  for (size_t i = 0; i < expected.size(); ++i) {
    const std::string difference = Compare(i, expected[i], actual[i], trap.tolerance);
    if (!difference.empty()) return difference;
  }
  return std::string();
}

Check ArithmeticOf(runtime::Device& device) {
  const target::DeviceProfile& profile = device.profile();
  Check check{"Arithmetic", true, "", ""};
  const std::string driver = Format("{}, driver {} {}", profile.name, profile.driver_name, profile.driver_info);
  std::string wrong;
  int num_right = 0, num_lacking = 0;
  for (const Trap& trap : Traps()) {
    const auto answer = RunTrap(trap, device, profile);
    if (answer.ok() && answer->empty()) {
      ++num_right;
    } else if (!answer.ok() && answer.status().code() == StatusCode::kUnimplemented) {
      ++num_lacking;
    } else {
      wrong +=
          Format("{}{}: {}", wrong.empty() ? "" : "; ", trap.name, answer.ok() ? *answer : answer.status().message());
    }
  }
  check.ok = wrong.empty();
  if (check.ok) {
    check.found = Format("{} of {} programs with known answers are right on {}", num_right, Traps().size(), driver);
    if (num_lacking > 0) check.found += Format(" ({} need types that it lacks)", num_lacking);
  } else {
    check.found = Format("{} computes wrongly. {}", driver, wrong);
    check.cure = "Update the driver and run this again; until it is right choose another device.";
  }
  return check;
}

}  // namespace dragoman::cli
