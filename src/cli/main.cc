// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "cli/cli.h"

namespace dragoman::cli {

int Main(int argc, char** argv) {
  CLI::App app{"Dragoman: Keras and JAX on any GPU with a Vulkan driver."};
  app.require_subcommand(1);

  DevicesOptions devices;
  CLI::App* devices_command = app.add_subcommand("devices", "List every Vulkan device, and why one is not used");
  devices_command->add_flag("--json", devices.json, "Print JSON");
  devices_command->add_option("--profile", devices.profile_of, "Print the compiler's profile of this device");

  bool doctor_json = false;
  CLI::App* doctor_command = app.add_subcommand("doctor", "Check everything from the Vulkan loader to a first kernel");
  doctor_command->add_flag("--json", doctor_json, "Print JSON");

  CompileOptions compile;
  CLI::App* compile_command = app.add_subcommand("compile", "Compile a StableHLO artifact or a text program");
  compile_command->add_option("file", compile.input, "The program")->required();
  compile_command->add_option("--profile", compile.profile, "A device profile (JSON) instead of this machine's device");
  compile_command->add_option("-o,--output", compile.output, "Save the compiled program here");
  compile_command->add_option("--dump", compile.dumps, "Print a stage: input, a pass, fusion, program, all");
  compile_command->add_option("--skip-pass", compile.skipped_passes, "Leave out a pass by name");
  compile_command->add_option("--spirv", compile.spirv_folder, "Write each kernel's SPIR-V into this folder");
  compile_command->add_flag("!--no-fusion", compile.fuse, "Give every operation a kernel of its own");

  EvaluateOptions evaluate;
  CLI::App* evaluate_command = app.add_subcommand("evaluate", "Run a program on the host, slowly, for comparison");
  evaluate_command->add_option("file", evaluate.input, "The program")->required();
  evaluate_command->add_option("--data", evaluate.data, "Raw elements of main's parameters, one after the other");
  evaluate_command->add_option("-o,--output", evaluate.output, "Write the results' elements here")->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (*devices_command) return Devices(devices);
  if (*doctor_command) return Doctor(doctor_json);
  if (*evaluate_command) return Evaluate(evaluate);
  return Compile(compile);
}

}  // namespace dragoman::cli
