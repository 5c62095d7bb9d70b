// SPDX-License-Identifier: Apache-2.0
#include "passes/sparse_products.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "passes/known_values.h"
#include "passes/patterns.h"
#include "passes/rewrite.h"
#include "reference/evaluator.h"
#include "target/matrix_units.h"

namespace dragoman::passes {
namespace {

constexpr int64_t kMaxTerms = 16;  // of a sum; each is code
// What a term costs that finds its number by an index, in multiply-adds of a product that walks tiles.
constexpr int64_t kTermOnCpu = 96;        // measured on lavapipe
constexpr int64_t kTermBesideUnits = 64;  // where the product runs on matrix units
constexpr int64_t kTerm = 16;
constexpr int64_t kMaxElements = 1 << 23;  // computed on the way to a matrix
// Products of fewer are cheap as they are, and cost less than knowing the matrix.
constexpr double kLeastMultiplyAdds = 1 << 22;
constexpr int64_t kLeastRows = 1024;

// A product without batches, of a matrix and whatever else.
struct MatrixProduct {
  Value* matrix = nullptr;
  int64_t summed_in_matrix = 0;
  Value* other = nullptr;
  int64_t summed = 0;  // dimension of `other`
  bool is_matrix_first = false;

  int64_t terms() const { return other->type.dims[summed]; }
  int64_t sums() const { return matrix->type.dims[1 - summed_in_matrix]; }
};

std::optional<MatrixProduct> AsProductBy(const Op& dot, int matrix) {
  const auto& lhs = dot.attributes.Ints(AttrKey::kLhsContractingDimensions);
  const auto& rhs = dot.attributes.Ints(AttrKey::kRhsContractingDimensions);
  const bool has_batches = !dot.attributes.Ints(AttrKey::kLhsBatchingDimensions).empty();
  if (has_batches || lhs.size() != 1 || dot.operands[matrix]->type.rank() != 2) return std::nullopt;
  const int64_t in_matrix = matrix == 0 ? lhs[0] : rhs[0];
  const int64_t in_other = matrix == 0 ? rhs[0] : lhs[0];
  return MatrixProduct{dot.operands[matrix], in_matrix, dot.operands[1 - matrix], in_other, matrix == 0};
}

// For each sum the places of its terms, then further places, so that all sums have as many.
struct Terms {
  int64_t count = 0;
  std::vector<std::vector<int64_t>> places;  // by term, then sum
  std::vector<std::vector<double>> factors;
};

struct Term {
  int64_t place;
  double factor;
};

// Nothing where there are more than `most`.
std::optional<Terms> FindTerms(const MatrixProduct& product, const ir::Literal& matrix, int64_t most) {
  const int64_t columns = matrix.type().dims[1];
  std::vector<std::vector<Term>> sums;  // the terms of each, then some places without
  Terms terms;
  for (int64_t n = 0; n < product.sums(); ++n) {
    std::vector<Term> row, zeros;
    for (int64_t k = 0; k < product.terms(); ++k) {
      const int64_t at = product.summed_in_matrix == 0 ? k * columns + n : n * columns + k;
      const Term term{k, reference::ElementAsDouble(matrix, at)};
      if (term.factor != 0) row.push_back(term);
      if (term.factor == 0 && std::ssize(zeros) < most) zeros.push_back(term);
      if (std::ssize(row) > most) return std::nullopt;
    }
    terms.count = std::max<int64_t>(terms.count, std::ssize(row));
    row.insert(row.end(), zeros.begin(), zeros.end());
    sums.push_back(std::move(row));
  }
  terms.places.resize(terms.count);
  terms.factors.resize(terms.count);
  for (const std::vector<Term>& row : sums) {
    for (int64_t t = 0; t < terms.count; ++t) {
      terms.places[t].push_back(row[t].place);
      terms.factors[t].push_back(row[t].factor);
    }
  }
  return terms;
}

// The sums, in the dimensions of `source` with as many sums in the place of what is summed.
class SumOfTerms {
 public:
  SumOfTerms(Value* source, int64_t summed, DType dtype, Builder& builder)
      : source_(source), summed_(summed), dtype_(dtype), b_(builder) {}

  Value* Build(const Terms& terms) {
    Value* sum = nullptr;
    Value* not_finite = nullptr;
    for (int64_t t = 0; t < terms.count; ++t) {
      Value* taken = Take(terms.places[t]);
      const TensorType type{dtype_, taken->type.dims};
      const TensorType factors_type{dtype_, {taken->type.dims[summed_]}};
      Value* factors = b_.Constant(DenseLiteral(factors_type, terms.factors[t]));
      Value* product = b_.Multiply(Converted(taken, dtype_), b_.Broadcast(factors, type.dims, {summed_}));
      sum = b_.Add(sum == nullptr ? b_.Splat(type, 0) : sum, product);
      not_finite = not_finite == nullptr ? NotFinite(taken) : b_.Add(not_finite, NotFinite(taken));
    }
    // Those among the terms have shown what they do.
    Value* all = b_.Sum(NotFinite(source_), {summed_});
    std::vector<int64_t> kept;
    for (int64_t d = 0; d < source_->type.rank(); ++d) {
      if (d != summed_) kept.push_back(d);
    }
    Value* is_good = b_.Compare(ComparisonDirection::kEq, b_.Broadcast(all, sum->type.dims, kept), not_finite);
    return b_.Select(is_good, sum, b_.SplatLike(sum, std::numeric_limits<double>::quiet_NaN()));
  }

