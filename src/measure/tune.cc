// SPDX-License-Identifier: Apache-2.0
#include "measure/tune.h"

#include <algorithm>
#include <map>

#include "base/format.h"
#include "base/log.h"
#include "lower/product_choices.h"
#include "measure/time_program.h"

namespace dragoman::measure {
namespace {

// Warm each time: while a program is compiled an idle card's clock falls, and candidates must meet the same clock.
constexpr Repetition kTuningRounds = {.most = 5, .seconds = 2, .warm_up = 1};
constexpr double kWorthwhile = 0.97;  // of the time before, at most, to change what is used

using SecondsByKey = std::map<std::string, double>;

class Tuner {
 public:
  Tuner(runtime::Device& device, const MakeModule& make_module, const compiler::Options& options,
        const TuneOptions& tune)
      : device_(device), make_module_(make_module), options_(options), tune_(tune) {
    options_.explains = true;
  }

  StatusOr<std::vector<TunedProduct>> Run() {
    options_.on_product = [this](const kernel::ProductChoices& choices) {
      const bool is_known = options_.tuning.products.contains(choices.key);
      if (!is_known || !tune_.only_new) choices_.emplace(choices.key, choices);
    };
    ASSIGN_OR_RETURN(const program::ValidProgram first, Compile(options_.tuning));
    options_.on_product = nullptr;
    if (choices_.empty()) return std::vector<TunedProduct>();
    ASSIGN_OR_RETURN(const SecondsByKey before, Time(first));
    MakeRows(before);
    // One candidate of each product at a time: products are timed apart, so rounds are as many as one has candidates.
    for (size_t round = 0; round < tune_.most_candidates; ++round) {
      RETURN_IF_ERROR(Try(round));
    }
    if (!tune_.reorders) RETURN_IF_ERROR(CheckSameBits(first));
    return std::move(rows_);
  }

 private:
  StatusOr<program::ValidProgram> Compile(const target::Tuning& tuning) {
    ASSIGN_OR_RETURN(auto module, make_module_());
    compiler::Options options = options_;
    options.tuning = tuning;
    ASSIGN_OR_RETURN(auto program, compiler::CompileModule(std::move(module), device_.profile(), options));
    return program::ValidProgram::Check(std::move(program));
  }

  // Of each key's steps.
  StatusOr<SecondsByKey> Time(const program::ValidProgram& program) {
    ASSIGN_OR_RETURN(const StepTimes times, TimeProgram(device_, program, kTuningRounds));
    SecondsByKey seconds;
    const auto steps = program::AllSteps(*program);
    for (uint32_t i = 0; i < steps.size(); ++i) {
      if (steps[i]->reason == program::kNoReason) continue;
      const std::string key = KeyOf(program->reasons[steps[i]->reason]);
      if (!key.empty()) seconds[key] += times.Of(i).seconds;
    }
    return seconds;
  }

  static std::string KeyOf(const std::string& reason) {
    const std::string begin = "\n" + std::string(compiler::kProductLine);
    const size_t at = reason.find(begin);
    if (at == std::string::npos) return "";
    return reason.substr(at + begin.size(), reason.find('\n', at + 1) - at - begin.size());
  }

  void MakeRows(const SecondsByKey& before) {
    for (auto& entry : choices_) {
      const std::string& key = entry.first;
      kernel::ProductChoices& choices = entry.second;
      std::erase_if(choices.candidates, [&](const kernel::ProductCandidateName& candidate) {
        return candidate.name == choices.chosen || (!candidate.has_same_bits && !tune_.reorders);
      });
      const auto found = before.find(key);
      const double seconds = found == before.end() ? 0 : found->second;
      rows_.push_back({key, choices.chosen, choices.chosen, seconds, seconds, 0});
    }
  }

  Status Try(size_t round) {
    target::Tuning tuning = options_.tuning;
    bool is_any = false;
    for (const auto& [key, choices] : choices_) {
      if (round >= choices.candidates.size()) continue;
      tuning.products[key] = choices.candidates[round].name;
      is_any = true;
    }
    if (!is_any) return OkStatus();
    ASSIGN_OR_RETURN(const program::ValidProgram program, Compile(tuning));
    const StatusOr<SecondsByKey> seconds = Time(program);
    RETURN_IF_ERROR(device_.health());
    if (!seconds.ok()) {  // a kernel that the driver refuses, or memory for parts of K
      Log(LogLevel::kInfo, Format("a round of tuning is left out: {}", seconds.status().message()));
      return OkStatus();
    }
    for (TunedProduct& row : rows_) {
      const kernel::ProductChoices& choices = choices_.at(row.key);
      const auto found = seconds->find(row.key);
      if (round >= choices.candidates.size() || found == seconds->end()) continue;
      ++row.num_tried;
      if (found->second >= std::min(row.seconds_after, row.seconds_before * kWorthwhile)) continue;
      row.after = choices.candidates[round].name;
      row.seconds_after = found->second;
    }
    return OkStatus();
  }

  StatusOr<std::vector<std::vector<std::byte>>> ResultsOf(const program::ValidProgram& program) {
    ASSIGN_OR_RETURN(const auto executable, device_.Load(program));
    ASSIGN_OR_RETURN(const auto arguments, MakeArguments(device_, *program));
    ASSIGN_OR_RETURN(const auto result, executable->Execute(arguments, {}));
    std::vector<std::vector<std::byte>> results;
    for (const auto& output : result.outputs) {
      std::vector<std::byte>& bytes = results.emplace_back(output->size_bytes());
      if (!bytes.empty()) RETURN_IF_ERROR(device_.ToHost(output, bytes.data(), bytes.size())->Await());
    }
    return results;
  }

  Status CheckSameBits(const program::ValidProgram& before) {
    target::Tuning tuning = options_.tuning;
    for (const TunedProduct& row : rows_) tuning.products[row.key] = row.after;
    ASSIGN_OR_RETURN(const program::ValidProgram after, Compile(tuning));
    ASSIGN_OR_RETURN(const auto expected, ResultsOf(before));
    ASSIGN_OR_RETURN(const auto actual, ResultsOf(after));
    if (expected == actual) return OkStatus();
    return Internal(Format("The tuned program {} gives other bits than before, so nothing is kept.", before->name));
  }

  runtime::Device& device_;
  const MakeModule& make_module_;
  compiler::Options options_;
  const TuneOptions tune_;
  std::map<std::string, kernel::ProductChoices> choices_;
  std::vector<TunedProduct> rows_;
};

}  // namespace

StatusOr<std::vector<TunedProduct>> TuneProgram(runtime::Device& device, const MakeModule& make_module,
                                                const compiler::Options& options, const TuneOptions& tune) {
  return Tuner(device, make_module, options, tune).Run();
}

target::Tuning TuningOf(const std::vector<TunedProduct>& products) {
  target::Tuning tuning;
  for (const TunedProduct& product : products) tuning.products[product.key] = product.after;
  return tuning;
}

}  // namespace dragoman::measure
