// SPDX-License-Identifier: Apache-2.0
#include "kernel/builder.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"
#include "kernel/builder_fold.h"
#include "kernel/int_ops.h"
#include "types/small_float.h"

namespace dragoman::kernel {
namespace {

std::vector<ValueId> Ids(std::span<const V> values) {
  std::vector<ValueId> ids;
  ids.reserve(values.size());
  for (const V value : values) ids.push_back(value.id);
  return ids;
}

std::vector<KType> Types(std::span<const V> values) {
  std::vector<KType> types;
  for (const V value : values) types.push_back(value.type);
  return types;
}

}  // namespace

struct Builder::Scope {
  struct Key {
    KOp op;
    KType type;
    uint64_t imm;
    std::vector<ValueId> operands;
    bool operator==(const Key&) const = default;
  };

  struct KeyHasher {
    size_t operator()(const Key& key) const {
      uint64_t hash = static_cast<uint64_t>(key.op) * 31 + static_cast<uint64_t>(key.type);
      const auto mix = [&](uint64_t value) { hash = (hash ^ value) * 0x9e3779b97f4a7c15u + (hash >> 29); };
      mix(key.imm);
      for (const ValueId operand : key.operands) mix(operand);
      return static_cast<size_t>(hash);
    }
  };

  Region* region;
  std::unordered_map<Key, V, KeyHasher> known;
};

Builder::Builder(const target::DeviceProfile& profile) : profile_(profile) { scopes_.push_back({&kernel_.body, {}}); }
Builder::~Builder() = default;

Builder::Scope& Builder::Current() { return scopes_.back(); }

V Builder::NewValue(KType type) {
  kernel_.value_types.push_back(type);
  constants_.push_back({});
  return {static_cast<ValueId>(kernel_.value_types.size() - 1), type};
}

Instruction& Builder::Append(Instruction instruction) {
  return Current().region->body.emplace_back(std::move(instruction));
}

int Builder::AddBuffer(BufferBinding binding) {
  kernel_.buffers.push_back(binding);
  return static_cast<int>(kernel_.buffers.size()) - 1;
}

int Builder::AddShared(KType type, int count) {
  kernel_.shared.push_back({type, count});
  return static_cast<int>(kernel_.shared.size()) - 1;
}

int Builder::AddParam() { return kernel_.num_params++; }

// Equal pure instructions are one, wherever the first is visible. Those without operands go to the kernel's outermost
// region, so that every later region sees them.
V Builder::AppendPure(KOp op, std::span<const V> operands, KType type, uint64_t imm) {
  Scope::Key key{op, type, imm, Ids(operands)};
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    const auto found = scope->known.find(key);
    if (found != scope->known.end()) return found->second;
  }
  const V result = NewValue(type);
  Scope& scope = operands.empty() ? scopes_.front() : scopes_.back();
  scope.region->body.push_back({op, type, key.operands, result.id, 1, imm, -1, {}});
  scope.known.emplace(std::move(key), result);
  return result;
}

V Builder::ConstantBits(KType type, uint64_t bits) {
  const V result = AppendPure(KOp::kConstant, {}, type, bits & Mask(type));
  constants_[result.id] = {true, bits & Mask(type)};
  return result;
}

V Builder::Bool(bool value) { return ConstantBits(KType::kBool, value ? 1 : 0); }
V Builder::I32(int64_t value) { return ConstantBits(KType::kI32, static_cast<uint64_t>(value)); }
V Builder::I64(int64_t value) { return ConstantBits(KType::kI64, static_cast<uint64_t>(value)); }
V Builder::Int(KType type, int64_t value) { return ConstantBits(type, static_cast<uint64_t>(value)); }
V Builder::F32(float value) { return ConstantBits(KType::kF32, std::bit_cast<uint32_t>(value)); }

V Builder::Float(KType type, double value) {
  if (type == KType::kF64) return ConstantBits(type, std::bit_cast<uint64_t>(value));
  if (type == KType::kF16) return ConstantBits(type, EncodeSmallFloat(DType::kF16, value));
  return F32(static_cast<float>(value));
}

V Builder::Zero(KType type) { return ConstantBits(type, 0); }

std::optional<uint64_t> Builder::ConstantBitsOf(V v) const {
  if (v.id >= constants_.size() || !constants_[v.id].is_constant) return std::nullopt;
  return constants_[v.id].bits;
}

std::optional<int64_t> Builder::ConstantInt(V v) const {
  if (v.id >= constants_.size() || !constants_[v.id].is_constant) return std::nullopt;
  if (v.type == KType::kBool) return static_cast<int64_t>(constants_[v.id].bits);
  if (!IsIntType(v.type)) return std::nullopt;
  return SignExtend(v.type, constants_[v.id].bits);
}

