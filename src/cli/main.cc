// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>

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

CLI::App* AddExplain(CLI::App& app, ExplainOptions& options) {
  CLI::App* command = app.add_subcommand("explain", "Time a program's kernels, and say why they are what they are");
  command->add_option("file", options.inputs, "Programs: artifacts, HLO modules, texts, saved programs")->required();
  command->add_option("--profile", options.profile, "A device profile (JSON): compile for it and time nothing");
  command->add_option("--runs", options.runs, "Executions, of which the median is printed")->check(CLI::Range(1, 1000));
  command->add_option("--why", options.explained, "Of how many kernels to print the reasons (20)");
  command->add_flag("--all", options.explains_all, "Print the reasons of all");
  command->add_flag("--json", options.json, "Print JSON");
  return command;
}

CLI::App* AddTune(CLI::App& app, TuneOptions& options) {
  CLI::App* command = app.add_subcommand("tune", "Time the tiles of a program's products, and keep the quickest");
  command->add_option("file", options.inputs, "Programs: artifacts, HLO modules, texts")->required();
  command->add_flag("--reorder", options.reorders, "Also sum in other orders: last bits of results may change");
  return command;
}

CLI::App* AddBench(CLI::App& app, BenchOptions& options) {
  CLI::App* command = app.add_subcommand("bench", "Measure this machine's device, within a minute");
  command->add_flag("--json", options.json, "Print JSON");
  command->add_flag("--small", options.small, "Small sizes, which slow devices have anyway");
  command->add_option("--seconds", options.seconds, "Begin nothing after so long (60)")->check(CLI::PositiveNumber);
  command->add_option("--only", options.only, "Only workloads with this in their name");
  command->add_option("-o,--output", options.output, "Write JSON with the device's profile here, to be sent");
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

// What the command line may ask for, and what is done then.
struct Commands {
  DevicesOptions devices;
  bool doctor_json = false;
  CompileOptions compile;
  ExplainOptions explain;
  BenchOptions bench;
  TuneOptions tune;
  EvaluateOptions evaluate;
  CacheOptions cache;
  std::string driver;

  struct Row {
    const CLI::App* command;
    std::function<int()> run;
  };
  std::vector<Row> AddTo(CLI::App& app) {
    return {{AddDevices(app, devices), [this] { return Devices(devices); }},
            {AddDoctor(app, doctor_json), [this] { return Doctor(doctor_json); }},
            {AddCompile(app, compile), [this] { return Compile(compile); }},
            {AddExplain(app, explain), [this] { return Explain(explain); }},
            {AddTune(app, tune), [this] { return Tune(tune); }},
            {AddBench(app, bench), [this] { return Bench(bench); }},
            {AddEvaluate(app, evaluate), [this] { return Evaluate(evaluate); }},
            {AddCache(app, cache), [this] { return Cache(cache); }},
            {AddMakeKernel(app, driver), [this] { return MakeKernel(driver); }}};
  }
};

}  // namespace

int Main(std::vector<std::string> arguments) {
  CLI::App app{"Dragoman: Keras and JAX on any GPU with a Vulkan driver.", "dragoman"};
  app.failure_message([](const CLI::App* command, const CLI::Error& error) {
    return std::string("dragoman: ") + error.what() + "\nRun with " + command->get_help_ptr()->get_name() +
           " for more information.\n";
  });
  app.require_subcommand(1);
  Commands commands;
  const std::vector<Commands::Row> rows = commands.AddTo(app);
  arguments.erase(arguments.begin());  // the program's name
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto row =
      std::find_if(rows.begin(), rows.end(), [](const Commands::Row& each) { return bool(*each.command); });
  return row->run();
}

}  // namespace dragoman::cli
