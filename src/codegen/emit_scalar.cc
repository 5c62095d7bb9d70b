// SPDX-License-Identifier: Apache-2.0
// One row an op: what it becomes in SPIR-V.
#include <array>

#include "base/format.h"
#include "codegen/emitter.h"

namespace dragoman::codegen {

using kernel::KOp;
using kernel::KType;
using spv::Op;

namespace {
constexpr int kNumOps = static_cast<int>(KOp::kYield) + 1;
constexpr uint32_t kWorkgroupScope = static_cast<uint32_t>(spv::Scope::Workgroup);
constexpr uint32_t kSubgroupScope = static_cast<uint32_t>(spv::Scope::Subgroup);

using Row = Emitter::Row;
constexpr Row Core(Op op, Op on_bool = Op::OpNop) { return {.core = op, .on_bool = on_bool}; }
constexpr Row Exact(Op op) { return {.core = op, .is_exact = true}; }
constexpr Row Glsl(GLSLstd450 instruction) { return {.glsl = instruction}; }
constexpr Row By(decltype(Row::custom) custom) { return {.custom = custom, .is_custom = true}; }

}  // namespace

// A friend, for rows name private functions.
struct RowTable {
  struct Entry {
    KOp op;
    Row row;
  };
  using E = Emitter;
  static constexpr auto kValueRows = std::to_array<Entry>({
      {KOp::kConstant, By(&E::EmitConstant)},
      {KOp::kParam, By(&E::EmitParam)},
      {KOp::kWorkgroupIndex, By(&E::EmitWorkgroupIndex)},
      {KOp::kLocalIndex, By(&E::EmitLocalIndex)},
      {KOp::kSubgroupIndex, By(&E::EmitSubgroupBuiltIn)},
      {KOp::kSubgroupLane, By(&E::EmitSubgroupBuiltIn)},
  });
  static constexpr auto kIntegerRows = std::to_array<Entry>({
      {KOp::kIAdd, Core(Op::OpIAdd)},
      {KOp::kISub, Core(Op::OpISub)},
      {KOp::kIMul, Core(Op::OpIMul)},
      {KOp::kSDiv, Core(Op::OpSDiv)},
      {KOp::kUDiv, Core(Op::OpUDiv)},
      {KOp::kSRem, By(&E::EmitSRem)},
      {KOp::kURem, Core(Op::OpUMod)},
      {KOp::kSMin, Glsl(GLSLstd450SMin)},
      {KOp::kSMax, Glsl(GLSLstd450SMax)},
      {KOp::kUMin, Glsl(GLSLstd450UMin)},
      {KOp::kUMax, Glsl(GLSLstd450UMax)},
      {KOp::kAnd, Core(Op::OpBitwiseAnd, Op::OpLogicalAnd)},
      {KOp::kOr, Core(Op::OpBitwiseOr, Op::OpLogicalOr)},
      {KOp::kXor, Core(Op::OpBitwiseXor, Op::OpLogicalNotEqual)},
      {KOp::kNot, Core(Op::OpNot, Op::OpLogicalNot)},
      {KOp::kShl, Core(Op::OpShiftLeftLogical)},
      {KOp::kShrU, Core(Op::OpShiftRightLogical)},
      {KOp::kShrS, Core(Op::OpShiftRightArithmetic)},
      {KOp::kClz, By(&E::EmitClz)},
      {KOp::kPopcount, Core(Op::OpBitCount)},
      {KOp::kUMulHigh, By(&E::EmitUMulHigh)},
      {KOp::kIEq, Core(Op::OpIEqual, Op::OpLogicalEqual)},
      {KOp::kINe, Core(Op::OpINotEqual, Op::OpLogicalNotEqual)},
      {KOp::kSLt, Core(Op::OpSLessThan)},
      {KOp::kSLe, Core(Op::OpSLessThanEqual)},
      {KOp::kULt, Core(Op::OpULessThan)},
      {KOp::kULe, Core(Op::OpULessThanEqual)},
  });
  static constexpr auto kFloatRows = std::to_array<Entry>({
      {KOp::kFAdd, Exact(Op::OpFAdd)},       {KOp::kFSub, Exact(Op::OpFSub)},
      {KOp::kFMul, Exact(Op::OpFMul)},       {KOp::kFDiv, Exact(Op::OpFDiv)},
      {KOp::kFRem, Exact(Op::OpFRem)},       {KOp::kFma, Glsl(GLSLstd450Fma)},
      {KOp::kFNeg, Core(Op::OpFNegate)},     {KOp::kFAbs, Glsl(GLSLstd450FAbs)},
      {KOp::kFloor, Glsl(GLSLstd450Floor)},  {KOp::kCeil, Glsl(GLSLstd450Ceil)},
      {KOp::kTrunc, Glsl(GLSLstd450Trunc)},  {KOp::kRoundEven, Glsl(GLSLstd450RoundEven)},
      {KOp::kSqrt, Glsl(GLSLstd450Sqrt)},    {KOp::kRsqrt, Glsl(GLSLstd450InverseSqrt)},
      {KOp::kSin, Glsl(GLSLstd450Sin)},      {KOp::kCos, Glsl(GLSLstd450Cos)},
      {KOp::kExp, Glsl(GLSLstd450Exp)},      {KOp::kLog, Glsl(GLSLstd450Log)},
      {KOp::kFEq, Core(Op::OpFOrdEqual)},    {KOp::kFNe, Core(Op::OpFUnordNotEqual)},
      {KOp::kFLt, Core(Op::OpFOrdLessThan)}, {KOp::kFLe, Core(Op::OpFOrdLessThanEqual)},
      {KOp::kIsNan, By(&E::EmitIsNan)},
  });
  static constexpr auto kConversionRows = std::to_array<Entry>({
      {KOp::kSToF, Core(Op::OpConvertSToF)},
      {KOp::kUToF, Core(Op::OpConvertUToF)},
      {KOp::kFToS, Core(Op::OpConvertFToS)},
      {KOp::kFToU, Core(Op::OpConvertFToU)},
      {KOp::kFToF, By(&E::EmitConversion)},
      {KOp::kRoundBF16, By(&E::EmitRoundBF16)},
      {KOp::kSExt, By(&E::EmitConversion)},
      {KOp::kZExt, By(&E::EmitConversion)},
      {KOp::kTruncI, By(&E::EmitConversion)},
      {KOp::kBitcast, By(&E::EmitConversion)},
      {KOp::kF16Bits, By(&E::EmitF16Bits)},
      {KOp::kF16FromBits, By(&E::EmitF16FromBits)},
      {KOp::kSelect, Core(Op::OpSelect)},
  });
  static constexpr auto kMemoryRows = std::to_array<Entry>({
      {KOp::kLoad, By(&E::EmitLoad)},
      {KOp::kStore, By(&E::EmitStore)},
      {KOp::kLoadShared, By(&E::EmitLoadShared)},
      {KOp::kStoreShared, By(&E::EmitStoreShared)},
      {KOp::kSharedAtomicAdd, By(&E::EmitSharedAtomic)},
      {KOp::kSharedAtomicOr, By(&E::EmitSharedAtomic)},
      {KOp::kAtomicAdd, By(&E::EmitAtomic)},
      {KOp::kAtomicMin, By(&E::EmitAtomic)},
      {KOp::kAtomicMax, By(&E::EmitAtomic)},
      {KOp::kAtomicOr, By(&E::EmitAtomic)},
      {KOp::kAtomicAnd, By(&E::EmitAtomic)},
      {KOp::kAtomicExchange, By(&E::EmitAtomic)},
  });
  static constexpr auto kCooperationRows = std::to_array<Entry>({
      {KOp::kMatrixZero, By(&E::EmitMatrixZero)},
      {KOp::kMatrixLoad, By(&E::EmitMatrixLoad)},
      {KOp::kMatrixMulAdd, By(&E::EmitMatrixMulAdd)},
      {KOp::kMatrixStore, By(&E::EmitMatrixStore)},
      {KOp::kBarrier, By(&E::EmitBarrier)},
      {KOp::kDeviceBarrier, By(&E::EmitBarrier)},
      {KOp::kSubgroupShuffleXor, By(&E::EmitSubgroupShuffle)},
  });
  static constexpr auto kStructureRows = std::to_array<Entry>({
      {KOp::kFor, By(&E::EmitFor)},
      {KOp::kWhile, By(&E::EmitWhile)},
      {KOp::kIf, By(&E::EmitIf)},
  });

