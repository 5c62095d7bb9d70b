// SPDX-License-Identifier: Apache-2.0
#include "measure/tune.h"

#include <cstdio>

#include "base/cache_folder.h"
#include "base/format.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "compiler/tuning_cache.h"

namespace dragoman::cli {
namespace {

void PrintProduct(const measure::TunedProduct& product) {
  const bool is_changed = product.after != product.before;
  std::string text = Format("  {}\n    {}: {:.1f} us", product.key, product.before, product.seconds_before * 1e6);
  if (is_changed) text += Format("\n    {}: {:.1f} us", product.after, product.seconds_after * 1e6);
  text += Format("\n    {} of {} others tried\n", is_changed ? "quickest" : "none quicker", product.num_tried);
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

Status TuneOne(runtime::Device& device, const std::string& path, const CacheFolder& folder,
               const TuneOptions& options) {
  ASSIGN_OR_RETURN(const auto bytes, ReadFile(path));
  const measure::MakeModule make_module = [&] { return ReadModule(bytes); };
  compiler::Options compile;
  compile.tuning = compiler::LoadTuning(&folder, device.profile());
  measure::TuneOptions tune;
  tune.reorders = options.reorders;
  const auto products = measure::TuneProgram(device, make_module, compile, tune);
  if (!products.ok()) return products.status().WithContext(Format("While tuning {}.", path));
  if (products->empty()) {
    std::fputs(Format("{}: no product has a choice of tiles on {}\n", path, device.profile().name).c_str(), stdout);
    return OkStatus();
  }
  std::fputs(Format("{} on {}:\n", path, device.profile().name).c_str(), stdout);
  for (const measure::TunedProduct& product : *products) PrintProduct(product);
  if (compiler::AddTuning(folder, device.profile(), measure::TuningOf(*products))) return OkStatus();
  return Unavailable(Format("What was found cannot be written into {}.", folder.path()));
}

Status TuneAll(const TuneOptions& options) {
  const auto folder = ProcessCacheFolder();
  if (folder == nullptr) {
    return FailedPrecondition(
        "What is found is kept in the cache, which is off or cannot be used: see `dragoman cache`.");
  }
  for (const std::string& path : options.inputs) RETURN_IF_ERROR(ReadFile(path).status());
  ASSIGN_OR_RETURN(const auto client, runtime::Client::Create({}));
  for (const std::string& path : options.inputs) {
    RETURN_IF_ERROR(TuneOne(*client->devices().front(), path, *folder, options));
  }
  return OkStatus();
}

}  // namespace

int Tune(const TuneOptions& options) {
  const Status status = TuneAll(options);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace dragoman::cli
