// SPDX-License-Identifier: Apache-2.0
// Which kernel computes a product and with which tile sizes: a pure function of the product's extents and the device
// profile, with its reason. Emission makes no choice of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lower/product/product.h"
#include "target/compile_context.h"

namespace dragoman::kernel {

// X(enumerator, name)
#define DRAGOMAN_PRODUCT_KERNELS(X)                                                                   \
  X(kTile, "tile")     /* a workgroup shares tiles of both operands; a register tile an invocation */ \
  X(kDirect, "direct") /* no shared memory: an invocation loads what its register tile needs */       \
  X(kRow, "row")       /* a workgroup sums along K for few results: matrix times vector */

enum class ProductKernel : uint8_t {
#define X(name, text) name,
  DRAGOMAN_PRODUCT_KERNELS(X)
#undef X
};

// What computes the multiply-adds of kTile. Matrix units are those of DeviceProfile::matrix_shapes; kSplitMatrix takes
// each float32 as the sum of two bf16 and adds three products.
enum class TileUnit : uint8_t { kScalar, kMatrix, kSplitMatrix };
inline bool IsMatrix(TileUnit unit) { return unit != TileUnit::kScalar; }

// Subgroups of this size can exchange rows (ProductConfig::exchanges_rows).
inline constexpr int kExchangeSubgroup = 8;

struct ProductConfig {
  ProductKernel kernel = ProductKernel::kDirect;
  TileUnit unit = TileUnit::kScalar;
  int workgroup_size = 64;
  // Axes of the register tile's rows and columns; kTile has M and N.
  ProductAxis row_axis = ProductAxis::kM;
  ProductAxis column_axis = ProductAxis::kN;
  int rows = 1;  // of results, an invocation; of kMatrix, a subgroup
  int columns = 1;
  int tile_m = 0;  // kTile: of results, a workgroup
  int tile_n = 0;
  int tile_k = 0;
  int unroll_k = 1;       // multiply-add steps written out before the loop comes round
  int steps_at_once = 1;  // kTile: tiles along K before the loop comes round
  int splits = 1;         // parts of K whose sums a second dispatch adds
  int split_digits = 1;   // kDirect: how many of K's outermost digits the parts divide
  // kDirect: the invocations of a workgroup that share a register tile; each sums one of so many parts of K. They are
  // neighbours in a workgroup, or else those with neighbouring tiles are.
  int parts = 1;
  bool along_k = false;
  int rounds = 1;  // in which the sums of parts go through shared memory: a divisor of the rows
  // kDirect over M and N: a subgroup computes `rows` (a multiple of its size) by 8 times `columns` results; each row is
  // loaded by one invocation and passed to the others. The subgroup size must be 8 always, the accumulator of 32 bits.
  bool exchanges_rows = false;
  // kDirect: rows are neighbours along M's innermost digit, and the last digit of K is written out, so that an element
  // which several of them multiply is loaded once.
  bool slides = false;
  target::MatrixShape matrix;  // kMatrix
  int subgroup_size = 0;       // kMatrix: required
  std::string reason;
};

// For people.
std::string_view NameOf(const ProductConfig& config);

// At least `times` as many parts of K, for devices that limit the loops of an invocation; false where K has no more.
bool SplitFurther(ProductConfig& config, const ProductForm& form, int64_t times);

// A tile that fits the device, and the estimate of its time in cycles.
struct ProductCandidate {
  ProductConfig config;
  double cycles = 0;
};
// What a tuner would measure. Empty where no tile fits; some products take other kernels whatever tiles fit.
std::vector<ProductCandidate> TileCandidates(const Product& product, const ProductForm& form,
                                             const target::DeviceProfile& profile);

// What target::Tuning::products calls a product and a candidate: "1x512x512x64 f32 along K, f32 to f32" and
// "matrix tile 128x64x32 with 2 parts of K".
std::string TuningKey(const Product& product, const ProductForm& form);
std::string TuningName(const ProductConfig& config);

// The candidate that context.options.tuning names, else the one with the fewest estimated cycles.
ProductConfig ChooseProductKernel(const Product& product, const ProductForm& form,
                                  const target::CompileContext& context);

}  // namespace dragoman::kernel