  // kYield ends a region; EmitRegion reads its operands.
  static constexpr std::array<Row, kNumOps> Make() {
    std::array<Row, kNumOps> rows{};
    const auto add = [&rows](const auto& entries) {
      for (const Entry& entry : entries) rows[static_cast<int>(entry.op)] = entry.row;
    };
    add(kValueRows);
    add(kIntegerRows);
    add(kFloatRows);
    add(kConversionRows);
    add(kMemoryRows);
    add(kCooperationRows);
    add(kStructureRows);
    return rows;
  }

  static constexpr bool IsComplete(const std::array<Row, kNumOps>& rows) {
    for (int i = 0; i + 1 < kNumOps; ++i) {
      const int ways = (rows[i].core != Op::OpNop) + (rows[i].glsl != GLSLstd450Bad) + rows[i].is_custom;
      if (ways != 1) return false;
    }
    return true;
  }
};

const Emitter::Row& Emitter::RowOf(KOp op) {
  static constexpr std::array<Row, kNumOps> kRows = RowTable::Make();
  static_assert(RowTable::IsComplete(kRows), "Every kernel op but yield has one way of emission.");
  return kRows[static_cast<int>(op)];
}

void Emitter::EmitInstruction(const Instruction& inst) {
  // Conversions of a constant are one to the driver.
  if (inst.op >= KOp::kSToF && inst.op <= KOp::kF16FromBits) zeros_[inst.first_result] = zeros_[inst.operands[0]];
  const Row& row = RowOf(inst.op);
  if (row.is_custom) return (this->*row.custom)(inst);
  const Id type = TypeOf(KTypeOf(inst.first_result));
  const bool is_product = inst.op == KOp::kFMul || inst.op == KOp::kFDiv || inst.op == KOp::kFma;
  const std::vector<Id> operands = is_product && profile_.drops_zero_products ? FactorsOf(inst) : Operands(inst);
  if (row.glsl != GLSLstd450Bad) {
    const Id result = module_.EmitGlsl(row.glsl, type, operands);
    // Mesa 26 takes chains of them apart otherwise: a reduced angle lost its last digits. On GCN it takes every one
    // apart at first, and joins again only those that may be contracted: what products add up.
    if (inst.op == KOp::kFma && !(AddsToCarriedSum(inst) && profile_.multiply_add_cycles > 1)) {
      module_.Decorate(result, spv::Decoration::NoContraction);
    }
    return Set(inst, result);
  }
  const bool on_bool = row.on_bool != Op::OpNop && KTypeOf(inst.operands[0]) == KType::kBool;
  const Id result = module_.Emit(on_bool ? row.on_bool : row.core, type, operands);
  if (row.is_exact) module_.Decorate(result, spv::Decoration::NoContraction);
  Set(inst, result);
}

// Whether a multiply-add adds to what a loop carries, alone or after others that share no factor with it: a driver that
// may contract them finds no factor to take out.
bool Emitter::AddsToCarriedSum(const Instruction& multiply_add) {
  const std::array<kernel::ValueId, 2> factors = {multiply_add.operands[0], multiply_add.operands[1]};
  const auto& before = sums_[multiply_add.operands[2]];
  if (!before) return false;
  for (const kernel::ValueId factor : factors) {
    if (factor == (*before)[0] || factor == (*before)[1]) return false;
  }
  sums_[multiply_add.first_result] = factors;
  return true;
}

// The operands of a product or quotient, constant zeros out of the driver's sight.
std::vector<Emitter::Id> Emitter::FactorsOf(const Instruction& inst) {
  std::vector<Id> ids = Operands(inst);
  for (size_t i = 0; i < 2; ++i) {
    const Zero zero = zeros_[inst.operands[i]];
    if (zero != Zero::kNone) ids[i] = HiddenZero(KTypeOf(inst.operands[i]), zero);
  }
  return ids;
}

// From the number of workgroups along z, which is 1 in every dispatch.
Emitter::Id Emitter::HiddenZero(KType type, Zero sign) {
  const Id i32 = module_.Int(32);
  const Id triple = module_.Vector(i32, 3);
  const Id counts = module_.Emit(Op::OpLoad, triple, {module_.BuiltIn(spv::BuiltIn::NumWorkgroups, triple)});
  const Id depth = module_.Emit(Op::OpCompositeExtract, i32, {counts, 2});
  const Id zero = module_.Emit(Op::OpISub, i32, {depth, U32(1)});
  const Id plus = module_.Emit(Op::OpConvertUToF, TypeOf(type), {zero});
  return sign == Zero::kMinus ? module_.Emit(Op::OpFNegate, TypeOf(type), {plus}) : plus;
}

Emitter::Zero Emitter::ZeroOf(KType type, uint64_t bits) {
  if (bits == 0) return Zero::kPlus;
  const bool is_minus = (type == KType::kF16 && (bits & 0xffff) == 0x8000) ||
                        (type == KType::kF32 && static_cast<uint32_t>(bits) == uint32_t{1} << 31) ||
                        (type == KType::kF64 && bits == uint64_t{1} << 63);
  return is_minus ? Zero::kMinus : Zero::kNone;
}

void Emitter::EmitConstant(const Instruction& inst) {
  const KType ktype = KTypeOf(inst.first_result);
  if (ktype == KType::kBool) return Set(inst, module_.ConstantBool((inst.imm & 1) != 0));
  const Id type = TypeOf(ktype);
  const uint32_t low = static_cast<uint32_t>(inst.imm);
  const uint32_t words[] = {ktype == KType::kF16 ? low & 0xffff : low, static_cast<uint32_t>(inst.imm >> 32)};
  const bool is_wide = ktype == KType::kI64 || ktype == KType::kF64;
  zeros_[inst.first_result] = ZeroOf(ktype, inst.imm);
  Set(inst, module_.Constant(type, std::span(words, is_wide ? 2 : 1)));
}

void Emitter::EmitParam(const Instruction& inst) { Set(inst, params_[inst.imm]); }
void Emitter::EmitWorkgroupIndex(const Instruction& inst) { Set(inst, workgroup_); }

void Emitter::EmitLocalIndex(const Instruction& inst) {
  const Id variable = module_.BuiltIn(spv::BuiltIn::LocalInvocationIndex, module_.Int(32));
  Set(inst, module_.Emit(Op::OpLoad, module_.Int(32), {variable}));
}

void Emitter::EmitSubgroupBuiltIn(const Instruction& inst) {
  const spv::BuiltIn built_in =
      inst.op == KOp::kSubgroupIndex ? spv::BuiltIn::SubgroupId : spv::BuiltIn::SubgroupLocalInvocationId;
  const Id variable = module_.BuiltIn(built_in, module_.Int(32));
  Set(inst, module_.Emit(Op::OpLoad, module_.Int(32), {variable}));
}

// Vulkan leaves OpSRem undefined for negative operands, and NVIDIA's compiler makes use of it; OpSDiv is defined.
void Emitter::EmitSRem(const Instruction& inst) {
  const Id type = TypeOf(KTypeOf(inst.first_result));
  const Id a = Get(inst.operands[0]);
  const Id b = Get(inst.operands[1]);
  const Id quotient = module_.Emit(Op::OpSDiv, type, {a, b});
  const Id product = module_.Emit(Op::OpIMul, type, {quotient, b});
  Set(inst, module_.Emit(Op::OpISub, type, {a, product}));
}

// FindUMsb of 0 is -1: 31 - (-1) = 32.
void Emitter::EmitClz(const Instruction& inst) {
  const Id operands[] = {Get(inst.operands[0])};
  const Id msb = module_.EmitGlsl(GLSLstd450FindUMsb, module_.Int(32), operands);
  Set(inst, module_.Emit(Op::OpISub, module_.Int(32), {U32(31), msb}));
}

void Emitter::EmitUMulHigh(const Instruction& inst) {
  const Id type = module_.Int(32);
  const Id pair = module_.Emit(Op::OpUMulExtended, module_.PairOf(type), Operands(inst));
  Set(inst, module_.Emit(Op::OpCompositeExtract, type, {pair, 1}));
}

// A comparison of the bits without sign: drivers may fold isnan(x) away where they need not preserve NaN.
void Emitter::EmitIsNan(const Instruction& inst) {
  const KType ktype = KTypeOf(inst.operands[0]);
  Id value = Get(inst.operands[0]);
  if (ktype == KType::kF16) {
    value = module_.Emit(Op::OpFConvert, module_.Float(32), {value});
  }
  const bool is_wide = ktype == KType::kF64;
  const Id bits = is_wide ? EmitHighBits(value) : module_.Emit(Op::OpBitcast, module_.Int(32), {value});
  const Id magnitude = module_.Emit(Op::OpBitwiseAnd, module_.Int(32), {bits, U32(0x7fffffff)});
  const Id infinity = U32(is_wide ? 0x7ff00000 : 0x7f800000);
  Set(inst, module_.Emit(Op::OpUGreaterThan, module_.Bool(), {magnitude, infinity}));
}

// The high word of an f64. It tells a NaN from infinity only together with the low one: "low is not 0" is folded into
// its bottom bit.
Emitter::Id Emitter::EmitHighBits(Id value) {
  const Id words[] = {value};
  const Id pair_type = module_.Vector(module_.Int(32), 2);
  const Id pair = module_.EmitGlsl(GLSLstd450UnpackDouble2x32, pair_type, words);
  const Id low = module_.Emit(Op::OpCompositeExtract, module_.Int(32), {pair, 0});
  const Id high = module_.Emit(Op::OpCompositeExtract, module_.Int(32), {pair, 1});
  const Id is_sticky = module_.Emit(Op::OpINotEqual, module_.Bool(), {low, U32(0)});
  const Id sticky = module_.Emit(Op::OpSelect, module_.Int(32), {is_sticky, U32(1), U32(0)});
  return module_.Emit(Op::OpBitwiseOr, module_.Int(32), {high, sticky});
}

// The driver then sees no extension that a comparison could be of.
Emitter::Id Emitter::EmitSignExtensionByWords(Id value) {
  const Id sign = module_.Emit(Op::OpShiftRightArithmetic, module_.Int(32), {value, U32(31)});
  const Id words = module_.Emit(Op::OpCompositeConstruct, module_.Vector(module_.Int(32), 2), {value, sign});
  return module_.Emit(Op::OpBitcast, TypeOf(KType::kI64), {words});
}

// On the bits: a carry into the exponent is right, and what is beyond the largest number becomes infinity. A driver's
// own conversion may cut bits off.
void Emitter::EmitRoundBF16(const Instruction& inst) {
  const Id i32 = module_.Int(32);
  const auto emit = [&](Op op, Id a, Id b) { return module_.Emit(op, i32, {a, b}); };
  const Id value = Get(inst.operands[0]);
  const Id bits = module_.Emit(Op::OpBitcast, i32, {value});
  const Id is_odd = emit(Op::OpBitwiseAnd, emit(Op::OpShiftRightLogical, bits, U32(16)), U32(1));
  const Id sum = emit(Op::OpIAdd, emit(Op::OpIAdd, bits, U32(0x7fff)), is_odd);
  const Id rounded = emit(Op::OpBitwiseAnd, sum, U32(0xffff0000));
  const Id nan = emit(Op::OpBitwiseOr, emit(Op::OpBitwiseAnd, bits, U32(0x80000000)), U32(0x7fc00000));
  const Id is_nan = module_.Emit(Op::OpFUnordNotEqual, module_.Bool(), {value, value});
  const Id result = module_.Emit(Op::OpSelect, i32, {is_nan, nan, rounded});
  Set(inst, module_.Emit(Op::OpBitcast, module_.Float(32), {result}));
}

void Emitter::EmitConversion(const Instruction& inst) {
  const KType from = KTypeOf(inst.operands[0]);
  const KType to = KTypeOf(inst.first_result);
  const Id value = Get(inst.operands[0]);
  if (from == to) return Set(inst, value);
  if (inst.op == KOp::kSExt && profile_.misreads_widened_comparisons) return Set(inst, EmitSignExtensionByWords(value));
  const Op op = inst.op == KOp::kFToF      ? Op::OpFConvert
                : inst.op == KOp::kSExt    ? Op::OpSConvert
                : inst.op == KOp::kBitcast ? Op::OpBitcast
                                           : Op::OpUConvert;
  Set(inst, module_.Emit(op, TypeOf(to), {value}));
}

// Between f16 and its bits by a vector of two halves: needs no 16-bit integers.
void Emitter::EmitF16Bits(const Instruction& inst) {
  Id value = Get(inst.operands[0]);
  const Id half = TypeOf(KType::kF16);
  if (KTypeOf(inst.operands[0]) != KType::kF16) value = module_.Emit(Op::OpFConvert, half, {value});
  const Id zero = module_.Constant(half, std::initializer_list<uint32_t>{0});
  const Id pair = module_.Emit(Op::OpCompositeConstruct, module_.Vector(half, 2), {value, zero});
  Set(inst, module_.Emit(Op::OpBitcast, module_.Int(32), {pair}));
}

void Emitter::EmitF16FromBits(const Instruction& inst) {
  const Id half = TypeOf(KType::kF16);
  const Id pair = module_.Emit(Op::OpBitcast, module_.Vector(half, 2), {Get(inst.operands[0])});
  const Id value = module_.Emit(Op::OpCompositeExtract, half, {pair, 0});
  const KType to = KTypeOf(inst.first_result);
  Set(inst, to == KType::kF16 ? value : module_.Emit(Op::OpFConvert, TypeOf(to), {value}));
}

void Emitter::EmitBarrier(const Instruction& inst) {
  using Mask = spv::MemorySemanticsMask;
  uint32_t semantics = static_cast<uint32_t>(Mask::AcquireRelease) | static_cast<uint32_t>(Mask::WorkgroupMemory);
  if (uses_matrices()) {
    semantics |= static_cast<uint32_t>(Mask::MakeAvailable) | static_cast<uint32_t>(Mask::MakeVisible);
  }
  if (inst.op == KOp::kDeviceBarrier) semantics |= static_cast<uint32_t>(Mask::UniformMemory);
  module_.EmitVoid(Op::OpControlBarrier, {U32(kWorkgroupScope), U32(kWorkgroupScope), U32(semantics)});
}

void Emitter::EmitSubgroupShuffle(const Instruction& inst) {
  const Id type = TypeOf(KTypeOf(inst.first_result));
  const Id scope = U32(kSubgroupScope);
  const std::vector<Id> operands = Operands(inst);
  Set(inst, module_.Emit(Op::OpGroupNonUniformShuffleXor, type, {scope, operands[0], operands[1]}));
}

}  // namespace dragoman::codegen
