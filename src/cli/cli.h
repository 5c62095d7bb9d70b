// SPDX-License-Identifier: Apache-2.0
// The `dragoman` command, one function a subcommand. Each returns the exit code: 0 all well, 1 something is wrong (and
// said on stderr or in the report), 2 wrong usage.
#pragma once

#include <string>
#include <vector>

namespace dragoman::cli {

// `dragoman devices [--json] [--profile INDEX]`
struct DevicesOptions {
  bool json = false;
  int profile_of = -1;            // print this device's profile (JSON for tests/profiles/) instead of the list
  std::string system_root = "/";  // the folder of the system's files; another in tests
};
int Devices(const DevicesOptions& options);

// `dragoman doctor [--json]`: from the loader to kernels whose numbers are checked.
struct Check {
  std::string name;  // "Vulkan loader"
  bool ok = false;
  std::string found;  // what there is
  std::string cure;   // what to type when it is wrong; empty otherwise
};
std::vector<Check> RunChecks(const std::string& system_root);
int Doctor(bool json);

// `dragoman compile FILE [--profile JSON] [--dump STAGE]... [-o FILE]`: an artifact or a text program to a program,
// without a device when a profile is given.
struct CompileOptions {
  std::string input;
  std::string profile;             // path; empty: the best device of this machine
  std::string output;              // saved program; empty: none
  std::vector<std::string> dumps;  // stages to print: input, a pass, fusion, kernel, program, plan, or all
  std::vector<std::string> skipped_passes;
  std::string spirv_folder;  // one file a kernel; empty: none
  bool fuse = true;
};
int Compile(const CompileOptions& options);

// `dragoman explain FILE... [--profile JSON] [--json]`: the kernels of programs (artifacts, texts, or what `compile -o`
// and the cache keep), with times of this machine's device where no profile is given.
struct ExplainOptions {
  std::vector<std::string> inputs;
  std::string profile;  // path; empty: the best device of this machine, which runs them
  int runs = 5;
  size_t explained = 20;  // kernels whose reasons are printed
  bool explains_all = false;
  bool json = false;
};
int Explain(const ExplainOptions& options);

// `dragoman tune FILE... [--reorder]`: times the tiles that each product of the programs could have, and keeps the
// quickest in the cache, from where whatever is compiled for this device takes them.
struct TuneOptions {
  std::vector<std::string> inputs;
  bool reorders = false;
};
int Tune(const TuneOptions& options);

// `dragoman bench [--json] [-o FILE] [--only TEXT]`: what this machine's device reaches, and what workloads do on it.
struct BenchOptions {
  bool json = false;
  bool small = false;  // sizes; slow devices and those of little memory have them anyway
  double seconds = 60;
  std::string only;
  std::string output;  // JSON to send; empty: none
};
int Bench(const BenchOptions& options);

// `dragoman evaluate FILE [--data FILE] -o FILE`: runs a program's main on the host, op by op and slowly, to tell what
// its results should be. Inputs and results are raw elements, one tensor after the other.
struct EvaluateOptions {
  std::string input;
  std::string data;  // empty: main has no parameters
  std::string output;
};
int Evaluate(const EvaluateOptions& options);

// `dragoman cache [clear [--refused]]`: where it is and how large, or removes what it holds.
struct CacheOptions {
  bool clear = false;
  bool only_refused = false;  // forget which kernels a driver died on, and keep the rest
};
int Cache(const CacheOptions& options);

// `dragoman make-kernel --driver KEY < PROGRAM`: for runtime/kernel_trial.h, not for people.
int MakeKernel(const std::string& driver);

// The first argument is the program's name.
int Main(std::vector<std::string> arguments);

}  // namespace dragoman::cli