V Builder::Param(int number) { return AppendPure(KOp::kParam, {}, KType::kI32, static_cast<uint64_t>(number)); }
V Builder::WorkgroupIndex() { return AppendPure(KOp::kWorkgroupIndex, {}, KType::kI32, 0); }
V Builder::LocalIndex() { return AppendPure(KOp::kLocalIndex, {}, KType::kI32, 0); }
V Builder::GlobalIndex(int workgroup_size) { return MulAdd(WorkgroupIndex(), workgroup_size, LocalIndex()); }

V Builder::Emit(KOp op, std::span<const V> operands, KType type) {
  if (const std::optional<V> folded = Fold(op, operands, type)) return *folded;
  if (op <= KOp::kSelect) {
    if (IsCommutative(op) && operands[0].id > operands[1].id) {
      const V swapped[] = {operands[1], operands[0]};
      return AppendPure(op, swapped, type, 0);
    }
    const V result = AppendPure(op, operands, type, 0);
    if (operands.size() == 1) {
      RememberWidening(op, operands[0], result);
      RememberRounding(op, operands[0], result);
    }
    if (IsFloatType(type)) RememberRange(op, operands, result);
    return result;
  }
  const V result = NewValue(type);
  Append({op, type, Ids(operands), result.id, 1, 0, -1, {}});
  return result;
}

V Builder::Fma(V a, V b, V c) {
  const V operands[] = {a, b, c};
  return Emit(KOp::kFma, operands, a.type);
}

V Builder::Select(V condition, V a, V b) {
  const V operands[] = {condition, a, b};
  return Emit(KOp::kSelect, operands, a.type);
}

V Builder::EndOfPart(V lo, int64_t part, int64_t extent) {
  if (part + extent < int64_t{1} << 31) return SMin(IAdd(lo, I32(part)), I32(extent));
  return IAdd(lo, SMin(I32(part), ISub(I32(extent), lo)));
}

V Builder::MulAdd(V index, int64_t stride, V a) { return IAdd(IMul(index, Int(index.type, stride)), a); }

V Builder::Load(int buffer, V index) { return LoadVector(buffer, index, 1)[0]; }

std::vector<V> Builder::LoadVector(int buffer, V index, int count) {
  const KType type = LoadedType(kernel_.buffers[buffer].memory, profile_.float16);
  std::vector<V> results;
  for (int i = 0; i < count; ++i) results.push_back(NewValue(type));
  Append({KOp::kLoad, type, {index.id}, results[0].id, count, static_cast<uint64_t>(count), buffer, {}});
  kernel_.buffers[buffer].is_read = true;
  return results;
}

void Builder::Store(int buffer, V index, V value) { StoreVector(buffer, index, {&value, 1}); }

void Builder::StoreVector(int buffer, V index, std::span<const V> values) {
  std::vector<ValueId> operands = Ids(values);
  operands.insert(operands.begin(), index.id);
  Append({KOp::kStore, KType::kVoid, std::move(operands), kNoValue, 0, 0, buffer, {}});
  kernel_.buffers[buffer].is_written = true;
}

V Builder::LoadShared(int array, V index) {
  const V result = NewValue(kernel_.shared[array].type);
  Append({KOp::kLoadShared, result.type, {index.id}, result.id, 1, 0, array, {}});
  return result;
}

void Builder::StoreShared(int array, V index, V value) {
  Append({KOp::kStoreShared, KType::kVoid, {index.id, value.id}, kNoValue, 0, 0, array, {}});
}

V Builder::Atomic(KOp op, int buffer, V index, V value) {
  const V result = NewValue(value.type);
  Append({op, value.type, {index.id, value.id}, result.id, 1, 0, buffer, {}});
  kernel_.buffers[buffer].is_read = true;
  kernel_.buffers[buffer].is_written = true;
  return result;
}

V Builder::SharedAtomic(KOp op, int array, V index, V value) {
  const V result = NewValue(value.type);
  Append({op, value.type, {index.id, value.id}, result.id, 1, 0, array, {}});
  return result;
}

V Builder::MatrixZero() { return AppendPure(KOp::kMatrixZero, {}, KType::kMatrixC, 0); }

V Builder::MatrixLoad(KType type, int array, V index, MatrixLayout layout) {
  const V result = NewValue(type);
  Append({KOp::kMatrixLoad, type, {index.id}, result.id, 1, layout.Encode(), array, {}});
  return result;
}

V Builder::MatrixMulAdd(V a, V b, V c) {
  const V operands[] = {a, b, c};
  return AppendPure(KOp::kMatrixMulAdd, operands, KType::kMatrixC, 0);
}

void Builder::MatrixStore(int array, V index, V matrix, MatrixLayout layout) {
  Append({KOp::kMatrixStore, KType::kVoid, {index.id, matrix.id}, kNoValue, 0, layout.Encode(), array, {}});
}

