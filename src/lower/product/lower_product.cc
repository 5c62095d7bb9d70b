// SPDX-License-Identifier: Apache-2.0
#include "lower/product/lower_product.h"

#include <algorithm>

#include "base/arithmetic.h"
#include "base/format.h"
#include "fusion/operand_rows.h"
#include "kernel/loop_bound.h"
#include "lower/product/computed_operand.h"
#include "lower/product/direct_config.h"
#include "lower/product/direct_product.h"
#include "lower/product/matrix_product.h"
#include "lower/product/product_emitter.h"
#include "lower/product/row_product.h"
#include "lower/product/tile_product.h"

namespace dragoman::kernel {
namespace {

constexpr int kReduceWorkgroup = 128;
constexpr int64_t kReduceInvocations = 16384;  // fewer leave most of a large device idle

StatusOr<int64_t> EmitProduct(ProductContext& context, const ProductConfig& config) {
  switch (config.kernel) {
    case ProductKernel::kTile:
      return IsMatrix(config.unit) ? EmitMatrixProduct(context, config) : EmitTileProduct(context, config);
    case ProductKernel::kDirect:
      return EmitDirectProduct(context, config);
    case ProductKernel::kRow:
      return EmitRowProduct(context, config);
  }
  return Internal("The product kernel is none of the table's.");
}

std::string LabelOf(const fusion::Group& group, const ProductConfig& config, const ProductForm& form) {
  return Format("{} {} {} {}x{}x{}x{}", ir::Info(group.hero->code).name, NameOf(config),
                ToString(group.hero->type().dims), form.extent(ProductAxis::kBatch), form.extent(ProductAxis::kM),
                form.extent(ProductAxis::kN), form.extent(ProductAxis::kK));
}

// No other digit of the map reaches into what digit `d` tells apart.
bool IsApart(const ProductForm& form, const LinearMap& map, int d) {
  const int64_t stride = map.factors[d];
  if (stride <= 0 || map.offset != 0 || !map.positions.empty()) return false;
  int64_t reach = 0;
  for (size_t other = 0; other < form.digits.size(); ++other) {
    const int64_t factor = map.factors[other];
    if (factor < 0) return false;
    if (static_cast<int>(other) == d || factor == 0) continue;
    if (factor < stride) reach += factor * (form.digits[other].extent - 1);
    if (factor >= stride && factor % (stride * form.digits[d].extent) != 0) return false;
  }
  return reach < stride;
}

// What belongs to one group of the batch axis.
Pieces PiecesOf(const ProductForm& form, const LinearMap& map) {
  Pieces pieces;
  for (const int d : form.DigitsOf(ProductAxis::kBatch)) {
    if (!IsApart(form, map, d)) return {};
    pieces.digits.push_back({map.factors[d], form.digits[d].extent});
  }
  return Simplified(std::move(pieces));
}

// Nothing but one operand of the hero is made of the value.
bool IsOperandOnly(const fusion::Group& group, const ir::Value* value) {
  while (value != nullptr) {
    const ir::Op* user = nullptr;
    for (const ir::Op* op : group.members) {
      const auto uses = std::ranges::count(op->operands, value);
      if (uses > 1 || (uses == 1 && user != nullptr)) return false;
      if (uses == 1) user = op;
    }
    if (user == group.hero || user == nullptr) return user != nullptr;
    value = user->result();
  }
  return false;
}

// By workgroups, where none works for several groups of the batch axis.
Division DivisionOf(const ProductContext& context, const ProductConfig& config, const Dispatch& dispatch) {
  const ProductForm& form = context.form;
  if (config.parts == 1 || config.splits > 1 || context.computed >= 0) return {};
  const int64_t tiles =
      CeilDiv(form.extent(ProductAxis::kM), config.rows) * CeilDiv(form.extent(ProductAxis::kN), config.columns);
  if (tiles % (config.workgroup_size / config.parts) != 0) return {};
  Division division{.shares = dispatch.workgroups};
  for (const Argument& argument : dispatch.arguments) {
    Pieces& pieces = division.pieces.emplace_back();
    const bool is_output = std::ranges::find(context.group.outputs, argument.value) != context.group.outputs.end();
    if (is_output) {
      pieces = PiecesOf(form, form.out);
    } else if (IsOperandOnly(context.group, argument.value)) {
      pieces = PiecesOf(form, argument.value == context.product.lhs.value ? form.lhs : form.rhs);
    }
  }
  return division;
}

StatusOr<Dispatch> ProductDispatch(const fusion::Group& group, const target::DeviceProfile& profile,
                                   const Product& product, const ProductForm& form, const ProductConfig& config) {
  Builder builder(profile);
  Elemental elemental(builder, group);
  ProductContext context{builder, elemental, group, product, form, config.splits, -1, OkStatus()};
  if (config.splits > 1) {
    context.partials = elemental.BindTemporary(0, RealPart(product.accumulator), false, true);
  }
  ASSIGN_OR_RETURN(const int64_t workgroups, EmitProduct(context, config));
  Dispatch dispatch;
  dispatch.arguments = elemental.arguments();
  dispatch.workgroups = workgroups;
  dispatch.label = LabelOf(group, config, form);
  dispatch.division = DivisionOf(context, config, dispatch);
  dispatch.kernel = std::move(builder).Finish(config.workgroup_size);
  return dispatch;
}

// Adds the partial sums. A workgroup takes `runs_` runs of consecutive results; `parts_` invocations share the splits
// of each run, and a tree in shared memory adds theirs. The order of additions depends on nothing but the extents.
class SplitReducer {
 public:
  SplitReducer(ProductContext& context, int64_t elements)
      : c_(context), b_(context.builder), elements_(elements), is_complex_(IsComplex(context.product.accumulator)) {
    lanes_ = elements % 4 == 0 && !is_complex_ ? 4 : 1;
    while (parts_ < kReduceWorkgroup / 8 && parts_ * 4 <= c_.num_splits &&
           elements / lanes_ * parts_ < kReduceInvocations) {
      parts_ *= 2;
    }
    runs_ = kReduceWorkgroup / parts_;
    is_wide_ = elements * c_.num_splits * SizeBytes(c_.product.accumulator) >= (int64_t{1} << 32);
  }

