// SPDX-License-Identifier: Apache-2.0
#include "lower/product/direct_config.h"

#include <algorithm>
#include <numeric>

#include "base/arithmetic.h"
#include "base/format.h"

namespace dragoman::kernel {
namespace {

constexpr int kMaxSplits = 256;
constexpr int kMaxDirectSplits = 4096;
constexpr int kTogether = 256;  // invocations of a workgroup that share register tiles

// The largest of 4, 2 and 1 that divides the innermost digit of an axis.
int RunAlong(const ProductForm& form, ProductAxis axis, int most) {
  const std::vector<int> digits = form.DigitsOf(axis);
  if (digits.empty()) return 1;
  int run = most;
  while (form.digits[digits.back()].extent % run != 0) run /= 2;
  return run;
}

// The number of rows up to `most` that wastes the fewest.
int FittingRows(int64_t extent, int most) {
  int best = 1;
  double best_cost = 1e300;
  for (int rows = 1; rows <= most; ++rows) {
    const double cost = static_cast<double>(CeilDiv(extent, rows)) * (rows + 0.15 * most);
    if (cost <= best_cost) {
      best_cost = cost;
      best = rows;
    }
  }
  return best;
}

// Enough parts of K's outermost digits to occupy the device with `wanted` invocations.
void SplitDirect(ProductConfig& config, const ProductForm& form, int64_t invocations, int64_t wanted) {
  const int64_t most = form.extent(ProductAxis::kK) / kLeastK;
  const int64_t splits = std::min({CeilDiv(wanted, invocations), most, int64_t{kMaxDirectSplits}});
  if (splits > 1) SetDirectSplits(config, form, splits);
}

int64_t DirectInvocations(const ProductConfig& config, const ProductForm& form) {
  int64_t invocations = 1;
  for (const ProductAxis axis : {ProductAxis::kBatch, ProductAxis::kM, ProductAxis::kN}) {
    const int count = axis == config.row_axis ? config.rows : axis == config.column_axis ? config.columns : 1;
    const bool is_shared = config.exchanges_rows && axis == config.column_axis;
    invocations *= CeilDiv(form.extent(axis), count * (is_shared ? kExchangeSubgroup : 1));
  }
  return invocations * (config.exchanges_rows ? kExchangeSubgroup : 1);
}

// What a CPU that runs a subgroup as one vector spends on a step along K of a register tile, in cycles. Measured on
// lavapipe.
struct CpuStep {
  double load_cycles = 25;
  bool lhs_along_k = false;
  bool lhs_along_m = false;
  bool rhs_along_k = false;
  bool rhs_along_n = false;