 private:
  Value* Converted(Value* value, DType dtype) { return value->type.dtype == dtype ? value : b_.Convert(value, dtype); }

  Value* NotFinite(Value* value) {
    Value* is_finite = b_.Unary(OpCode::kIsFinite, value);
    const TensorType type{DType::kS32, value->type.dims};
    return b_.Select(is_finite, b_.Splat(type, 0), b_.Splat(type, 1));
  }

  // The elements at these places of the dimension that is summed over.
  Value* Take(const std::vector<int64_t>& places) {
    std::vector<int64_t> offset_dims, slice_sizes = source_->type.dims;
    for (int64_t d = 0; d < source_->type.rank(); ++d) {
      if (d != summed_) offset_dims.push_back(d);
    }
    slice_sizes[summed_] = 1;
    Attributes attributes;
    attributes.Set(AttrKey::kOffsetDims, std::move(offset_dims));
    attributes.Set(AttrKey::kCollapsedSliceDims, std::vector<int64_t>{summed_});
    attributes.Set(AttrKey::kOperandBatchingDims, std::vector<int64_t>{});
    attributes.Set(AttrKey::kStartIndicesBatchingDims, std::vector<int64_t>{});
    attributes.Set(AttrKey::kStartIndexMap, std::vector<int64_t>{summed_});
    attributes.Set(AttrKey::kIndexVectorDim, int64_t{1});
    attributes.Set(AttrKey::kSliceSizes, std::move(slice_sizes));
    attributes.Set(AttrKey::kIndicesAreSorted, int64_t{0});
    const TensorType type{DType::kS32, {static_cast<int64_t>(places.size()), 1}};
    Value* indices = b_.Constant(reference::LiteralFromInts(type, places));
    return b_.Make(OpCode::kGather, {source_, indices}, std::move(attributes))->result();
  }

  Value* const source_;
  const int64_t summed_;
  const DType dtype_;
  Builder& b_;
};

int64_t CostOfTerm(const Op& dot, const target::DeviceProfile& profile) {
  if (profile.type == target::DeviceType::kCpu) return kTermOnCpu;
  const DType dtype = dot.operands[0]->type.dtype;
  const bool is_default = dot.attributes.Int(AttrKey::kPrecision) == static_cast<int64_t>(Precision::kDefault);
  const DType units = dtype == DType::kF32 && is_default ? DType::kF16 : dtype;
  return target::HasMatrixUnits(profile, units, DType::kF32) ? kTermBesideUnits : kTerm;
}

DType SumType(const Op& dot) {
  const bool is_wide = dot.type().dtype == DType::kF64 || dot.operands[0]->type.dtype == DType::kF64 ||
                       dot.operands[1]->type.dtype == DType::kF64;
  return is_wide ? DType::kF64 : DType::kF32;
}

// Transposes are left to what reads the sums, so that they lie as their source does.
Value* SparseProduct(const Op& dot, const MatrixProduct& product, const Terms& terms, Builder& b) {
  const Op* transpose = DefinedBy(product.other, OpCode::kTranspose);
  Value* source = transpose == nullptr ? product.other : transpose->operands[0];
  const auto in_source = [&](int64_t d) {
    return transpose == nullptr ? d : transpose->attributes.Ints(AttrKey::kPermutation)[d];
  };
  Value* sums = SumOfTerms(source, in_source(product.summed), SumType(dot), b).Build(terms);
  std::vector<int64_t> order;
  for (int64_t d = 0; d < product.other->type.rank(); ++d) {
    if (d != product.summed) order.push_back(in_source(d));
  }
  order.insert(product.is_matrix_first ? order.begin() : order.end(), in_source(product.summed));
  if (sums->type.dtype != dot.type().dtype) sums = b.Convert(sums, dot.type().dtype);
  return std::is_sorted(order.begin(), order.end()) ? sums : b.Transpose(sums, std::move(order));
}

StatusOr<Replacement> MakeSparse(const Op& op, int64_t cost_of_term, RewriteContext& context, KnownValues& known) {
  for (const int matrix : {0, 1}) {
    const std::optional<MatrixProduct> product = AsProductBy(op, matrix);
    if (!product.has_value() || !IsFloat(product->matrix->type.dtype) || !IsFloat(product->other->type.dtype)) continue;
    const auto results = static_cast<double>(op.type().num_elements());
    const bool pays = results >= static_cast<double>(product->sums()) * kLeastRows &&
                      results * static_cast<double>(product->terms()) >= kLeastMultiplyAdds;
    const int64_t most = std::min(kMaxTerms, product->terms() / cost_of_term);
    if (!pays || most == 0) continue;
    const ir::Literal* literal = known.Find(product->matrix);
    if (literal == nullptr) continue;
    const std::optional<Terms> terms = FindTerms(*product, *literal, most);
    if (terms.has_value() && terms->count > 0) return ReplaceWith(SparseProduct(op, *product, *terms, context.builder));
  }
  return kKeep;
}

}  // namespace

StatusOr<PassResult> SparseProducts(ir::Module& module, const target::CompileContext& context) {
  KnownValues known(kMaxElements);
  ASSIGN_OR_RETURN(const bool changed, Rewrite(module, [&](Op& op, RewriteContext& rewrite) -> StatusOr<Replacement> {
                     if (op.code != OpCode::kDotGeneral || !IsFloat(op.type().dtype)) return kKeep;
                     return MakeSparse(op, CostOfTerm(op, context.profile), rewrite, known);
                   }));
  return PassResult{changed};
}

}  // namespace dragoman::passes