  int64_t NumWorkgroups() const { return CeilDiv(elements_ / lanes_, runs_); }

  void Emit() {
    const V local = b_.LocalIndex();
    const V run = b_.MulAdd(b_.WorkgroupIndex(), runs_, b_.URem(local, b_.I32(runs_)));
    const V part = b_.UDiv(local, b_.I32(runs_));
    const bool is_exact = elements_ / lanes_ % runs_ == 0;
    // Surplus invocations add the last run again, and store nothing.
    const V clamped = is_exact ? run : b_.UMin(run, b_.I32(elements_ / lanes_ - 1));
    V index = b_.IMul(clamped, b_.I32(lanes_));
    if (is_wide_) index = b_.Convert(KOp::kZExt, index, KType::kI64);
    const std::vector<V> sums = Tree(Sum(index, part), local);
    const V stores = b_.And(b_.IEq(part, b_.I32(0)), b_.ULt(run, b_.I32(elements_ / lanes_)));
    b_.If(stores, [&] {
      Elemental::Scope scope(c_.elemental);
      c_.status = StoreResults(c_, Index::FromLinear(index), ToScalars(sums, is_complex_), lanes_);
    });
  }

 private:
  std::vector<V> Sum(V index, V part) {
    const std::vector<Scalar> zeros(lanes_, ZeroScalar(b_, c_.product.accumulator));
    const auto add = [&](V split, std::span<const V> carried) {
      const V s = is_wide_ ? b_.Convert(KOp::kZExt, split, KType::kI64) : split;
      return AddRuns(carried, LoadPartials(b_.MulAdd(s, elements_, index)));
    };
    const int64_t most = CeilDiv(c_.num_splits, parts_);
    return b_.For({part, b_.I32(c_.num_splits), b_.I32(parts_), most}, ToValues(zeros, is_complex_), add);
  }

  std::vector<V> AddRuns(std::span<const V> a, std::span<const V> b) {
    const KOp add = IsInteger(c_.product.accumulator) ? KOp::kIAdd : KOp::kFAdd;
    std::vector<V> sums;
    for (size_t i = 0; i < a.size(); ++i) sums.push_back(b_.Binary(add, a[i], b[i]));
    return sums;
  }

  std::vector<V> LoadPartials(V index) {
    if (!is_complex_) return b_.LoadVector(c_.partials, index, lanes_);
    return b_.LoadVector(c_.partials, b_.IMul(index, b_.Int(index.type, 2)), 2);
  }

  std::vector<V> Tree(std::vector<V> sums, V local) {
    if (parts_ == 1) return sums;
    std::vector<int> arrays;
    for (const V sum : sums) arrays.push_back(b_.AddShared(sum.type, kReduceWorkgroup));
    const auto load = [&](V at) {
      std::vector<V> values;
      for (const int array : arrays) values.push_back(b_.LoadShared(array, at));
      return values;
    };
    const auto store = [&](std::span<const V> values) {
      for (size_t i = 0; i < arrays.size(); ++i) b_.StoreShared(arrays[i], local, values[i]);
    };
    store(sums);
    b_.Barrier();
    for (int half = parts_ / 2; half > 0; half /= 2) {
      const V count = b_.I32(half * runs_);
      b_.If(b_.ULt(local, count), [&] { store(AddRuns(load(local), load(b_.IAdd(local, count)))); });
      b_.Barrier();
    }
    return load(local);
  }

