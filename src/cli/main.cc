// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/cli.h"

namespace dragoman::cli {

namespace {

CLI::App* AddDevices(CLI::App& app, DevicesOptions& options) {
  CLI::App* command = app.add_subcommand("devices", "List every Vulkan device, and why one is not used");
  command->add_flag("--json", options.json, "Print JSON");
  command->add_option("--profile", options.profile_of, "Print the compiler's profile of this device");
  return command;
}

CLI::App* AddDoctor(CLI::App& app, bool& json) {
  CLI::App* command = app.add_subcommand("doctor", "Check everything from the Vulkan loader to a first kernel");
  command->add_flag("--json", json, "Print JSON");
  return command;
}

CLI::App* AddCompile(CLI::App& app, CompileOptions& options) {
  CLI::App* command = app.add_subcommand("compile", "Compile a StableHLO artifact, an HLO module or a text program");
  command->add_option("file", options.input, "The program")->required();
  command->add_option("--profile", options.profile, "A device profile (JSON) instead of this machine's device");
  command->add_option("-o,--output", options.output, "Save the compiled program here");
  command->add_option("--dump", options.dumps, "Print a stage: input, a pass, fusion, kernel, program, plan, all");
  command->add_option("--skip-pass", options.skipped_passes, "Leave out a pass by name");
  command->add_option("--spirv", options.spirv_folder, "Write each kernel's SPIR-V into this folder");
  command->add_flag("!--no-fusion", options.fuse, "Give every operation a kernel of its own");
  return command;
}

CLI::App* AddEvaluate(CLI::App& app, EvaluateOptions& options) {
  CLI::App* command = app.add_subcommand("evaluate", "Run a program on the host, slowly, for comparison");
  command->add_option("file", options.input, "The program")->required();
  command->add_option("--data", options.data, "Raw elements of main's parameters, one after the other");
  command->add_option("-o,--output", options.output, "Write the results' elements here")->required();
  return command;
}

CLI::App* AddCache(CLI::App& app, CacheOptions& options) {
  CLI::App* command = app.add_subcommand("cache", "Say where the cache of programs and pipelines is, how large");
  CLI::App* clear = command->add_subcommand("clear", "Remove what the cache holds");
  clear->add_flag("--refused", options.only_refused, "Only forget which kernels a driver died on");
  clear->callback([&options] { options.clear = true; });
  return command;
}

// What the library runs in a process of its own; help does not list it.
CLI::App* AddMakeKernel(CLI::App& app, std::string& driver) {
  CLI::App* command = app.add_subcommand("make-kernel", "")->group("");
  command->add_option("--driver", driver)->required();
  return command;
}

}  // namespace

int Main(std::vector<std::string> arguments) {
  CLI::App app{"Dragoman: Keras and JAX on any GPU with a Vulkan driver.", "dragoman"};
  app.failure_message([](const CLI::App* command, const CLI::Error& error) {
    return std::string("dragoman: ") + error.what() + "\nRun with " + command->get_help_ptr()->get_name() +
           " for more information.\n";
  });
  app.require_subcommand(1);
  DevicesOptions devices;
  bool doctor_json = false;
  CompileOptions compile;
  EvaluateOptions evaluate;
  CacheOptions cache;
  std::string driver;
  const CLI::App* devices_command = AddDevices(app, devices);
  const CLI::App* doctor_command = AddDoctor(app, doctor_json);
  AddCompile(app, compile);
  const CLI::App* evaluate_command = AddEvaluate(app, evaluate);
  const CLI::App* cache_command = AddCache(app, cache);
  const CLI::App* make_command = AddMakeKernel(app, driver);

  arguments.erase(arguments.begin());  // the program's name
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (*devices_command) return Devices(devices);
  if (*doctor_command) return Doctor(doctor_json);
  if (*cache_command) return Cache(cache);
  if (*make_command) return MakeKernel(driver);
  if (*evaluate_command) return Evaluate(evaluate);
  return Compile(compile);
}

}  // namespace dragoman::cli
