// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/format.h"
#include "cli/arithmetic.h"
#include "cli/cli.h"
#include "cli/wsl.h"
#include "compiler/compiler.h"
#include "runtime/runtime.h"

namespace dragoman::cli {
namespace {

constexpr int kFirstCount = 1000;

// a*b + a through the whole way: compiler, driver, device and back. The number of wrong elements.
StatusOr<int> RunFirstKernel(runtime::Device& device) {
  auto module = std::make_unique<ir::Module>();
  module->name = "first_kernel";
  module->functions.push_back(std::make_unique<ir::Function>());
  ir::Function& main = *module->functions.back();
  main.name = "main";
  main.is_public = true;
  main.parameters.resize(2);
  const TensorType type{DType::kF32, {kFirstCount}};
  ir::Value* a = main.body.AddArgument(type);
  ir::Value* b = main.body.AddArgument(type);
  ir::Value* product = main.body.Append(ir::OpCode::kMultiply, {a, b}, {type})->result();
  ir::Value* sum = main.body.Append(ir::OpCode::kAdd, {product, a}, {type})->result();
  main.body.Append(ir::OpCode::kReturn, {sum}, {});
  ASSIGN_OR_RETURN(program::Program program, compiler::CompileModule(std::move(module), device.profile(), {}));
  ASSIGN_OR_RETURN(const auto executable, device.Load(std::move(program)));
  std::vector<float> lhs(kFirstCount);
  std::vector<float> rhs(kFirstCount);
  for (int i = 0; i < kFirstCount; ++i) {
    lhs[i] = static_cast<float>(i);
    rhs[i] = static_cast<float>(i % 7);
  }
  ASSIGN_OR_RETURN(const auto lhs_buffer, device.FromHost(type, {lhs.data(), {}}));
  ASSIGN_OR_RETURN(const auto rhs_buffer, device.FromHost(type, {rhs.data(), {}}));
  const std::shared_ptr<runtime::Buffer> arguments[] = {lhs_buffer, rhs_buffer};
  ASSIGN_OR_RETURN(const auto result, executable->Execute(arguments, {}));
  std::vector<float> answer(kFirstCount);
  RETURN_IF_ERROR(device.ToHost(result.outputs[0], answer.data(), answer.size() * sizeof(float))->Await());
  int wrong = 0;
  for (int i = 0; i < kFirstCount; ++i) wrong += answer[i] == lhs[i] * rhs[i] + lhs[i] ? 0 : 1;
  return wrong;
}

Check FirstKernel(runtime::Device& device) {
  Check check{"First kernel", false, "", ""};
  const auto wrong = RunFirstKernel(device);
  if (!wrong.ok()) {
    check.found = wrong.status().message();
    check.cure = "Update the driver of this device, or choose another with DRAGOMAN_VISIBLE_DEVICES.";
  } else if (*wrong != 0) {
    check.found = Format("{} of {} numbers are wrong on {}", *wrong, kFirstCount, device.profile().name);
    check.cure = "Do not use this device: its driver computes wrongly. Update the driver and run this again.";
  } else {
    check.ok = true;
    check.found = Format("compiled and ran on {}, {} numbers right", device.profile().name, kFirstCount);
  }
  return check;
}

Check UsableDevice(const std::vector<runtime::DeviceReport>& reports, const std::string& cure) {
  Check check{"Usable device", false, "", ""};
  for (const auto& report : reports) {
    if (report.is_usable && !check.ok) {
      check.ok = true;
      check.found = Format("{}, driver {}", report.profile.name, report.profile.driver_name);
      if (report.profile.type == target::DeviceType::kCpu) check.found += " (a CPU: slow; no GPU driver was found)";
    }
  }
  if (!check.ok) {
    check.found = reports.empty() ? "none" : reports.front().refusal;
    check.cure = cure;
  }
  return check;
}

// nullopt where no profile is asked for.
std::optional<Check> LaidOver() {
  const auto other = runtime::LaidOverProfile();
  if (!other.ok()) {
    return Check{"Laid-over profile", false, other.status().message(),
                 "unset DRAGOMAN_PROFILE, or name a file that `dragoman devices --profile` printed."};
  }
  if (!other->has_value()) return std::nullopt;
  return Check{"Laid-over profile", true, runtime::DescribeLaidOver(**other), ""};
}

}  // namespace

std::vector<Check> RunChecks(const std::string& system_root) {
  std::vector<Check> checks;
  const auto reports = runtime::ListDevices();
  const std::string wsl = WslAdvice(reports.ok() ? *reports : std::vector<runtime::DeviceReport>(), system_root);
  const std::string cure = wsl.empty() ? runtime::InstallCure() : wsl;
  if (!reports.ok()) {
    checks.push_back({"Vulkan", false, reports.status().message(), cure});
    return checks;
  }
  checks.push_back(
      {"Vulkan", true, Format("loader found, {} device{}", reports->size(), reports->size() == 1 ? "" : "s"), ""});
  checks.push_back(UsableDevice(*reports, cure));
  if (!checks.back().ok) return checks;
  if (!wsl.empty()) checks.push_back({"WSL", true, wsl, ""});
  if (const std::optional<Check> check = LaidOver(); check.has_value()) {
    checks.push_back(*check);
    if (!check->ok) return checks;
  }
  const auto client = runtime::Client::Create({});
  if (!client.ok()) {
    checks.push_back({"Device opens", false, client.status().message(),
                      "unset DRAGOMAN_VISIBLE_DEVICES, or choose a device that `dragoman devices` lists."});
    return checks;
  }
  runtime::Device& device = *(*client)->devices().front();
  checks.push_back({"Device opens", true, device.profile().name, ""});
  checks.push_back(FirstKernel(device));
  if (checks.back().ok) checks.push_back(ArithmeticOf(device));
  return checks;
}

int Doctor(bool json) {
  const std::vector<Check> checks = RunChecks("/");
  bool all_ok = true;
  nlohmann::json list = nlohmann::json::array();
  for (const Check& check : checks) {
    all_ok &= check.ok;
    if (json) {
      list.push_back({{"check", check.name}, {"ok", check.ok}, {"found", check.found}, {"cure", check.cure}});
      continue;
    }
    std::fputs(Format("{} {}: {}\n", check.ok ? "ok   " : "WRONG", check.name, check.found).c_str(), stdout);
    if (!check.ok) std::fputs(Format("      to mend it: {}\n", check.cure).c_str(), stdout);
  }
  if (json) std::puts(nlohmann::json{{"ok", all_ok}, {"checks", list}}.dump(2).c_str());
  return all_ok ? 0 : 1;
}

}  // namespace dragoman::cli
