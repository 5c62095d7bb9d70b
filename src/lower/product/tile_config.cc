// SPDX-License-Identifier: Apache-2.0
#include "lower/product/tile_config.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <optional>
#include <span>

#include "base/arithmetic.h"
#include "base/format.h"
#include "lower/product/direct_config.h"
#include "lower/product/matrix_product.h"
#include "lower/product/tile_loader.h"
#include "lower/product/tile_product.h"
#include "target/matrix_units.h"
#include "target/unit_rates.h"

namespace dragoman::kernel {
namespace {

constexpr std::string_view kNames[] = {
#define X(name, text) text,
    DRAGOMAN_PRODUCT_KERNELS(X)
#undef X
};

struct Extents {
  int64_t batch;
  int64_t m;
  int64_t n;
  int64_t k;
  int64_t results() const { return batch * m * n; }
};

Extents ExtentsOf(const ProductForm& form) {
  return {form.extent(ProductAxis::kBatch), form.extent(ProductAxis::kM), form.extent(ProductAxis::kN),
          form.extent(ProductAxis::kK)};
}

// A tile of results of a workgroup and how fast its inner loop runs. `rows` and `columns` are an invocation's, or on
// matrix units a subgroup's.
struct TileRow {
  int tile_m;
  int tile_n;
  int tile_k;
  int rows;
  int columns;
  int unroll_k;
  double rate;  // of a compute unit's multiply-adds, when enough workgroups hide each other's waits
  int steps_at_once = 1;
  bool takes_parts = true;  // of K, too
};

// Larger register tiles read less shared memory a multiply-add; the rates are measured on NVIDIA H100.
constexpr TileRow kTiles[] = {
    {128, 128, 8, 8, 8, 8, 0.80}, {128, 64, 16, 8, 4, 4, 0.68}, {64, 128, 16, 4, 8, 4, 0.65},
    {64, 64, 16, 4, 4, 4, 0.62},  {32, 64, 16, 4, 4, 4, 0.42},  {64, 32, 16, 4, 4, 4, 0.42},
    {32, 32, 32, 4, 4, 4, 0.36},  {16, 32, 32, 2, 2, 4, 0.22},  {128, 16, 32, 4, 2, 4, 0.30},
    {16, 128, 32, 2, 4, 4, 0.33},
};
// Accumulators of two registers, or operations of many cycles.
constexpr TileRow kWideTiles[] = {
    {64, 64, 8, 4, 4, 2, 0.50},
    {32, 32, 16, 2, 2, 2, 0.25},
};

// On matrix units. Subgroups of 64x64 results read shared memory least. On NVIDIA H200 (bf16, 4096 cubed) tiles of
// 128x128x64 reach 328 TFLOP/s, 128x128x32 277, 128x64x64 237, 64x64x64 202; two steps at once take 3 to 14 % less
// time. The other rates are estimates; the first tile fits for 8-bit elements alone.
constexpr TileRow kMatrixTiles[] = {
    {128, 128, 128, 64, 64, 1, 7.5}, {128, 128, 64, 64, 64, 1, 6.4, 2}, {128, 64, 64, 64, 32, 1, 4.8},
    {64, 128, 64, 32, 64, 1, 4.8},   {64, 64, 64, 32, 32, 1, 4.0},      {128, 128, 32, 64, 64, 1, 5.5},
    {128, 64, 32, 64, 32, 1, 4.5},   {64, 128, 32, 32, 64, 1, 4.5},     {64, 64, 32, 32, 32, 1, 3.5},
    {32, 64, 32, 16, 32, 1, 2.2},    {64, 32, 32, 32, 16, 1, 2.2},      {32, 32, 32, 16, 16, 1, 1.4},
};
// Three products an element. On NVIDIA H200 192 products of 256x64x256 take 46 us in tiles of 64x64x64, of eight
// subgroups, and 60 us in 128x64x32; 192 of 256x256x64 take 46 us in the former and 44 us in 128x128x32. In parts of K
// 64x4096x4096 takes 65 us in the former and 58 us in 64x128x32. The other rates are estimates.
constexpr TileRow kSplitTiles[] = {
    {128, 128, 32, 64, 64, 1, 1.2},          {128, 64, 32, 64, 32, 1, 1.1}, {64, 128, 32, 32, 64, 1, 1.1},
    {64, 64, 64, 32, 16, 1, 1.12, 1, false}, {64, 64, 32, 32, 32, 1, 0.9},  {32, 64, 32, 16, 32, 1, 0.6},
};

constexpr double kStepCycles = 700;       // a step along K whose loads nobody hides
constexpr double kSplitStepCycles = 78;   // one that splits operands, an element of K: fitted to 64x4096x4096 on H200
constexpr double kAloneRate = 0.67;       // of a workgroup on matrix units whose waits no other one hides
constexpr double kDispatchCycles = 4000;  // one more dispatch behind a barrier
constexpr int kMaxSplits = 256;

double TileCycles(const TileRow& row, const ProductConfig& config, const Extents& e, int units, double step_cycles) {
  const int splits = config.splits;
  const int64_t workgroups = CeilDiv(e.m, row.tile_m) * CeilDiv(e.n, row.tile_n) * e.batch * splits;
  const double a_unit = static_cast<double>(CeilDiv(workgroups, units));
  const double steps = static_cast<double>(CeilDiv(CeilDiv(e.k, row.tile_k), splits));
  const double work = steps * row.tile_m * row.tile_n * row.tile_k / (target::kMultiplyAddsInCycle * row.rate);
  // Up to four workgroups of a unit wait at the same time.
  const double rounds = static_cast<double>(CeilDiv(static_cast<int64_t>(a_unit), 4));
  const double rate = IsMatrix(config.unit) && a_unit == 1 ? kAloneRate : 1;
  double cycles = std::max(a_unit * work / rate, rounds * std::max(work, steps * step_cycles));
  if (splits > 1) {
    const double traffic = static_cast<double>(e.results()) * static_cast<double>(splits + 1) * 8;
    cycles += kDispatchCycles + traffic / (target::kBytesInCycle * units);
  }
  return cycles;
}

// The unit that a choice of tiles is for.
struct UnitChoice {
  TileUnit unit = TileUnit::kScalar;
  std::span<const TileRow> rows;
  target::MatrixShape matrix;  // kMatrix
};

// The configuration of a row, but for splits and reason.
ProductConfig RowConfiguration(const UnitChoice& choice, const TileRow& row, const target::DeviceProfile& profile) {
  ProductConfig config;
  config.kernel = ProductKernel::kTile;
  config.unit = choice.unit;
  config.tile_m = row.tile_m;
  config.tile_n = row.tile_n;
  config.tile_k = row.tile_k;
  config.rows = row.rows;
  config.columns = row.columns;
  config.unroll_k = row.unroll_k;
  config.workgroup_size = row.tile_m / row.rows * (row.tile_n / row.columns);
  if (IsMatrix(choice.unit)) {
    config.matrix = choice.matrix;
    config.subgroup_size = profile.subgroup_size;
    config.workgroup_size *= config.subgroup_size;
  }
  return config;
}

// A step along K of one workgroup: its wait for loads, or an invocation's own multiply-adds.
double StepCycles(const ProductConfig& config, const target::DeviceProfile& profile) {
  if (IsMatrix(config.unit)) return config.unit == TileUnit::kMatrix ? kStepCycles : kSplitStepCycles * config.tile_k;
  const int multiply_adds = config.rows * config.columns * config.tile_k;
  return std::max(kStepCycles, static_cast<double>(multiply_adds * profile.multiply_add_cycles));
}

// What an invocation keeps of where a load is: the index and the positions to look at, dilated ones also divided.
int PlaceRegisters(const LinearMap& map) {
  int registers = 1;
  for (const PositionMap& position : map.positions) registers += position.dilation > 1 ? 2 : 1;
  return registers;
}

// 32-bit values of an invocation: its results, what it carries from the operands to shared memory, and where its loads
// are from step to step along K.
int TileRegisters(const ProductConfig& config, const ProductForm& form, DType accumulator) {
  const int results = config.tile_m * config.tile_n / config.workgroup_size;
  if (IsMatrix(config.unit)) {
    const int staged = (config.tile_m + config.tile_n) * config.tile_k / config.workgroup_size;
    return results + (config.unit == TileUnit::kSplitMatrix ? staged : staged * SizeBytes(config.matrix.input) / 4);
  }
  const int words = std::max(1, SizeBytes(accumulator) / 4);
  const auto staged = [&](const LinearMap& map, ProductAxis axis, int tile) {
    const int elements = tile * config.tile_k / config.workgroup_size;
    const int loads = std::max(1, elements / TileLoadWidth(form, map, axis, 4));
    return elements * words + loads * PlaceRegisters(map);
  };
  return results * words + staged(form.lhs, ProductAxis::kM, config.tile_m) +
         staged(form.rhs, ProductAxis::kN, config.tile_n);
}

bool Fits(const ProductConfig& config, const ProductForm& form, const target::DeviceProfile& profile,
          DType accumulator) {
  const bool is_matrix = IsMatrix(config.unit);
  const int64_t shared_bytes = is_matrix ? MatrixSharedBytes(config) : TileSharedBytes(config, accumulator);
  if (is_matrix && (config.rows % config.matrix.m != 0 || config.columns % config.matrix.n != 0 ||
                    config.tile_k % config.matrix.k != 0 || !StripFits(config) || !FillsWorkgroup(config))) {
    return false;
  }
  return config.workgroup_size <= profile.widest_workgroup() && shared_bytes <= profile.shared_memory_bytes &&
         TileRegisters(config, form, accumulator) <= (is_matrix ? profile.matrix_registers : profile.tile_registers);
}

// Into how many parts K may fall: powers of two, and what gives each compute unit one workgroup, or two, three, four.
std::vector<int64_t> SplitChoices(int64_t steps, int64_t tiles, int64_t units) {
  const int64_t most = std::min<int64_t>(steps, kMaxSplits);
  std::vector<int64_t> choices;
  for (int64_t splits = 1; splits <= most; splits *= 2) choices.push_back(splits);
  for (int64_t a_unit = 1; a_unit <= 4; ++a_unit) {
    const int64_t splits = a_unit * units / std::max<int64_t>(tiles, 1);
    if (splits > 1 && splits <= most) choices.push_back(splits);
  }
  return choices;
}

void AddCandidates(const UnitChoice& choice, const ProductForm& form, const target::DeviceProfile& profile,
                   DType accumulator, std::vector<ProductCandidate>& candidates) {
  const Extents e = ExtentsOf(form);
  for (const TileRow& row : choice.rows) {
    ProductConfig config = RowConfiguration(choice, row, profile);
    if (!Fits(config, form, profile, accumulator)) continue;
    const int units = std::max(profile.compute_units, 1);
    const double step_cycles = StepCycles(config, profile);
    const int64_t steps = std::max<int64_t>(CeilDiv(e.k, row.tile_k), 1);
    const int64_t tiles = CeilDiv(e.m, row.tile_m) * CeilDiv(e.n, row.tile_n) * e.batch;
    for (const int64_t splits : SplitChoices(row.takes_parts ? steps : 1, tiles, units)) {
      config.splits = EvenSplits(steps, splits);
      // A loop that comes round after several steps needs as many of them in every part.
      config.steps_at_once = steps % (int64_t{config.splits} * row.steps_at_once) == 0 ? row.steps_at_once : 1;
      candidates.push_back({config, TileCycles(row, config, e, units, step_cycles)});
    }
  }
}

// The one with the fewest estimated cycles, or the one that a measurement names.
ProductConfig Pick(const std::vector<ProductCandidate>& candidates, const std::string* measured) {
  const auto is_measured = [&](const ProductCandidate& candidate) { return TuningName(candidate.config) == *measured; };
  const auto is_faster = [](const ProductCandidate& a, const ProductCandidate& b) { return a.cycles < b.cycles; };
  auto best = candidates.end();
  if (measured != nullptr) best = std::find_if(candidates.begin(), candidates.end(), is_measured);
  const bool is_found = best != candidates.end();
  if (!is_found) best = std::min_element(candidates.begin(), candidates.end(), is_faster);
  ProductConfig config = best->config;
  config.reason = is_found
                      ? Format("The {} was measured to be the fastest.", TuningName(config))
                      : Format("The {} takes the fewest estimated cycles ({:.0f}).", TuningName(config), best->cycles);
  return config;
}

// The shape of the matrix unit for elements of `input`: of those with such sums the one with the most multiply-adds.
std::optional<target::MatrixShape> BestMatrix(std::optional<DType> input, DType accumulator,
                                              const target::DeviceProfile& profile) {
  std::optional<target::MatrixShape> best;
  if (!input.has_value() || !target::HasMatrixUnits(profile, *input, accumulator)) return best;
  for (const target::MatrixShape& shape : profile.matrix_shapes) {
    if (shape.input != *input || shape.accumulator != accumulator) continue;
    if (!best.has_value() || shape.m * shape.n * shape.k > best->m * best->n * best->k) best = shape;
  }
  return best;
}

ProductConfig ChooseOnGpu(const Product& product, const ProductForm& form, const target::CompileContext& context) {
  const target::DeviceProfile& profile = context.profile;
  const Extents e = ExtentsOf(form);
  constexpr int64_t kFew = 8, kShortK = 128, kRowsAUnit = 128;
  if (e.batch >= 16 && e.n <= 4 && e.k * e.n <= 256) {
    return DirectOnGpu(form, profile, ProductAxis::kBatch, "Groups of few channels: an invocation a few groups.");
  }
  if (e.batch >= 16 && e.n <= 2 && e.m <= 64) {
    return DirectOnGpu(form, profile, ProductAxis::kBatch, "Small results of many groups: an invocation a few groups.");
  }
  if (e.k <= 4) {
    return DirectOnGpu(form, profile, ProductAxis::kN, "K is so short that sharing operands gains nothing.");
  }
  const bool is_long = e.k >= kLeastK;
  if (e.m <= kFew && is_long && IsContiguousAlongK(form, form.rhs))
    return FewAlongK(product, form, profile, ProductAxis::kN);
  if (e.n <= kFew && is_long && IsContiguousAlongK(form, form.lhs))
    return FewAlongK(product, form, profile, ProductAxis::kM);
  if (std::min(e.m, e.n) == 1 && e.k <= kShortK && e.results() >= int64_t{profile.compute_units} * kRowsAUnit) {
    return DirectOnGpu(form, profile, ProductAxis::kN, "Many short rows: an invocation a few of them.");
  }
  if (e.m <= kFew || e.n <= kFew / 2) return FewAcross(product, form, profile);
  const std::vector<ProductCandidate> candidates = TileCandidates(product, form, profile);
  if (candidates.empty()) {
    return DirectOnGpu(form, profile, ProductAxis::kN, "No tile fits the device's workgroup or shared memory.");
  }
  const auto& tuned = context.options.tuning.products;
  const auto entry = tuned.empty() ? tuned.end() : tuned.find(TuningKey(product, form));
  return Pick(candidates, entry == tuned.end() ? nullptr : &entry->second);
}

}  // namespace

std::vector<ProductCandidate> TileCandidates(const Product& product, const ProductForm& form,
                                             const target::DeviceProfile& profile) {
  const bool is_wide = SizeBytes(product.accumulator) > 4;
  const std::span<const TileRow> rows =
      is_wide ? std::span<const TileRow>(kWideTiles) : std::span<const TileRow>(kTiles);
  std::vector<ProductCandidate> candidates;
  AddCandidates({TileUnit::kScalar, rows, {}}, form, profile, product.accumulator, candidates);
  if (const auto matrix = BestMatrix(MatrixInput(product, form), product.accumulator, profile)) {
    AddCandidates({TileUnit::kMatrix, kMatrixTiles, *matrix}, form, profile, product.accumulator, candidates);
  }
  const auto split =
      target::SplitsFloat32(profile) ? BestMatrix(SplitInput(product, form), DType::kF32, profile) : std::nullopt;
  if (split.has_value()) {
    AddCandidates({TileUnit::kSplitMatrix, kSplitTiles, *split}, form, profile, product.accumulator, candidates);
  }
  return candidates;
}

std::string TuningKey(const Product& product, const ProductForm& form) {
  const auto operand = [&](const OperandMap& map, const LinearMap& linear) {
    std::string types(Name(map.value->type.dtype));
    for (const DType type : map.converts) types += Format(" as {}", Name(type));
    return types + (IsContiguousAlongK(form, linear) ? " along K" : "");
  };
  const Extents e = ExtentsOf(form);
  return Format("{}x{}x{}x{} {}, {} to {}", e.batch, e.m, e.n, e.k, operand(product.lhs, form.lhs),
                operand(product.rhs, form.rhs), Name(product.accumulator));
}

std::string TuningName(const ProductConfig& config) {
  return Format("{} {}x{}x{} with {} parts of K", NameOf(config), config.tile_m, config.tile_n, config.tile_k,
                config.splits);
}

std::string_view NameOf(const ProductConfig& config) {
  if (config.unit == TileUnit::kSplitMatrix) return "split matrix tile";
  return config.unit == TileUnit::kMatrix ? "matrix tile" : kNames[static_cast<int>(config.kernel)];
}

bool SplitFurther(ProductConfig& config, const ProductForm& form, int64_t times) {
  const int before = config.splits;
  const int64_t k = std::max<int64_t>(form.extent(ProductAxis::kK), 1);
  const int64_t wanted = std::min(before * std::min(times, k), k);
  if (config.kernel == ProductKernel::kDirect) {
    config.parts = 1;
    SetDirectSplits(config, form, wanted);
  } else {
    const int64_t step = config.kernel == ProductKernel::kTile ? config.tile_k : config.workgroup_size;
    const int64_t steps = CeilDiv(k, step);
    config.splits = EvenSplits(steps, std::min(wanted, steps));
  }
  return config.splits > before;
}

ProductConfig ChooseProductKernel(const Product& product, const ProductForm& form,
                                  const target::CompileContext& context) {
  if (context.profile.unrolling_is_costly) return DirectOnCpu(product, form, context.profile);
  return ChooseOnGpu(product, form, context);
}

}  // namespace dragoman::kernel
