// SPDX-License-Identifier: Apache-2.0
// Runs programs on the Vulkan device at hand with made-up arguments and compares what they give with the reference
// evaluator, or, when that would take too long, with the same program compiled one operation a kernel. Each program has
// a process of its own, so a driver that crashes or hangs costs one line.
//
//   check_programs [--limit SECONDS] [--reference FLOPS] PROGRAM|FOLDER...
//     --limit SECONDS     after which a program hangs (default: 300)
//     --reference FLOPS   programs of at most so many operations go to the evaluator (default: 30 million)
//
// DRAGOMAN_VISIBLE_DEVICES chooses the device. Exit code 0: every program is right; 1: the lines say which is not.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "base/format.h"
#include "compiler/compiler.h"
#include "reference/evaluator.h"
#include "runtime/runtime.h"

namespace dragoman {
namespace {

using ir::Literal;

struct Options {
  int limit_seconds = 300;
  double reference_flops = 3e7;
  std::vector<std::string> paths;
};

// Of the largest magnitude of a tensor; sums in another order and kernels in another form differ less.
constexpr double kFloatTolerance = 2e-3;
constexpr double kHalfTolerance = 0.1;
// Of a tensor's integers: a rounding may turn a comparison.
constexpr double kIntegerTolerance = 0.01;

// Numbers of a fixed sequence: positive and small, for variances and counters stand among the parameters.
class Numbers {
 public:
  double Next() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<double>(state_ >> 40) / static_cast<double>(1 << 24);
  }

 private:
  uint64_t state_ = 1;
};

Literal MakeArgument(const TensorType& type, Numbers& numbers) {
  const auto count = static_cast<size_t>(type.num_elements());
  if (IsFloat(type.dtype)) {
    std::vector<double> values(count);
    for (double& value : values) value = 0.02 + 0.1 * numbers.Next();
    return reference::LiteralFromDoubles(type, values);
  }
  if (IsInteger(type.dtype) || IsPred(type.dtype)) {
    std::vector<int64_t> values(count);
    for (int64_t& value : values) value = numbers.Next() < 0.5 ? 0 : 1;
    return reference::LiteralFromInts(type, values);
  }
  return Literal(type, std::vector<std::byte>(static_cast<size_t>(type.size_bytes())));
}

using Results = std::vector<std::vector<std::byte>>;

StatusOr<Results> RunOnDevice(runtime::Device& device, program::Program program,
                              const std::vector<Literal>& arguments) {
  ASSIGN_OR_RETURN(const auto executable, device.Load(std::move(program)));
  std::vector<std::shared_ptr<runtime::Buffer>> buffers;
  for (const Literal& argument : arguments) {
    const std::vector<std::byte> dense = argument.Dense();
    ASSIGN_OR_RETURN(buffers.emplace_back(), device.FromHost(argument.type(), {dense.data(), {}}));
  }
  ASSIGN_OR_RETURN(const auto executed, executable->Execute(buffers, {}));
  Results results;
  for (const auto& output : executed.outputs) {
    auto& bytes = results.emplace_back(output->size_bytes());
    RETURN_IF_ERROR(device.ToHost(output, bytes.data(), bytes.size())->Await());
  }
  return results;
}

bool HasHalves(const ir::Module& module) {
  bool has = false;
  for (const auto& function : module.functions) {
    ir::Walk(function->body, [&](const ir::Op* op) {
      for (const auto& result : op->results) has |= IsFloat(result->type.dtype) && SizeBytes(result->type.dtype) < 4;
    });
  }
  return has;
}

// How far `actual` is from `expected`, as a share of what is allowed.
double Difference(const Literal& expected, const Literal& actual, double tolerance) {
  const TensorType& type = expected.type();
  const int64_t count = type.num_elements();
  if (!IsFloat(type.dtype) && !IsComplex(type.dtype)) {
    int64_t different = 0;
    for (int64_t i = 0; i < count; ++i) {
      different += std::memcmp(expected.element(i), actual.element(i), SizeBytes(type.dtype)) == 0 ? 0 : 1;
    }
    return static_cast<double>(different) / (kIntegerTolerance * static_cast<double>(std::max<int64_t>(count, 1)));
  }
  double scale = 1e-6, worst = 0;
  for (const bool imaginary : {false, true}) {
    if (imaginary && !IsComplex(type.dtype)) continue;
    for (int64_t i = 0; i < count; ++i) {
      const double wanted = reference::ElementAsDouble(expected, i, imaginary);
      const double found = reference::ElementAsDouble(actual, i, imaginary);
      if (std::isfinite(wanted)) scale = std::max(scale, std::abs(wanted));
      if (wanted == found || (std::isnan(wanted) && std::isnan(found))) continue;
      worst = std::isfinite(wanted) && std::isfinite(found) ? std::max(worst, std::abs(wanted - found)) : INFINITY;
    }
  }
  return worst / scale / tolerance;
}

bool CallsTheHost(const std::vector<program::Step>& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const program::Step& step) {
    return step.kind == program::StepKind::kSend || step.kind == program::StepKind::kRecv ||
           std::any_of(step.bodies.begin(), step.bodies.end(), CallsTheHost);
  });
}

// Of numbers, the share that is finite: others are compared in kind only.
double FiniteShare(const std::vector<TensorType>& types, const Results& results) {
  double count = 0, finite = 0;
  for (size_t i = 0; i < types.size(); ++i) {
    if (!IsFloat(types[i].dtype)) continue;
    const Literal values(types[i], results[i]);
    for (int64_t k = 0; k < types[i].num_elements(); ++k, ++count) {
      finite += std::isfinite(reference::ElementAsDouble(values, k, false)) ? 1 : 0;
    }
  }
  return count == 0 ? 1 : finite / count;
}

