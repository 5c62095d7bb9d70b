// SPDX-License-Identifier: Apache-2.0
#include "fusion/product_operand.h"

#include <algorithm>

#include "base/arithmetic.h"
#include "base/format.h"
#include "fusion/classify.h"
#include "ir/access.h"
#include "target/unit_rates.h"

namespace dragoman::fusion {
namespace {

using ir::AttrKey;
using ir::OpCode;

// A kernel of its own costs at least so many cycles. A dispatch behind a barrier costs more, but such kernels may run
// side by side.
constexpr double kKernelCycles = 1000;
// The way may change which dimension is contiguous only for kernels that share tiles, which load along either.
constexpr int64_t kLeastTiled = 16;

bool Holds(const std::vector<int64_t>& list, int64_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// The last dimension that `wanted` names and whose extent is not 1; -1 when there is none.
template <typename Wanted>
int64_t LastDim(const TensorType& type, Wanted wanted) {
  for (int64_t d = type.rank(); d-- > 0;) {
    if (type.dims[d] != 1 && wanted(d)) return d;
  }
  return -1;
}

// How a product reads one of its operands: `rows` is its own axis, M of the left and N of the right one.
struct ProductUse {
  int64_t batch = 1;
  int64_t rows = 1;
  int64_t others = 1;  // the other operand's axis
  int64_t sum = 1;
  int64_t inner_row = -1;  // the operand's dimension that is innermost along each
  int64_t inner_sum = -1;
  bool is_movable = true;  // by more than conversions
};

ProductUse UseByDot(const ir::Op& dot, int operand) {
  const bool is_left = operand == 0;
  const auto& batching =
      dot.attributes.Ints(is_left ? AttrKey::kLhsBatchingDimensions : AttrKey::kRhsBatchingDimensions);
  const auto& left = dot.attributes.Ints(AttrKey::kLhsContractingDimensions);
  const auto& right = dot.attributes.Ints(AttrKey::kRhsContractingDimensions);
  const auto& contracting = is_left ? left : right;
  const TensorType& type = dot.operands[operand]->type;
  ProductUse use;
  for (const int64_t d : batching) use.batch *= type.dims[d];
  for (const int64_t d : contracting) use.sum *= type.dims[d];
  use.rows = type.num_elements() / std::max<int64_t>(1, use.batch * use.sum);
  use.others = dot.type().num_elements() / std::max<int64_t>(1, use.batch * use.rows);
  use.inner_row = LastDim(type, [&](int64_t d) { return !Holds(batching, d) && !Holds(contracting, d); });
  // The sum runs in the order of the left operand's dimensions.
  const int64_t last = LastDim(dot.operands[0]->type, [&](int64_t d) { return Holds(left, d); });
  const auto found = std::find(left.begin(), left.end(), last);
  if (found != left.end()) use.inner_sum = contracting[static_cast<size_t>(found - left.begin())];
  return use;
}

ProductUse UseByConvolution(const ir::Op& convolution, int operand) {
  const TensorType& kernel = convolution.operands[1]->type;
  const int64_t feature = convolution.attributes.Int(AttrKey::kKernelOutputFeatureDimension);
  const int64_t groups = std::max(convolution.attributes.Int(AttrKey::kFeatureGroupCount),
                                  convolution.attributes.Int(AttrKey::kBatchGroupCount));
  const int64_t features = std::max<int64_t>(1, kernel.dims[feature]);
  ProductUse use;
  use.batch = groups;
  use.others = features / groups;
  use.rows = convolution.type().num_elements() / features;
  use.sum = kernel.num_elements() / features;
  // The input is padded, dilated and read again and again: it is only converted.
  use.is_movable = operand == 1;
  if (operand == 0) return use;
  std::swap(use.rows, use.others);
  use.inner_row = feature;
  use.inner_sum = LastDim(kernel, [&](int64_t d) { return d != feature; });
  return use;
}

ProductUse UseOf(const ir::Op& product, int operand) {
  return product.code == OpCode::kDotGeneral ? UseByDot(product, operand) : UseByConvolution(product, operand);
}

// Where a dimension of the operand lies in what is read: -1 where it is broadcast.
struct Origin {
  int64_t dim = -1;
  bool is_reversed = false;
};

std::vector<Origin> OriginsThrough(const ir::Op& op, std::vector<Origin> origins) {
  for (Origin& origin : origins) {
    if (origin.dim < 0) continue;
    if (op.code == OpCode::kTranspose) origin.dim = op.attributes.Ints(AttrKey::kPermutation)[origin.dim];
    if (op.code == OpCode::kReverse) origin.is_reversed ^= Holds(op.attributes.Ints(AttrKey::kDimensions), origin.dim);
    if (op.code == OpCode::kBroadcastInDim) {
      const auto& mapped = op.attributes.Ints(AttrKey::kBroadcastDimensions);
      const auto found = std::find(mapped.begin(), mapped.end(), origin.dim);
      const int64_t from = found == mapped.end() ? -1 : found - mapped.begin();
      origin.dim = from >= 0 && op.operands[0]->type.dims[from] == op.type().dims[origin.dim] ? from : -1;
    }
  }
  return origins;
}

// Rough instructions of converting one element.
int ConversionCost(DType from, DType to) {
  const auto cost = [](DType type, int of_bf16) {
    if (!IsFloat(type) || type == DType::kF32) return 1;
    if (type == DType::kF64) return 4;
    if (SizeBytes(type) == 1) return 24;
    return type == DType::kBF16 ? of_bf16 : 4;
  };
  const bool saturates = IsFloat(from) && !IsFloat(to);
  return cost(from, 1) + cost(to, 8) + (saturates ? 6 : 0);
}

class OperandEstimate {
 public:
  OperandEstimate(const Graph& graph, int head, const target::DeviceProfile& profile)
      : graph_(graph), head_(head), profile_(profile), units_(std::max(profile.compute_units, 1)) {}

  OperandDecision Decide() {
    FindWay();
    OperandDecision decision{false, way_, ""};
    const std::string what = Format("operand {} of a product, from {} through {} ops", HeadType().ToString(),
                                    source_->type.ToString(), way_.size());
    if (const char* obstacle = Obstacle(); obstacle != nullptr) {
      decision.reason = Format("{}, is written first: {}", what, obstacle);
      return decision;
    }
    const double taken = TakenCycles();
    const double written = WrittenCycles();
    decision.is_taken = taken <= written;
    decision.reason = Format("{}, is {}: {:.0f} estimated cycles against {:.0f}", what,
                             decision.is_taken ? "taken where it is" : "written first", std::min(taken, written),
                             std::max(taken, written));
    return decision;
  }

 private:
  const TensorType& HeadType() const { return graph_.node(head_).op->type(); }

  // Ops that others read too end the way: whether those are in memory is not known yet.
  void FindWay() {
    int position = head_;
    while (position == head_ || (position >= 0 && IsOnTheWay(*graph_.node(position).op) &&
                                 graph_.node(position).uses.size() == 1 && !graph_.node(position).is_result)) {
      const ir::Op& op = *graph_.node(position).op;
      way_.push_back(position);
      is_converted_only_ = is_converted_only_ && op.code == OpCode::kConvert;
      if (op.code == OpCode::kConvert) conversions_ += ConversionCost(op.operands[0]->type.dtype, op.type().dtype);
      source_ = op.operands[0];
      position = graph_.PositionOf(source_);
    }
    const ir::Op* op = source_->op;
    const bool is_here = position >= 0;
    const bool has_epilogue =
        is_here && (graph_.node(position).is_elemental || KindOf(*op) == GroupKind::kReduce || IsProduct(*op));
    is_constant_ = op != nullptr && (IsInlineConstant(*op) || op->code == OpCode::kIota);
    // Conversions alone are a part of the kernel that computes the source; so is any way from what no one else reads.
    const bool is_joined =
        is_converted_only_ ? has_epilogue
                           : is_here && graph_.node(position).is_elemental && graph_.node(position).uses.size() == 1;
    saves_kernel_ = !is_joined;
  }

  // Why the product cannot well read the source itself.
  const char* Obstacle() const {
    if (is_constant_ || source_->type.num_elements() <= 1) return "nothing of it is in memory";
    if (IsComplex(source_->type.dtype) || IsComplex(HeadType().dtype)) return "conversions of complex numbers";
    for (const Use& use : graph_.node(head_).uses) {
      const ir::Op& product = *graph_.node(use.user).op;
      if (use.operand < 0 || !IsProduct(product)) continue;
      if (const char* obstacle = ObstacleOf(UseOf(product, use.operand)); obstacle != nullptr) return obstacle;
    }
    return nullptr;
  }

  const char* ObstacleOf(const ProductUse& use) const {
    if (is_converted_only_) return nullptr;
    if (!use.is_movable) return "a convolution's input is only converted on its way";
    if (use.inner_row < 0 && use.inner_sum < 0) return "the product has no dimension to load along";
    const int64_t inner = LastDim(source_->type, [](int64_t) { return true; });
    std::vector<Origin> origins(HeadType().dims.size());
    for (size_t d = 0; d < origins.size(); ++d) origins[d].dim = static_cast<int64_t>(d);
    for (const int position : way_) origins = OriginsThrough(*graph_.node(position).op, std::move(origins));
    const auto found = std::find_if(origins.begin(), origins.end(), [&](const Origin& o) { return o.dim == inner; });
    if (found == origins.end() || found->is_reversed) return "its loads would run backwards";
    const int64_t at = found - origins.begin();
    if (at != use.inner_row && at != use.inner_sum) return "its loads would not be of neighbours";
    const bool keeps = at == LastDim(HeadType(), [](int64_t) { return true; });
    const int64_t least = std::min({use.rows, use.others, use.sum});
    if (!keeps && (profile_.unrolling_is_costly || least < kLeastTiled)) {
      return "its contiguous dimension changes, which only kernels that share tiles bear";
    }
    return nullptr;
  }

  double Cycles(double elements, double bytes, double instructions) const {
    const double lanes = profile_.unrolling_is_costly ? 8 : 128;
    return elements * (bytes / target::kBytesInCycle + instructions / lanes) / units_;
  }

  // What products load of it, and what others read.
  double Loads() const {
    const int64_t tile = profile_.unrolling_is_costly ? 8 : 32;
    double loads = 0;
    for (const Use& use : graph_.node(head_).uses) {
      const ir::Op& user = *graph_.node(use.user).op;
      if (use.operand < 0 || !IsProduct(user)) {
        loads += static_cast<double>(HeadType().num_elements());
        continue;
      }
      const ProductUse product = UseOf(user, use.operand);
      loads += static_cast<double>(product.batch * product.rows * product.sum) *
               static_cast<double>(CeilDiv(product.others, tile));
    }
    return loads;
  }

  // Nobody else would need the source in memory if its kernel wrote the operand.
  double TakenCycles() const {
    const double write = saves_kernel_ ? 0 : static_cast<double>(source_->type.num_elements());
    const int moves = is_converted_only_ ? 0 : 2;
    return Cycles(write, SizeBytes(source_->type.dtype), 0) +
           Cycles(Loads(), SizeBytes(source_->type.dtype), conversions_ + moves);
  }

  double WrittenCycles() const {
    const double read = saves_kernel_ ? static_cast<double>(source_->type.num_elements()) : 0;
    return (saves_kernel_ ? kKernelCycles : 0) + Cycles(read, SizeBytes(source_->type.dtype), 0) +
           Cycles(static_cast<double>(HeadType().num_elements()) + Loads(), SizeBytes(HeadType().dtype), 0);
  }

  const Graph& graph_;
  const int head_;
  const target::DeviceProfile& profile_;
  const double units_;
  std::vector<int> way_;
  const ir::Value* source_ = nullptr;
  bool is_converted_only_ = true;
  bool is_constant_ = false;
  bool saves_kernel_ = true;
  int conversions_ = 0;
};

}  // namespace

bool IsProduct(const ir::Op& op) { return op.code == OpCode::kDotGeneral || op.code == OpCode::kConvolution; }

bool IsOnTheWay(const ir::Op& op) {
  return op.code == OpCode::kConvert || op.code == OpCode::kTranspose || op.code == OpCode::kReverse ||
         op.code == OpCode::kBroadcastInDim;
}

OperandDecision DecideOperand(const Graph& graph, int head, const target::DeviceProfile& profile) {
  return OperandEstimate(graph, head, profile).Decide();
}

}  // namespace dragoman::fusion
