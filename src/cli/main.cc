// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "cli/cli.h"

namespace dragoman::cli {

int Main(int argc, char** argv) {
  CLI::App app{"Dragoman: Keras and JAX on any GPU with a Vulkan driver.", "dragoman"};
  app.failure_message([](const CLI::App* command, const CLI::Error& error) {
    return std::string("dragoman: ") + error.what() + "\nRun with " + command->get_help_ptr()->get_name() +
           " for more information.\n";
  });
  app.require_subcommand(1);

  DevicesOptions devices;
  CLI::App* devices_command = app.add_subcommand("devices", "List every Vulkan device, and why one is not used");
  devices_command->add_flag("--json", devices.json, "Print JSON");
  devices_command->add_option("--profile", devices.profile_of, "Print the compiler's profile of this device");

  bool doctor_json = false;
  CLI::App* doctor_command = app.add_subcommand("doctor", "Check everything from the Vulkan loader to a first kernel");
  doctor_command->add_flag("--json", doctor_json, "Print JSON");

  CompileOptions compile;
  CLI::App* compile_command =
      app.add_subcommand("compile", "Compile a StableHLO artifact, an HLO module or a text program");
  compile_command->add_option("file", compile.input, "The program")->required();
  compile_command->add_option("--profile", compile.profile, "A device profile (JSON) instead of this machine's device");
  compile_command->add_option("-o,--output", compile.output, "Save the compiled program here");
  compile_command->add_option("--dump", compile.dumps,
                              "Print a stage: input, a pass, fusion, kernel, program, plan, all");
  compile_command->add_option("--skip-pass", compile.skipped_passes, "Leave out a pass by name");
  compile_command->add_option("--spirv", compile.spirv_folder, "Write each kernel's SPIR-V into this folder");
  compile_command->add_flag("!--no-fusion", compile.fuse, "Give every operation a kernel of its own");

  EvaluateOptions evaluate;
  CLI::App* evaluate_command = app.add_subcommand("evaluate", "Run a program on the host, slowly, for comparison");
  evaluate_command->add_option("file", evaluate.input, "The program")->required();
  evaluate_command->add_option("--data", evaluate.data, "Raw elements of main's parameters, one after the other");
  evaluate_command->add_option("-o,--output", evaluate.output, "Write the results' elements here")->required();

  CacheOptions cache;
  CLI::App* cache_command = app.add_subcommand("cache", "Say where the cache of programs and pipelines is, how large");
  CLI::App* clear_command = cache_command->add_subcommand("clear", "Remove what the cache holds");
  clear_command->add_flag("--refused", cache.only_refused, "Only forget which kernels a driver died on");

  std::string driver;
  CLI::App* make_command = app.add_subcommand("make-kernel", "")->group("");
  make_command->add_option("--driver", driver)->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (*devices_command) return Devices(devices);
  if (*doctor_command) return Doctor(doctor_json);
  cache.clear = clear_command->parsed();
  if (*cache_command) return Cache(cache);
  if (*make_command) return MakeKernel(driver);
  if (*evaluate_command) return Evaluate(evaluate);
  return Compile(compile);
}

}  // namespace dragoman::cli