void Builder::Barrier() { Append({KOp::kBarrier, KType::kVoid, {}, kNoValue, 0, 0, -1, {}}); }
void Builder::DeviceBarrier() { Append({KOp::kDeviceBarrier, KType::kVoid, {}, kNoValue, 0, 0, -1, {}}); }

std::unique_ptr<Region> Builder::BuildRegion(std::span<const KType> arguments,
                                             const std::function<std::vector<V>(std::span<const V>)>& body) {
  auto region = std::make_unique<Region>();
  std::vector<V> values;
  for (const KType type : arguments) values.push_back(NewValue(type));
  if (!values.empty()) region->first_argument = values[0].id;
  region->num_arguments = static_cast<int>(values.size());
  scopes_.push_back({region.get(), {}});
  const std::vector<V> results = body(values);
  Append({KOp::kYield, KType::kVoid, Ids(results), kNoValue, 0, 0, -1, {}});
  scopes_.pop_back();
  return region;
}

std::vector<V> Builder::AppendStructured(Instruction instruction, std::span<const V> result_types) {
  std::vector<V> results;
  for (const V value : result_types) results.push_back(NewValue(value.type));
  instruction.first_result = results.empty() ? kNoValue : results[0].id;
  instruction.num_results = static_cast<int>(results.size());
  Append(std::move(instruction));
  return results;
}

void Builder::If(V condition, const Body& then_body, const Body& else_body) {
  const auto without_values = [](const Body& body) {
    return [&body]() -> std::vector<V> {
      if (body) body();
      return {};
    };
  };
  IfValue(condition, without_values(then_body), without_values(else_body));
}

std::vector<V> Builder::IfValue(V condition, const std::function<std::vector<V>()>& then_body,
                                const std::function<std::vector<V>()>& else_body) {
  if (const auto constant = ConstantInt(condition)) return *constant != 0 ? then_body() : else_body();
  Instruction instruction{KOp::kIf, KType::kVoid, {condition.id}, kNoValue, 0, 0, -1, {}};
  std::vector<V> values;
  for (const auto* body : {&then_body, &else_body}) {
    instruction.regions.push_back(BuildRegion({}, [&](std::span<const V>) { return values = (*body)(); }));
  }
  return AppendStructured(std::move(instruction), values);
}

std::vector<V> Builder::For(const LoopRange& range, std::vector<V> initial, const LoopBody& body) {
  const auto from = ConstantInt(range.lo), to = ConstantInt(range.hi), by = ConstantInt(range.step);
  if (from.has_value() && to.has_value() && *from >= *to) return initial;
  const bool is_constant = from.has_value() && to.has_value() && by.has_value() && *by > 0;
  const int64_t most = is_constant ? (*to - *from + *by - 1) / *by : range.most;
  if (is_constant && most == 1) return body(range.lo, initial);
  std::vector<KType> arguments = Types(initial);
  arguments.insert(arguments.begin(), KType::kI32);
  std::vector<ValueId> operands = {range.lo.id, range.hi.id, range.step.id};
  for (const V value : initial) operands.push_back(value.id);
  Instruction instruction{KOp::kFor, KType::kVoid, std::move(operands), kNoValue, 0, 0, -1, {}};
  instruction.imm = static_cast<uint64_t>(std::max<int64_t>(most, 0));
  instruction.regions.push_back(
      BuildRegion(arguments, [&](std::span<const V> values) { return body(values[0], values.subspan(1)); }));
  return AppendStructured(std::move(instruction), initial);
}

void Builder::ForEach(const LoopRange& range, const std::function<void(V)>& body) {
  For(range, {}, [&](V i, std::span<const V>) -> std::vector<V> {
    body(i);
    return {};
  });
}

std::vector<V> Builder::While(int64_t most, std::vector<V> initial,
                              const std::function<V(std::span<const V>)>& condition,
                              const std::function<std::vector<V>(std::span<const V>)>& body) {
  const std::vector<KType> types = Types(initial);
  Instruction instruction{KOp::kWhile, KType::kVoid, Ids(initial), kNoValue, 0, 0, -1, {}};
  instruction.imm = static_cast<uint64_t>(std::max<int64_t>(most, 0));
  instruction.regions.push_back(
      BuildRegion(types, [&](std::span<const V> values) { return std::vector<V>{condition(values)}; }));
  instruction.regions.push_back(BuildRegion(types, body));
  return AppendStructured(std::move(instruction), initial);
}

Kernel Builder::Finish(int workgroup_size) && {
  CHECK(scopes_.size() == 1);
  Append({KOp::kYield, KType::kVoid, {}, kNoValue, 0, 0, -1, {}});
  kernel_.workgroup_size = workgroup_size;
  return std::move(kernel_);
}

}  // namespace dragoman::kernel
