// SPDX-License-Identifier: Apache-2.0
#include "pjrt/explanation.h"

#include <atomic>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/format.h"
#include "base/log.h"
#include "base/os.h"
#include "measure/kernel_report.h"

namespace dragoman::pjrt {
namespace {

constexpr int kFirstTimed = 1;  // the first execution may wait for compilers
constexpr int kMostTimed = 5;

// Measured once a device; null where that fails, which is said once.
const measure::Limits* LimitsOf(runtime::Device& device) {
  static std::mutex limits_mutex;
  static std::map<int, StatusOr<measure::Limits>> limits;
  const std::lock_guard lock(limits_mutex);
  auto found = limits.find(device.index());
  if (found == limits.end()) {
    found = limits.emplace(device.index(), measure::MeasureLimits(device)).first;
    if (!found->second.ok()) {
      Log(LogLevel::kWarning, Format("DRAGOMAN_EXPLAIN: {}", found->second.status().message()));
    }
  }
  return found->second.ok() ? &*found->second : nullptr;
}

std::string NextPath(const std::string& folder, const std::string& program) {
  static std::atomic<int> num_programs = 0;
  std::string name = program;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return Format("{}/{:04}-{}.txt", folder, num_programs.fetch_add(1), name.substr(0, 80));
}

}  // namespace

std::string ExplanationFolder() { return os::EnvironmentVariable("DRAGOMAN_EXPLAIN").value_or(""); }

std::shared_ptr<Explanation> Explanation::Make(runtime::Executable& executable) {
  const std::string folder = ExplanationFolder();
  if (folder.empty()) return nullptr;
  std::error_code ignored;
  std::filesystem::create_directories(os::PathOf(folder), ignored);
  std::shared_ptr<Explanation> made(new Explanation(executable, NextPath(folder, executable.program().name)));
  made->Write();
  return made;
}

bool Explanation::WantsTimes() {
  {
    const std::lock_guard lock(times_mutex_);
    const int number = num_executions_++;
    if (number < kFirstTimed || number >= kFirstTimed + kMostTimed) return false;
  }
  return LimitsOf(executable_.device()) != nullptr;
}

void Explanation::Add(std::span<const runtime::KernelRun> runs) {
  const std::lock_guard lock(times_mutex_);
  times_.Add(runs);
  Write();
}

void Explanation::Write() const {
  runtime::Device& device = executable_.device();
  std::optional<measure::Measured> measured;
  if (times_.num_executions() > 0) measured.emplace(measure::Measured{times_, *LimitsOf(device)});
  const auto report = measure::MakeReport(executable_.program(), device.profile().name, measured);
  std::ofstream file(os::PathOf(path_), std::ios::binary);
  file << measure::Print(report, report.rows.size());
  if (!file.flush()) Log(LogLevel::kWarning, Format("DRAGOMAN_EXPLAIN: the file {} cannot be written.", path_));
}

}  // namespace dragoman::pjrt