  double Cycles(double lhs_loads, int columns, int shuffles, int multiply_adds) const {
    const bool has_row_pairs = lhs_along_m && shuffles > 0 && static_cast<int>(lhs_loads) % 2 == 0;
    const bool has_column_pairs = rhs_along_n && columns % 2 == 0;
    const double loads =
        lhs_loads * (lhs_along_k || has_row_pairs ? 0.5 : 1) + columns * (rhs_along_k || has_column_pairs ? 0.5 : 1);
    return 30.0 + load_cycles * loads + 2.0 * shuffles + 1.6 * multiply_adds;
  }
};

CpuStep CpuStepOf(const Product& product, const ProductForm& form, const target::DeviceProfile& profile) {
  CpuStep step;
  if (!profile.loads_visit_lanes) return step;
  const auto has_words = [&](const OperandMap& map) { return SizeBytes(map.value->type.dtype) == 4; };
  const auto has_pairs = [&](const LinearMap& map, ProductAxis axis) {
    const std::vector<int> digits = form.DigitsOf(axis);
    return !digits.empty() && VectorWidth(form, map, digits.back()) > 1;
  };
  step.load_cycles = 150;
  step.lhs_along_k = has_words(product.lhs) && has_pairs(form.lhs, ProductAxis::kK);
  step.lhs_along_m = has_words(product.lhs) && has_pairs(form.lhs, ProductAxis::kM);
  step.rhs_along_k = has_words(product.rhs) && has_pairs(form.rhs, ProductAxis::kK);
  step.rhs_along_n = has_words(product.rhs) && has_pairs(form.rhs, ProductAxis::kN);
  return step;
}

bool CanExchangeRows(const Product& product, const target::DeviceProfile& profile) {
  const bool has_size =
      profile.subgroup_min_size == kExchangeSubgroup && profile.subgroup_max_size == kExchangeSubgroup;
  const DType accumulator = product.accumulator;
  return profile.subgroup_shuffle && profile.subgroup_basic && has_size && SizeBytes(accumulator) == 4;
}

// The register tile with the least work, its waste at the edges included.
ProductConfig CpuTile(const Product& product, const ProductForm& form, const target::DeviceProfile& profile) {
  const bool is_depthwise = form.extent(ProductAxis::kN) < 4 && form.extent(ProductAxis::kBatch) >= 8;
  const bool exchanges = !is_depthwise && CanExchangeRows(product, profile);
  ProductConfig config;
  if (is_depthwise) config.column_axis = ProductAxis::kBatch;
  const int64_t num_rows = form.extent(config.row_axis);
  const int64_t num_columns = form.extent(config.column_axis);
  const int most = is_depthwise || SizeBytes(product.accumulator) > 4 ? 4 : 8;
  const int most_rows = profile.loads_visit_lanes ? 32 : 24;  // the dearer loads are, the larger the tile
  const CpuStep step = CpuStepOf(product, form, profile);
  double best = 0;
  const auto consider = [&](int rows, int columns, bool is_exchange, double cycles) {
    if (best != 0 && cycles >= best) return;
    best = cycles;
    config.rows = rows;
    config.columns = columns;
    config.exchanges_rows = is_exchange;
  };
  for (int columns = 1; columns <= most; ++columns) {
    for (int rows = 1; rows <= most; ++rows) {
      const int lhs_loads = is_depthwise ? rows * columns : rows;
      const auto tiles = static_cast<double>(CeilDiv(num_rows, rows) * CeilDiv(num_columns, columns));
      consider(rows, columns, false, std::max(tiles / 8, 1.0) * step.Cycles(lhs_loads, columns, 0, rows * columns));
    }
    for (int rows = 8; exchanges && rows <= most_rows && rows * columns <= 128; rows += 8) {
      const auto tiles = static_cast<double>(CeilDiv(num_rows, rows) * CeilDiv(num_columns, 8 * columns));
      consider(rows, columns, true, tiles * step.Cycles(rows / 8.0, columns, rows / 8 * 7, rows * columns));
    }
  }
  return config;
}

// Steps of K at once: an invocation waits once for the loads of them all. Short sums stay loops, whose code is short.
int DirectRun(const ProductForm& form, const ProductConfig& config) {
  constexpr int kMostSteps = 8;
  const int64_t chunk = CeilDiv(form.extent(ProductAxis::kK), int64_t{config.splits} * config.parts);
  if (chunk < 2 * kMostSteps) return 1;
  return static_cast<int>(std::gcd(int64_t{RunAlong(form, ProductAxis::kK, kMostSteps)}, chunk));
}

// Invocations of a workgroup that share a register tile. Those beside each other load along K or along the columns.
// Few parts have few sums to add; more of them give the device more workgroups.
int PartsAlongK(int64_t k, int run, int64_t tiles, int units) {
  constexpr int kWholeLoad = 8, kWorkgroupsAUnit = 3;
  int parts = 1;
  while (parts < kTogether && int64_t{2} * parts * run <= k &&
         (parts < kWholeLoad || CeilDiv(tiles, kTogether / parts) < int64_t{kWorkgroupsAUnit} * units)) {
    parts *= 2;
  }
  return parts;
}

int PartsAcross(int64_t k, int64_t tiles, int units) {
  constexpr int64_t kFewestSteps = 16;
  int lanes = CeilDiv(tiles, 8) * 2 < units ? 4 : 8;
  while (lanes < kTogether && k < kTogether / lanes * kFewestSteps) lanes *= 2;
  // Longer runs of neighbours where enough workgroups remain.
  while (lanes < kTogether && tiles >= int64_t{4} * lanes * units) lanes *= 2;
  return kTogether / lanes;
}

// Sets in how many rounds the sums of parts go through shared memory; false where it holds too few of them.
bool SetRounds(ProductConfig& config, DType accumulator, const target::DeviceProfile& profile) {
  constexpr int kMostBytes = 40960;  // of what several workgroups of a unit share
  const int64_t slots = config.workgroup_size + config.workgroup_size / config.parts;
  const int64_t bytes = SizeBytes(accumulator) * slots * config.rows * config.columns;
  for (config.rounds = 1; config.rounds <= config.rows; ++config.rounds) {
    if (config.rows % config.rounds != 0) continue;
    if (bytes / config.rounds <= std::min(profile.shared_memory_bytes, kMostBytes)) return true;
  }
  return false;
}

// Twice the invocations have twice the loads on their way, and wait for half as many. Tiles of few results are left
// to more workgroups.
void AddParts(ProductConfig& config, DType accumulator, int64_t k, const target::DeviceProfile& profile) {
  constexpr int kFewResults = 8;
  ProductConfig wider = config;
  wider.parts *= 2;
  wider.workgroup_size *= 2;
  const bool pays = config.rows * config.columns > kFewResults && int64_t{wider.parts} * wider.unroll_k <= k;
  if (pays && wider.workgroup_size <= profile.widest_workgroup() && SetRounds(wider, accumulator, profile)) {
    config = wider;
  }
}

// Parts of K within the workgroup in place of those that a second dispatch adds; false where K is too long for that.
bool SumTogether(ProductConfig& config, DType accumulator, const ProductForm& form,
                 const target::DeviceProfile& profile) {
  constexpr int64_t kMostSteps = 256;
  const int64_t k = form.extent(ProductAxis::kK);
  if (form.DigitsOf(ProductAxis::kK).size() != 1 || IsComplex(accumulator)) return false;
  ProductConfig together = config;
  together.splits = 1;
  together.workgroup_size = kTogether;
  const bool has_few = !config.along_k && config.rows * config.columns <= 8;
  together.unroll_k = RunAlong(form, ProductAxis::kK, has_few ? 16 : 8);
  const auto set_parts = [&] {
    const int64_t tiles = DirectInvocations(together, form);
    together.parts = config.along_k ? PartsAlongK(k, together.unroll_k, tiles, profile.compute_units)
                                    : PartsAcross(k, tiles, profile.compute_units);
    return CeilDiv(tiles, kTogether / together.parts);
  };
  // While that leaves units idle, workgroups share rows: the columns' operand then comes from a cache.
  while (set_parts() * 2 <= profile.compute_units && together.rows > 2) together.rows = (together.rows + 1) / 2;
  const bool fits = kTogether <= profile.widest_workgroup() && SetRounds(together, accumulator, profile);
  if (!fits || together.parts == 1 || k / together.parts > kMostSteps) return false;
  if (set_parts() <= profile.compute_units) AddParts(together, accumulator, k, profile);
  config = together;
  return true;
}

ProductConfig RowConfig(const ProductForm& form, const target::DeviceProfile& profile, ProductAxis long_axis) {
  ProductConfig config;
  config.kernel = ProductKernel::kRow;
  config.row_axis = long_axis;
  config.column_axis = long_axis == ProductAxis::kM ? ProductAxis::kN : ProductAxis::kM;
  config.columns = static_cast<int>(form.extent(config.column_axis));
  const int64_t k = form.extent(ProductAxis::kK);
  config.workgroup_size = k <= 512 ? 64 : 128;
  const int64_t workgroups = form.extent(long_axis) * form.extent(ProductAxis::kBatch);
  const int64_t steps = CeilDiv(k, int64_t{config.workgroup_size} * 4);
  const int64_t wanted = CeilDiv(int64_t{profile.compute_units} * 4, workgroups);
  config.splits = EvenSplits(steps, std::min({wanted, steps / 4, int64_t{kMaxSplits}}));
  config.reason =
      Format("Only {} results along one axis, and the other operand is contiguous along K: a workgroup a row.",
             config.columns);
  return config;
}

// Windows that overlap along M's innermost digit: rows along it, while there is work for all compute units.
void SlideRows(ProductConfig& config, const ProductForm& form, const target::DeviceProfile& profile) {
  constexpr int kMostTaps = 8, kMostRows = 4;
  const std::vector<int> m = form.DigitsOf(ProductAxis::kM), k = form.DigitsOf(ProductAxis::kK);
  if (config.rows > 1 || config.row_axis != ProductAxis::kM || m.empty() || k.empty()) return;
  const int64_t taps = form.digits[k.back()].extent;
  const int64_t step = form.lhs.factors[m.back()], tap_step = form.lhs.factors[k.back()];
  const bool overlaps = tap_step != 0 && step % tap_step == 0 && step / tap_step > 0 && step / tap_step < taps;
  if (!overlaps || taps > kMostTaps) return;
  ProductConfig sliding = config;
  sliding.slides = true;
  for (sliding.rows = kMostRows; sliding.rows > 1; sliding.rows /= 2) {
    const bool fits = form.digits[m.back()].extent % sliding.rows == 0;
    if (fits && DirectInvocations(sliding, form) >= int64_t{profile.compute_units} * 512) {
      config = sliding;
      return;
    }
  }
}

}  // namespace

int EvenSplits(int64_t parts, int64_t splits) {
  if (splits <= 1) return 1;
  return static_cast<int>(CeilDiv(parts, CeilDiv(parts, splits)));
}

void SetDirectSplits(ProductConfig& config, const ProductForm& form, int64_t splits) {
  const std::vector<int> digits = form.DigitsOf(ProductAxis::kK);
  int64_t outer = 1;
  config.split_digits = 0;
  while (outer < splits && config.split_digits < static_cast<int>(digits.size())) {
    outer *= form.digits[digits[config.split_digits++]].extent;
  }
  config.splits = EvenSplits(outer, std::min(splits, outer));
}

ProductConfig DirectOnCpu(const Product& product, const ProductForm& form, const target::DeviceProfile& profile) {
  ProductConfig config = CpuTile(product, form, profile);
  // Several vectors' worth of invocations a core, in workgroups small enough to spread evenly.
  const int64_t invocations = DirectInvocations(config, form);
  SplitDirect(config, form, invocations, int64_t{profile.compute_units} * 64);
  config.workgroup_size = invocations * config.splits < int64_t{profile.compute_units} * 1024 ? 16 : 64;
  const CpuStep step = CpuStepOf(product, form, profile);
  if (step.lhs_along_k || step.rhs_along_k) config.unroll_k = RunAlong(form, ProductAxis::kK, 2);
  config.reason = Format("The device is a CPU: a register tile of {}x{} from its caches, in short code{}.", config.rows,
                         config.columns, config.exchanges_rows ? ", rows passed around the subgroup" : "");
  return config;
}

ProductConfig DirectOnGpu(const ProductForm& form, const target::DeviceProfile& profile, ProductAxis columns,
                          std::string reason) {
  ProductConfig config;
  config.column_axis = columns;
  config.columns = RunAlong(form, columns, 4);
  // All places of a small window together, so that the other operand is read once for them.
  const int64_t rows = form.extent(config.row_axis);
  const int most_results = std::min(40, profile.tile_registers / 2);
  config.rows = rows <= 16 ? FittingRows(rows, std::max(1, most_results / config.columns)) : 1;
  config.workgroup_size = 64;
  // Sums too short to split: while compute units lack work, invocations take fewer of them.
  const bool is_short = form.extent(ProductAxis::kK) < 2 * kLeastK;
  while (is_short && config.rows > 1 && 2 * DirectInvocations(config, form) <= int64_t{profile.compute_units} * 64) {
    config.rows = static_cast<int>(CeilDiv(config.rows, 2));
  }
  SlideRows(config, form, profile);
  SplitDirect(config, form, DirectInvocations(config, form), int64_t{profile.compute_units} * 1024);
  config.unroll_k = DirectRun(form, config);
  config.reason = std::move(reason);
  return config;
}

bool IsContiguousAlongK(const ProductForm& form, const LinearMap& map) {
  const std::vector<int> k = form.DigitsOf(ProductAxis::kK);
  return !k.empty() && map.factors[k.back()] == 1;
}

ProductConfig FewAcross(const Product& product, const ProductForm& form, const target::DeviceProfile& profile) {
  ProductConfig config =
      DirectOnGpu(form, profile, ProductAxis::kN, "Few results along one axis: operands are read once anyway.");
  if (config.splits > 1) SumTogether(config, product.accumulator, form, profile);
  return config;
}

ProductConfig FewAlongK(const Product& product, const ProductForm& form, const target::DeviceProfile& profile,
                        ProductAxis long_axis) {
  const ProductAxis short_axis = long_axis == ProductAxis::kM ? ProductAxis::kN : ProductAxis::kM;
  const int64_t num_short = form.extent(short_axis), num_long = form.extent(long_axis);
  const int element_bytes = SizeBytes((long_axis == ProductAxis::kM ? product.lhs : product.rhs).value->type.dtype);
  const auto reason = Format(
      "Only {} results along one axis, and the other operand is contiguous along K: neighbours load it together.",
      num_short);
  constexpr int kMostShared = 32;  // parts of a result: more are better spent on more results
  // The more of the long axis an invocation has, the more of its loads are on their way.
  for (const int most : {16, 8, 4}) {
    const bool holds = most * num_short <= profile.tile_registers / 4 && most * element_bytes <= 32;
    if (most > 4 && (num_short > 2 || most > num_long || !holds)) continue;
    const auto few = static_cast<int>(std::min<int64_t>(num_long, most));
    ProductConfig config;
    config.along_k = true;
    config.reason = reason;
    (long_axis == ProductAxis::kM ? config.rows : config.columns) = few;
    (long_axis == ProductAxis::kM ? config.columns : config.rows) =
        FittingRows(num_short, std::clamp(profile.tile_registers / 2, few, 40) / few);
    if (!SumTogether(config, product.accumulator, form, profile)) continue;
    const int64_t invocations = DirectInvocations(config, form) * config.parts;
    const bool is_busy = invocations * 4 >= int64_t{profile.compute_units} * config.workgroup_size * 3;
    if (most == 4 || (is_busy && config.parts <= kMostShared)) return config;
  }
  return RowConfig(form, profile, long_axis);
}

}  // namespace dragoman::kernel