  ProductContext& c_;
  Builder& b_;
  int64_t elements_;
  bool is_complex_;
  bool is_wide_ = false;
  int lanes_ = 1;
  int parts_ = 1;
  int runs_ = 1;
};

StatusOr<Dispatch> ReduceDispatch(const fusion::Group& group, const target::DeviceProfile& profile,
                                  const Product& product, const ProductForm& form, int splits) {
  Builder builder(profile);
  Elemental elemental(builder, group);
  ProductContext context{builder, elemental, group, product, form, splits, -1, OkStatus()};
  context.partials = elemental.BindTemporary(0, RealPart(product.accumulator), true, false);
  SplitReducer reducer(context, group.hero->type().num_elements());
  reducer.Emit();
  RETURN_IF_ERROR(context.status);
  Dispatch dispatch;
  dispatch.arguments = elemental.arguments();
  dispatch.workgroups = reducer.NumWorkgroups();
  dispatch.label =
      Format("{} sum of {} parts {}", ir::Info(group.hero->code).name, splits, ToString(group.hero->type().dims));
  dispatch.kernel = std::move(builder).Finish(kReduceWorkgroup);
  return dispatch;
}

// Kernels count elements along an axis, and tiles, in 32 bits; tiles at the edge count beyond it.
Status CheckCounts(const fusion::Group& group, const ProductForm& form) {
  constexpr int64_t kMost = (int64_t{1} << 31) - (int64_t{1} << 20);
  const int64_t results = group.hero->type().num_elements();
  int64_t largest = 0;
  for (const int64_t extent : form.extents) largest = std::max(largest, extent);
  if (largest <= kMost && results <= 2 * kMost) return OkStatus();
  return Unimplemented(
      Format("Operation {} into {} has no kernel; it counts {} elements along one axis, and {} results; "
             "the limits are {} and {}.",
             ir::Info(group.hero->code).name, group.hero->type().ToString(), largest, results, kMost, 2 * kMost));
}

// A kernel that can compute an operand first, and leaves room for that in shared memory.
ProductConfig ChooseBesideComputing(const Product& product, const ProductForm& form,
                                    const target::CompileContext& context) {
  target::DeviceProfile profile = context.profile;
  profile.shared_memory_bytes -= fusion::kBytesBesideRows;
  ProductConfig config = ChooseProductKernel(product, form, {profile, context.options});
  if (config.kernel != ProductKernel::kDirect) config = FewAcross(product, form, profile);
  if (config.parts == 1) config.workgroup_size = std::max(config.workgroup_size, kLeastComputing);
  return config;
}

}  // namespace

StatusOr<Product> PrepareProduct(const fusion::Group& group, Product product) {
  // Without elements to read, every sum is empty.
  const bool is_empty = product.lhs.value->type.num_elements() == 0 || product.rhs.value->type.num_elements() == 0;
  for (ProductDigit& digit : product.digits) {
    if (is_empty && digit.axis == ProductAxis::kK) digit.extent = 0;
  }
  product.precision = static_cast<Precision>(group.hero->attributes.Int(ir::AttrKey::kPrecision));
  RETURN_IF_ERROR(AbsorbProducers(group, product.lhs));
  RETURN_IF_ERROR(AbsorbProducers(group, product.rhs));
  OrientProduct(product);
  return product;
}

StatusOr<LoweredGroup> LowerProduct(const fusion::Group& group, const target::CompileContext& context,
                                    Product product) {
  if (group.hero->type().num_elements() == 0) return LoweredGroup{};
  RETURN_IF_ERROR(CheckEpilogue(group));
  ASSIGN_OR_RETURN(product, PrepareProduct(group, std::move(product)));
  const ProductForm form = SimplifyProduct(product);
  RETURN_IF_ERROR(CheckCounts(group, form));
  const bool computes = product.lhs.is_computed || product.rhs.is_computed;
  ProductConfig config =
      computes ? ChooseBesideComputing(product, form, context) : ChooseProductKernel(product, form, context);
  ASSIGN_OR_RETURN(LoweredGroup lowered, LowerProductWith(group, context, product, config));
  // Where the device limits loops, K has as many parts as that takes.
  while (!FitsLoopLimit(lowered.dispatches[0].kernel, context.profile)) {
    const int64_t times = LoopIterations(lowered.dispatches[0].kernel) / context.profile.max_loop_iterations + 1;
    if (!SplitFurther(config, form, times)) break;
    ASSIGN_OR_RETURN(lowered, LowerProductWith(group, context, product, config));
  }
  return lowered;
}

StatusOr<LoweredGroup> LowerProductWith(const fusion::Group& group, const target::CompileContext& context,
                                        const Product& product, const ProductConfig& config) {
  const ProductForm form = SimplifyProduct(product);
  LoweredGroup lowered;
  lowered.reason = config.reason;
  if (config.splits > 1) {
    lowered.temporaries.push_back(group.hero->type().num_elements() * SizeBytes(product.accumulator) * config.splits);
  }
  ASSIGN_OR_RETURN(Dispatch main, ProductDispatch(group, context.profile, product, form, config));
  lowered.dispatches.push_back(std::move(main));
  if (config.splits > 1) {
    ASSIGN_OR_RETURN(Dispatch reduce, ReduceDispatch(group, context.profile, product, form, config.splits));
    lowered.dispatches.push_back(std::move(reduce));
  }
  return lowered;
}

}  // namespace dragoman::kernel
