// SPDX-License-Identifier: Apache-2.0
#include "element/reduce_combiner.h"

#include <algorithm>
#include <limits>

#include "element/reduce_choice.h"
#include "kernel/shared_memory.h"

namespace dragoman::kernel {
namespace {

bool IsCommutativeMonoid(ir::OpCode code) {
  constexpr ir::OpCode kCodes[] = {ir::OpCode::kAdd, ir::OpCode::kMultiply, ir::OpCode::kMaximum, ir::OpCode::kMinimum,
                                   ir::OpCode::kAnd, ir::OpCode::kOr,       ir::OpCode::kXor};
  return std::find(std::begin(kCodes), std::end(kCodes), code) != std::end(kCodes);
}

// The region's only op, when it is a binary operation on the two arguments whose order does not matter.
std::optional<ScalarOp> SingleOperation(const ir::Block& block) {
  if (block.arguments.size() != 2 || block.ops.size() != 2) return std::nullopt;
  const ir::Op& op = *block.ops[0];
  if (!IsCommutativeMonoid(op.code)) return std::nullopt;
  if (block.terminator()->operands[0] != op.result()) return std::nullopt;
  const ir::Value* a = block.arguments[0].get();
  const ir::Value* b = block.arguments[1].get();
  const bool is_plain = op.operands[0] == a && op.operands[1] == b;
  const bool is_swapped = op.operands[0] == b && op.operands[1] == a;
  return is_plain || is_swapped ? std::optional(ir::AsScalarOp(op.code)) : std::nullopt;
}

double LowestFloat(DType dtype) {
  const auto format = SmallFloat(dtype);
  if (!format.has_value() || format->has_infinity) return -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();  // not used: see Identity
}

int64_t LargestInt(DType dtype) {
  const int bits = Info(dtype).bits;
  if (IsSigned(dtype)) return bits == 64 ? std::numeric_limits<int64_t>::max() : (int64_t{1} << (bits - 1)) - 1;
  return bits == 64 ? -1 : (int64_t{1} << bits) - 1;
}

int64_t SmallestInt(DType dtype) { return IsSigned(dtype) ? -LargestInt(dtype) - 1 : 0; }

std::optional<Scalar> NumberScalar(Builder& builder, DType dtype, double number) {
  const KType type = LoadedType(RealPart(dtype), builder.profile().float16);
  if (IsPred(dtype)) return Scalar{builder.Bool(number != 0), {}};
  if (IsInteger(dtype)) return Scalar{builder.Int(type, static_cast<int64_t>(number)), {}};
  Scalar scalar{builder.Float(type, number), {}};
  if (IsComplex(dtype)) scalar.im = builder.Float(type, 0);
  return scalar;
}

std::optional<Scalar> ExtremeScalar(Builder& builder, DType dtype, bool is_lowest) {
  const KType type = LoadedType(dtype, builder.profile().float16);
  if (IsPred(dtype)) return Scalar{builder.Bool(!is_lowest), {}};
  if (IsInteger(dtype)) return Scalar{builder.Int(type, is_lowest ? SmallestInt(dtype) : LargestInt(dtype)), {}};
  const double lowest = LowestFloat(dtype);
  if (!IsFloat(dtype) || lowest != lowest) return std::nullopt;
  return Scalar{builder.Float(type, is_lowest ? lowest : -lowest), {}};
}

// x such that op(x, y) is y; nullopt when there is none that we know of.
std::optional<Scalar> Identity(Builder& builder, ScalarOp op, DType dtype) {
  switch (op) {
    case ScalarOp::kAdd:
    case ScalarOp::kXor:
    case ScalarOp::kOr:
      return NumberScalar(builder, dtype, 0);
    case ScalarOp::kMultiply:
      return NumberScalar(builder, dtype, 1);
    case ScalarOp::kAnd:
      return NumberScalar(builder, dtype, IsPred(dtype) ? 1 : -1);
    case ScalarOp::kMaximum:
      return ExtremeScalar(builder, dtype, true);
    case ScalarOp::kMinimum:
      return ExtremeScalar(builder, dtype, false);
    default:
      return std::nullopt;
  }
}

// Of two pairs of a value and its position.
void PutLowerFirst(Builder& b, std::vector<Scalar>& pairs, DType position) {
  const V is_swapped = b.Compare(IsSigned(position) ? KOp::kSLt : KOp::kULt, pairs[3].re, pairs[1].re);
  for (int i = 0; i < 2; ++i) {
    const V first = pairs[i].re, second = pairs[i + 2].re;
    pairs[i].re = b.Select(is_swapped, second, first);
    pairs[i + 2].re = b.Select(is_swapped, first, second);
  }
}

bool IsWidened(std::optional<ScalarOp> operation, DType dtype) {
  if (operation != ScalarOp::kAdd && operation != ScalarOp::kMultiply) return false;
  return IsFloat(dtype) && SmallFloat(dtype).has_value();
}

}  // namespace

Combiner::Combiner(const ir::Block& block, std::span<ir::Value* const> inits) { Add(block, inits, false); }

Combiner::Combiner(std::span<const ir::Op* const> reduces) {
  for (const ir::Op* op : reduces) Add(*op->regions[0], InitialValues(*op), ChoosesByPosition(*op));
}

void Combiner::Add(const ir::Block& block, std::span<ir::Value* const> inits, bool chooses_by_position) {
  const std::optional<ScalarOp> operation = SingleOperation(block);
  parts_.push_back({&block, operation, num_values(), static_cast<int>(inits.size()), chooses_by_position});
  for (const ir::Value* init : inits) {
    inits_.push_back(init);
    accumulators_.push_back(IsWidened(operation, init->type.dtype) ? DType::kF32 : init->type.dtype);
  }
}

bool Combiner::is_ordered() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return !part.operation.has_value() && !part.chooses_by_position; });
}

