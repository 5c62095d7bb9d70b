// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/cache_folder.h"
#include "base/cache_mark.h"
#include "base/format.h"
#include "base/os.h"
#include "cli/cli.h"
#include "runtime/kernel_trial.h"

namespace dragoman::cli {
namespace {

constexpr std::string_view kKindNames[kNumCacheKinds] = {"programs", "pipelines"};

double MiB(uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

void Say(const std::string& line) { std::puts(line.c_str()); }

void PrintCache(const CacheFolder& folder) {
  const CacheUsage usage = folder.Usage();
  Say(folder.path());
  for (int kind = 0; kind < kNumCacheKinds; ++kind) {
    Say(Format("   {:<10} {:>7} files {:>9.1f} MiB", kKindNames[kind], usage.num_files[kind], MiB(usage.bytes[kind])));
  }
  Say(Format("   in all     {:>13} {:>9.1f} MiB of {:.0f}", "", MiB(usage.total_bytes()), MiB(folder.max_bytes())));
  const std::vector<std::string> refused = RefusedMarks(folder);
  if (refused.empty()) return;
  Say("   kernels that a driver died on, which are refused until `dragoman cache clear --refused`:");
  for (const std::string& text : refused) Say("   - " + text);
}

void ClearCache(const CacheFolder& folder, const CacheOptions& options) {
  const size_t num_refused = RefusedMarks(folder).size();
  if (options.only_refused) {
    folder.ClearMarks();
    Say(Format("{} refused kernels are forgotten.", num_refused));
    return;
  }
  const CacheUsage usage = folder.Usage();
  folder.Clear();
  Say(Format("{} programs, {} pipelines and {} refused kernels are removed from {}.", usage.num_files[0],
             usage.num_files[1], num_refused, folder.path()));
}

}  // namespace

int Cache(const CacheOptions& options) {
  const std::string path = CacheDirectory();
  if (path.empty()) {
    Say("The cache is off: DRAGOMAN_CACHE_DIR is `off`, or there is no home folder.");
    return 0;
  }
  const auto folder = CacheFolder::Open(path);
  if (!folder.ok()) {
    std::fputs((folder.status().message() + "\n").c_str(), stderr);
    return 1;
  }
  if (options.clear)
    ClearCache(**folder, options);
  else
    PrintCache(**folder);
  return 0;
}

int MakeKernel(const std::string& driver) {
  const Status status = runtime::MakeKernelsOf(os::ReadStandardInput(), driver);
  if (status.ok()) return runtime::kSurvivedExitCode;
  std::fputs((status.message() + "\n").c_str(), stderr);
  return 1;
}

}  // namespace dragoman::cli
