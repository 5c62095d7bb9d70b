// SPDX-License-Identifier: Apache-2.0
#include "kernel/lower_product.h"

#include "base/format.h"
#include "kernel/direct_product.h"
#include "kernel/product_emitter.h"
#include "kernel/row_product.h"
#include "kernel/tile_product.h"

namespace dragoman::kernel {
namespace {

constexpr int kReduceWorkgroup = 64;

StatusOr<int64_t> EmitProduct(ProductContext& context, const ProductConfig& config) {
  switch (config.kernel) {
    case ProductKernel::kTile:
      return EmitTileProduct(context, config);
    case ProductKernel::kDirect:
      return EmitDirectProduct(context, config);
    case ProductKernel::kRow:
      return EmitRowProduct(context, config);
  }
  return Internal("The product kernel is none of the table's.");
}

std::string LabelOf(const fusion::Group& group, const ProductConfig& config, const ProductForm& form) {
  return Format("{} {} {} {}x{}x{}x{}", ir::Info(group.hero->code).name, Name(config.kernel),
                ToString(group.hero->type().dims), form.extent(ProductAxis::kBatch), form.extent(ProductAxis::kM),
                form.extent(ProductAxis::kN), form.extent(ProductAxis::kK));
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
  dispatch.kernel = std::move(builder).Finish(config.workgroup_size);
  return dispatch;
}

// Adds the partial sums of one run of results, in the order of the splits.
class SplitReducer {
 public:
  SplitReducer(ProductContext& context, int lanes) : c_(context), b_(context.builder), lanes_(lanes) {}

  void Emit(int64_t elements) {
    const V id = b_.GlobalIndex(kReduceWorkgroup);
    b_.If(b_.ULt(id, b_.I32(elements / lanes_)), [&] {
      Elemental::Scope scope(c_.elemental);
      const bool wide = elements * c_.num_splits * SizeBytes(c_.product.accumulator) >= (int64_t{1} << 32);
      V index = b_.IMul(id, b_.I32(lanes_));
      if (wide) index = b_.Convert(KOp::kZExt, index, KType::kI64);
      c_.status = StoreResults(c_, Index::FromLinear(index), Sum(index, elements), lanes_);
    });
  }

 private:
  Lanes Sum(V index, int64_t elements) {
    const bool is_complex = IsComplex(c_.product.accumulator);
    const std::vector<Scalar> zeros(lanes_, ZeroScalar(b_, c_.product.accumulator));
    const auto add = [&](V split, std::span<const V> carried) {
      const V s = index.type == KType::kI64 ? b_.Convert(KOp::kZExt, split, KType::kI64) : split;
      const std::vector<Scalar> partial = LoadPartials(b_.MulAdd(s, elements, index), is_complex);
      std::vector<Scalar> sums = ToScalars(carried, is_complex);
      for (int i = 0; i < lanes_; ++i) sums[i] = AddAccumulators(b_, c_.product.accumulator, sums[i], partial[i]);
      return ToValues(sums, is_complex);
    };
    return ToScalars(b_.For(b_.I32(0), b_.I32(c_.num_splits), b_.I32(1), ToValues(zeros, is_complex), add), is_complex);
  }

  std::vector<Scalar> LoadPartials(V index, bool is_complex) {
    if (!is_complex) return ToScalars(b_.LoadVector(c_.partials, index, lanes_), false);
    const V first = b_.IMul(index, b_.Int(index.type, 2));
    return {{b_.Load(c_.partials, first), b_.Load(c_.partials, b_.IAdd(first, b_.Int(first.type, 1)))}};
  }

  ProductContext& c_;
  Builder& b_;
  int lanes_;
};

StatusOr<Dispatch> ReduceDispatch(const fusion::Group& group, const target::DeviceProfile& profile,
                                  const Product& product, const ProductForm& form, int splits) {
  Builder builder(profile);
  Elemental elemental(builder, group);
  ProductContext context{builder, elemental, group, product, form, splits, -1, OkStatus()};
  context.partials = elemental.BindTemporary(0, RealPart(product.accumulator), true, false);
  const int64_t elements = group.hero->type().num_elements();
  const int lanes = elements % 4 == 0 && !IsComplex(product.accumulator) ? 4 : 1;
  SplitReducer(context, lanes).Emit(elements);
  RETURN_IF_ERROR(context.status);
  Dispatch dispatch;
  dispatch.arguments = elemental.arguments();
  dispatch.workgroups = (elements / lanes + kReduceWorkgroup - 1) / kReduceWorkgroup;
  dispatch.label =
      Format("{} sum of {} parts {}", ir::Info(group.hero->code).name, splits, ToString(group.hero->type().dims));
  dispatch.kernel = std::move(builder).Finish(kReduceWorkgroup);
  return dispatch;
}

}  // namespace

Product PrepareProduct(const fusion::Group& group, Product product) {
  // Without elements to read, every sum is empty.
  const bool is_empty = product.lhs.value->type.num_elements() == 0 || product.rhs.value->type.num_elements() == 0;
  for (ProductDigit& digit : product.digits) {
    if (is_empty && digit.axis == ProductAxis::kK) digit.extent = 0;
  }
  AbsorbProducers(group, product.digits, product.lhs);
  AbsorbProducers(group, product.digits, product.rhs);
  OrientProduct(product);
  return product;
}

StatusOr<LoweredGroup> LowerProduct(const fusion::Group& group, const target::DeviceProfile& profile, Product product) {
  if (group.hero->type().num_elements() == 0) return LoweredGroup{};
  RETURN_IF_ERROR(CheckEpilogue(group));
  product = PrepareProduct(group, std::move(product));
  return LowerProductWith(group, profile, product, ChooseProductKernel(product, SimplifyProduct(product), profile));
}

StatusOr<LoweredGroup> LowerProductWith(const fusion::Group& group, const target::DeviceProfile& profile,
                                        const Product& product, const ProductConfig& config) {
  const ProductForm form = SimplifyProduct(product);
  LoweredGroup lowered;
  if (config.splits > 1) {
    lowered.temporaries.push_back(group.hero->type().num_elements() * SizeBytes(product.accumulator) * config.splits);
  }
  ASSIGN_OR_RETURN(Dispatch main, ProductDispatch(group, profile, product, form, config));
  lowered.dispatches.push_back(std::move(main));
  if (config.splits > 1) {
    ASSIGN_OR_RETURN(Dispatch reduce, ReduceDispatch(group, profile, product, form, config.splits));
    lowered.dispatches.push_back(std::move(reduce));
  }
  return lowered;
}

}  // namespace dragoman::kernel