bool Combiner::is_symmetric() const {
  return std::all_of(parts_.begin(), parts_.end(), [&](const Part& part) {
    // The greater of two zeros may be either.
    const bool is_sum = part.operation == ScalarOp::kAdd;
    return part.chooses_by_position || is_sum ||
           (part.operation && !IsFloat(accumulators_[part.first]) && !IsComplex(accumulators_[part.first]));
  });
}

std::vector<KType> Combiner::MachineTypes(const target::DeviceProfile& profile) const {
  std::vector<KType> types;
  for (const DType dtype : accumulators_) {
    const KType type = LoadedType(RealPart(dtype), profile.float16);
    types.push_back(type);
    if (IsComplex(dtype)) types.push_back(type);
  }
  return types;
}

int Combiner::SharedBytes(const target::DeviceProfile& profile) const {
  int bytes = 0;
  for (const KType type : MachineTypes(profile)) bytes += kernel::SharedBytes(type);
  return bytes;
}

std::vector<Scalar> Combiner::Unflatten(std::span<const V> values) const {
  std::vector<Scalar> scalars;
  size_t next = 0;
  for (const DType dtype : accumulators_) {
    Scalar scalar{values[next++], {}};
    if (IsComplex(dtype)) scalar.im = values[next++];
    scalars.push_back(scalar);
  }
  return scalars;
}

StatusOr<std::vector<Scalar>> Combiner::Start(Elemental& elemental) const {
  std::vector<Scalar> start;
  for (const Part& part : parts_) {
    if (part.operation.has_value()) {
      const auto identity = Identity(elemental.builder(), *part.operation, accumulators_[part.first]);
      if (identity.has_value()) {
        start.push_back(*identity);
        continue;
      }
    }
    for (int i = part.first; i < part.first + part.count; ++i) {
      ASSIGN_OR_RETURN(const Scalar init, elemental.At(inits_[i], Index{}));
      ASSIGN_OR_RETURN(const Scalar lifted,
                       ConvertScalar(elemental.builder(), init, inits_[i]->type.dtype, accumulators_[i]));
      start.push_back(lifted);
    }
  }
  return start;
}

StatusOr<std::vector<Scalar>> Combiner::Lift(Elemental& elemental, std::span<const Scalar> elements) const {
  std::vector<Scalar> lifted;
  for (int i = 0; i < num_values(); ++i) {
    ASSIGN_OR_RETURN(const Scalar scalar,
                     ConvertScalar(elemental.builder(), elements[i], inits_[i]->type.dtype, accumulators_[i]));
    lifted.push_back(scalar);
  }
  return lifted;
}

StatusOr<std::vector<Scalar>> Combiner::Combine(Elemental& elemental, std::span<const Scalar> lhs,
                                                std::span<const Scalar> rhs, Order order) const {
  std::vector<Scalar> results;
  for (const Part& part : parts_) {
    if (part.operation.has_value()) {
      const Scalar operands[] = {lhs[part.first], rhs[part.first]};
      const ScalarOpContext context{accumulators_[part.first], accumulators_[part.first]};
      ASSIGN_OR_RETURN(const Scalar result, EmitScalarOp(elemental.builder(), *part.operation, context, operands));
      results.push_back(result);
      continue;
    }
    std::vector<Scalar> inputs(lhs.begin() + part.first, lhs.begin() + part.first + part.count);
    inputs.insert(inputs.end(), rhs.begin() + part.first, rhs.begin() + part.first + part.count);
    if (part.chooses_by_position && order == Order::kAny)
      PutLowerFirst(elemental.builder(), inputs, accumulators_[part.first + 1]);
    ASSIGN_OR_RETURN(const std::vector<Scalar> combined, elemental.Region(*part.block, inputs));
    results.insert(results.end(), combined.begin(), combined.end());
  }
  return results;
}

StatusOr<std::vector<Scalar>> Combiner::Finish(Elemental& elemental, std::span<const Scalar> accumulators) const {
  Builder& builder = elemental.builder();
  std::vector<Scalar> results(accumulators.begin(), accumulators.end());
  for (const Part& part : parts_) {
    if (!part.operation.has_value()) continue;
    const int i = part.first;
    const auto identity = Identity(builder, *part.operation, accumulators_[i]);
    ASSIGN_OR_RETURN(const Scalar init, elemental.At(inits_[i], Index{}));
    ASSIGN_OR_RETURN(const Scalar lifted, ConvertScalar(builder, init, inits_[i]->type.dtype, accumulators_[i]));
    // Equal constants are one value.
    if (!identity.has_value() || lifted.re.id == identity->re.id) continue;
    const Scalar operands[] = {lifted, results[i]};
    ASSIGN_OR_RETURN(results[i],
                     EmitScalarOp(builder, *part.operation, {accumulators_[i], accumulators_[i]}, operands));
  }
  for (int i = 0; i < num_values(); ++i) {
    ASSIGN_OR_RETURN(results[i], ConvertScalar(builder, results[i], accumulators_[i], inits_[i]->type.dtype));
  }
  return results;
}

std::span<ir::Value* const> ReducedOperands(const ir::Op& reduce) {
  return std::span(reduce.operands).first(reduce.operands.size() / 2);
}

std::span<ir::Value* const> InitialValues(const ir::Op& reduce) {
  return std::span(reduce.operands).subspan(reduce.operands.size() / 2);
}

}  // namespace dragoman::kernel