struct Answer {
  std::string against;
  double finite_share = 1;
  double worst = 0;  // above 1: wrong
  size_t output = 0;
};

StatusOr<std::vector<char>> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
  if (!file) return NotFound(Format("The file {} cannot be read.", path));
  return bytes;
}

StatusOr<Answer> CheckProgram(const std::string& path, const Options& options) {
  ASSIGN_OR_RETURN(const std::vector<char> bytes, ReadFile(path));
  compiler::Artifact artifact = std::as_bytes(std::span(bytes));
  artifact.format = compiler::ArtifactFormatOf(artifact.bytes).value_or(artifact.format);
  ASSIGN_OR_RETURN(const auto module, compiler::ReadArtifact(artifact));
  ASSIGN_OR_RETURN(const auto client, runtime::Client::Create({}));
  runtime::Device& device = *client->devices().front();
  ASSIGN_OR_RETURN(program::Program program, compiler::Compile(artifact, device.profile(), {}));
  if (CallsTheHost(program.steps)) return Unimplemented("It calls the host.");
  Numbers numbers;
  std::vector<Literal> arguments;
  for (const auto& parameter : module->main()->body.arguments) {
    arguments.push_back(MakeArgument(parameter->type, numbers));
  }
  std::vector<TensorType> types;
  for (const auto& output : program.outputs) types.push_back(output.type);
  Answer answer;
  Results expected;
  if (program.flops <= options.reference_flops) {
    answer.against = "the evaluator";
    ASSIGN_OR_RETURN(const auto literals, reference::Evaluate(*module, "main", arguments));
    for (const Literal& literal : literals) expected.push_back(literal.Dense());
  } else {
    answer.against = "itself without fusion";
    compiler::Options plain;
    plain.fuse = false;
    ASSIGN_OR_RETURN(program::Program unfused, compiler::Compile(artifact, device.profile(), plain));
    ASSIGN_OR_RETURN(expected, RunOnDevice(device, std::move(unfused), arguments));
  }
  ASSIGN_OR_RETURN(const Results actual, RunOnDevice(device, std::move(program), arguments));
  answer.finite_share = FiniteShare(types, expected);
  const double tolerance = HasHalves(*module) ? kHalfTolerance : kFloatTolerance;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double difference = Difference(Literal(types[i], expected[i]), Literal(types[i], actual[i]), tolerance);
    if (difference <= answer.worst) continue;
    answer.worst = difference;
    answer.output = i;
  }
  return answer;
}

enum ExitCode { kRight = 0, kWrong = 1, kLeftOut = 2, kFailed = 3 };

// In the child.
ExitCode CheckOne(const std::string& path, const Options& options) {
  const auto answer = CheckProgram(path, options);
  if (!answer.ok()) {
    const bool is_left_out = answer.status().code() == StatusCode::kUnimplemented;
    std::puts(Format("{} {} ({})", is_left_out ? "left out" : "FAILED  ", path, answer.status().message()).c_str());
    return is_left_out ? kLeftOut : kFailed;
  }
  const bool is_right = answer->worst <= 1;
  std::puts(Format("{} {} (output {} differs most from {}: {:.2g} of what is allowed; {:.0f} % is finite)",
                   is_right ? "right   " : "WRONG   ", path, answer->output, answer->against, answer->worst,
                   100 * answer->finite_share)
                .c_str());
  return is_right ? kRight : kWrong;
}

ExitCode RunInProcess(const std::string& path, const Options& options) {
  std::fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    const ExitCode code = CheckOne(path, options);
    std::fflush(stdout);
    _exit(code);
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options.limit_seconds);
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      std::puts(Format("HUNG     {} (more than {} s)", path, options.limit_seconds).c_str());
      return kFailed;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (WIFEXITED(status)) return static_cast<ExitCode>(WEXITSTATUS(status));
  std::puts(Format("CRASHED  {} ({})", path, strsignal(WTERMSIG(status))).c_str());
  return kFailed;
}

std::vector<std::string> Expand(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path, error)) {
      if (entry.path().extension() == ".bc" || entry.path().extension() == ".hlo") found.insert(entry.path().string());
    }
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--limit" && i + 1 < argc) {
      options.limit_seconds = std::max(1, std::atoi(argv[++i]));
    } else if (argument == "--reference" && i + 1 < argc) {
      options.reference_flops = std::atof(argv[++i]);
    } else if (argument.starts_with("-")) {
      options.paths.clear();
      break;
    } else {
      options.paths.emplace_back(argument);
    }
  }
  if (options.paths.empty()) {
    std::fputs("usage: check_programs [--limit SECONDS] [--reference FLOPS] PROGRAM.bc|FOLDER...\n", stderr);
    return 2;
  }
  int counts[4] = {};
  for (const std::string& path : Expand(options.paths)) ++counts[RunInProcess(path, options)];
  std::puts(Format("check_programs: {} right, {} wrong, {} failed; {} left out", counts[kRight], counts[kWrong],
                   counts[kFailed], counts[kLeftOut])
                .c_str());
  return counts[kWrong] + counts[kFailed] == 0 && counts[kRight] > 0 ? 0 : 1;
}

}  // namespace
}  // namespace dragoman

int main(int argc, char** argv) { return dragoman::Main(argc, argv); }
