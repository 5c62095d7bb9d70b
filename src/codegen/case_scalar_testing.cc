// SPDX-License-Identifier: Apache-2.0
// Cases of one pure op each: out[i] = op(a[i], b[i], ...).
#include <algorithm>
#include <cmath>
#include <functional>

#include "base/format.h"
#include "codegen/case_testing.h"
#include "codegen/case_values_testing.h"
#include "kernel/builder.h"
#include "kernel/interpreter_scalar.h"

namespace dragoman::codegen {

using kernel::Builder;
using kernel::KOp;
using kernel::KType;
using kernel::V;
using target::DeviceProfile;

namespace {

constexpr int kMapWorkgroupSize = 64;
constexpr uint8_t kBoolBit = 1, kI32Bit = 2, kI64Bit = 4, kF16Bit = 8, kF32Bit = 16, kF64Bit = 32;
constexpr uint8_t kInts = kI32Bit | kI64Bit, kBits = kInts | kBoolBit, kFloats = kF16Bit | kF32Bit | kF64Bit;
constexpr uint8_t kNarrowFloats = kF16Bit | kF32Bit;
constexpr KType kTypes[] = {KType::kBool, KType::kI32, KType::kI64, KType::kF16, KType::kF32, KType::kF64};

struct ScalarRow {
  KOp op;
  int arity;
  uint8_t types;  // of the operands
  bool is_compare = false;
  double tolerance = 0;
};

// The tolerances are what Vulkan asks of drivers, in f32; f16 gets 2^13 times as much.
constexpr ScalarRow kRows[] = {
    {KOp::kIAdd, 2, kInts},
    {KOp::kISub, 2, kInts},
    {KOp::kIMul, 2, kInts},
    {KOp::kSDiv, 2, kInts},
    {KOp::kUDiv, 2, kInts},
    {KOp::kSRem, 2, kInts},
    {KOp::kURem, 2, kInts},
    {KOp::kSMin, 2, kInts},
    {KOp::kSMax, 2, kInts},
    {KOp::kUMin, 2, kInts},
    {KOp::kUMax, 2, kInts},
    {KOp::kAnd, 2, kBits},
    {KOp::kOr, 2, kBits},
    {KOp::kXor, 2, kBits},
    {KOp::kNot, 1, kBits},
    {KOp::kShl, 2, kInts},
    {KOp::kShrU, 2, kInts},
    {KOp::kShrS, 2, kInts},
    {KOp::kClz, 1, kI32Bit},
    {KOp::kPopcount, 1, kI32Bit},
    {KOp::kUMulHigh, 2, kI32Bit},
    {KOp::kIEq, 2, kBits, true},
    {KOp::kINe, 2, kBits, true},
    {KOp::kSLt, 2, kInts, true},
    {KOp::kSLe, 2, kInts, true},
    {KOp::kULt, 2, kInts, true},
    {KOp::kULe, 2, kInts, true},
    {KOp::kFAdd, 2, kFloats},
    {KOp::kFSub, 2, kFloats},
    {KOp::kFMul, 2, kFloats},
    {KOp::kFDiv, 2, kFloats, false, 4e-7},
    {KOp::kFRem, 2, kFloats},
    {KOp::kFma, 3, kFloats, false, 1e-6},
    {KOp::kFNeg, 1, kFloats},
    {KOp::kFAbs, 1, kFloats},
    {KOp::kFloor, 1, kFloats},
    {KOp::kCeil, 1, kFloats},
    {KOp::kTrunc, 1, kFloats},
    {KOp::kRoundEven, 1, kFloats},
    {KOp::kSqrt, 1, kFloats, false, 4e-7},
    {KOp::kRsqrt, 1, kFloats, false, 4e-7},
    {KOp::kSin, 1, kNarrowFloats, false, 1e-2},
    {KOp::kCos, 1, kNarrowFloats, false, 1e-2},
    {KOp::kExp, 1, kNarrowFloats, false, 1e-5},
    {KOp::kLog, 1, kNarrowFloats, false, 1e-5},
    {KOp::kFEq, 2, kFloats, true},
    {KOp::kFNe, 2, kFloats, true},
    {KOp::kFLt, 2, kFloats, true},
    {KOp::kFLe, 2, kFloats, true},
    {KOp::kIsNan, 1, kFloats, true},
};

bool HasType(const DeviceProfile& profile, KType type) {
  if (type == KType::kF16) return profile.float16;
  return type != KType::kF64 || profile.float64;
}

double SmallestNormal(KType type) { return type == KType::kF16 ? 0x1p-14 : type == KType::kF32 ? 0x1p-126 : 0x1p-1022; }

// Whether the op's result on these operands is the same on every device. Subnormals may be flushed, so they are not.
bool IsDefined(KOp op, KType type, std::span<const uint64_t> x) {
  const uint64_t lowest = type == KType::kI64 ? uint64_t{1} << 63 : uint64_t{1} << 31;
  const uint64_t minus_one = type == KType::kI64 ? ~uint64_t{0} : 0xffffffff;
  if (op == KOp::kSDiv || op == KOp::kSRem) return x[1] != 0 && !(x[0] == lowest && x[1] == minus_one);
  if (op == KOp::kUDiv || op == KOp::kURem) return x[1] != 0;
  if (op == KOp::kShl || op == KOp::kShrU || op == KOp::kShrS) return x[1] < (type == KType::kI64 ? 64u : 32u);
  if (!IsFloatType(type)) return true;
  double magnitude = 0;
  for (const uint64_t bits : x) {
    const double value = kernel::AsDouble(type, bits);
    if (value != 0 && std::fabs(value) < SmallestNormal(type)) return false;
    if (op >= KOp::kSqrt && op <= KOp::kLog && std::isnan(value)) return false;
    magnitude = std::max(magnitude, std::fabs(value));
  }
  const double first = kernel::AsDouble(type, x[0]);
  if (op == KOp::kSqrt || op == KOp::kRsqrt || op == KOp::kLog) return first > 0 && std::isfinite(first);
  if (op == KOp::kSin || op == KOp::kCos) return magnitude < 3.2;
  if (op == KOp::kExp) return magnitude < 10;
  // Division has its precision only within 2^±126; a sum of products of any sizes has none to compare.
  if (op == KOp::kFDiv) return magnitude < 1e9 && std::fabs(kernel::AsDouble(type, x[1])) > 1e-9;
  if (op == KOp::kFma)
    return magnitude < 100 && first > 0 && kernel::AsDouble(type, x[1]) > 0 && kernel::AsDouble(type, x[2]) >= 0;
  return true;
}

std::vector<std::vector<uint64_t>> DefinedColumns(KOp op, KType type, int arity) {
  std::vector<std::vector<uint64_t>> columns = OperandColumns(type, arity);
  std::vector<std::vector<uint64_t>> kept(arity);
  for (size_t i = 0; i < columns[0].size(); ++i) {
    std::vector<uint64_t> row;
    for (const auto& column : columns) row.push_back(column[i]);
    if (!IsDefined(op, type, row)) continue;
    for (int k = 0; k < arity; ++k) kept[k].push_back(row[k]);
  }
  return kept;
}

// out[i] = make(inputs[..][i]) over all elements of the columns.
KernelCase MapCase(const DeviceProfile& profile, std::string name, std::span<const KType> inputs,
                   const std::vector<std::vector<uint64_t>>& columns,
                   const std::function<V(Builder&, std::span<const V>)>& make) {
  Builder b(profile);
  KernelCase result;
  result.name = std::move(name);
  std::vector<int> buffers;
  for (size_t k = 0; k < inputs.size(); ++k) {
    buffers.push_back(b.AddBuffer({.memory = kernel::MemoryOf(inputs[k]), .is_read = true}));
    result.buffers.push_back(Pack(inputs[k], columns[k]));
  }
  const int size = b.AddParam();
  const V i = b.GlobalIndex(kMapWorkgroupSize);
  int out = -1;
  KType out_type = KType::kVoid;
  b.If(b.ULt(i, b.Param(size)), [&] {
    std::vector<V> operands;
    for (const int buffer : buffers) operands.push_back(b.Load(buffer, i));
    const V value = make(b, operands);
    out_type = value.type;
    out = b.AddBuffer({.memory = kernel::MemoryOf(out_type), .is_written = true});
    b.Store(out, i, value);
  });
  const size_t count = columns[0].size();
  result.buffers.push_back(Pack(out_type, std::vector<uint64_t>(count, 0)));
  result.params = {static_cast<uint32_t>(count)};
  result.workgroups = static_cast<uint32_t>((count + kMapWorkgroupSize - 1) / kMapWorkgroupSize);
  result.kernel = std::move(b).Finish(kMapWorkgroupSize);
  return result;
}

KernelCase ScalarCase(const DeviceProfile& profile, const ScalarRow& row, KType type) {
  const std::vector<KType> inputs(row.arity, type);
  KernelCase result = MapCase(profile, Format("{} {}", Name(row.op), dragoman::Name(kernel::MemoryOf(type))), inputs,
                              DefinedColumns(row.op, type, row.arity), [&](Builder& b, std::span<const V> operands) {
                                return b.Emit(row.op, operands, row.is_compare ? KType::kBool : type);
                              });
  result.tolerance = row.tolerance * (type == KType::kF16 ? 8192 : 1);
  return result;
}

// f32 values around what f16 and integers can hold.
std::vector<uint64_t> FloatsWithin(KType type, double low, double high) {
  const double numbers[] = {
      0,     0.25,           0.5,           0.75,      1,        1.5,       2.5,          100.7,   2047.5,
      4097,  65503.9,        65519.9,       8388607.5, 16777215, 1e9,       2147483392.0, 3e9,     4294967040.0,
      1e12,  123456789012.0, 9.007e15,      9.2e18,    1.8e19,   6.1035e-5, 5.97e-8,      2.98e-8, 2.99e-8,
      1e-10, 1.00048828125,  1.00146484375, 65520,     1e20};
  std::vector<uint64_t> bits;
  for (const double number : numbers) {
    for (const double value : {number, -number}) {
      const double rounded = kernel::AsDouble(type, FloatBits(type, value));
      if (rounded >= low && rounded <= high) bits.push_back(FloatBits(type, rounded));
    }
  }
  return bits;
}

struct IntRange {
  KOp op;
  KType to;
  double low, high;
};
constexpr IntRange kToInt[] = {{KOp::kFToS, KType::kI32, -2147483648.0, 2147483520.0},
                               {KOp::kFToU, KType::kI32, 0, 4294967040.0},
                               {KOp::kFToS, KType::kI64, -9.2e18, 9.2e18},
                               {KOp::kFToU, KType::kI64, 0, 1.8e19}};

struct Conversion {
  KOp op;
  KType from;
  KType to;
};

void AddConversion(const DeviceProfile& profile, const Conversion& conversion, std::vector<uint64_t> values,
                   std::vector<KernelCase>& cases) {
  const KType inputs[] = {conversion.from};
  std::string name = Format("{} {} to {}", Name(conversion.op), dragoman::Name(kernel::MemoryOf(conversion.from)),
                            dragoman::Name(kernel::MemoryOf(conversion.to)));
  cases.push_back(MapCase(profile, std::move(name), inputs, {std::move(values)}, [&](Builder& b, std::span<const V> x) {
    return b.Convert(conversion.op, x[0], conversion.to);
  }));
}

void AddFloatConversions(const DeviceProfile& profile, KType type, std::vector<KernelCase>& cases) {
  for (const IntRange& row : kToInt) {
    const double limit = type == KType::kF16 ? 65504 : row.high;
    AddConversion(profile, {row.op, type, row.to},
                  FloatsWithin(type, std::max(row.low, -limit), std::min(row.high, limit)), cases);
  }
  for (const KType from : {KType::kI32, KType::kI64}) {
    for (const KOp op : {KOp::kSToF, KOp::kUToF}) {
      std::vector<uint64_t> values = InterestingBits(from);
      // Beyond what f16 holds, drivers give infinity or the largest value.
      if (type == KType::kF16) values = {0, 1, 2, 31, 32, 1000, 2047, 2048, 32768, 65504};
      AddConversion(profile, {op, from, type}, values, cases);
    }
  }
  for (const KType to : {KType::kF16, KType::kF32, KType::kF64}) {
    if (to == type || !HasType(profile, to)) continue;
    // f64 to f16 may round by way of f32: only values that need none.
    const bool is_double_rounded = type == KType::kF64 && to == KType::kF16;
    const std::vector<uint64_t> exact = {FloatBits(type, 1.5), FloatBits(type, -2048)};
    AddConversion(profile, {KOp::kFToF, type, to}, is_double_rounded ? exact : FloatsWithin(type, -1e30, 1e30), cases);
  }
}

// Around the middle between two neighbours, from the smallest subnormal to infinity and NaN.
std::vector<uint64_t> FloatsAroundBF16() {
  std::vector<uint64_t> floats;
  for (uint64_t high = 0; high <= 0xffff; high += high % 128 < 126 ? 21 : 1) {
    for (const uint64_t low : {0x0, 0x1, 0x7fff, 0x8000, 0x8001, 0xffff}) floats.push_back(high << 16 | low);
  }
  return floats;
}

}  // namespace

std::vector<KernelCase> ScalarCases(const DeviceProfile& profile) {
  std::vector<KernelCase> cases;
  for (const ScalarRow& row : kRows) {
    for (int k = 0; k < static_cast<int>(std::size(kTypes)); ++k) {
      if ((row.types >> k & 1) == 0 || !HasType(profile, kTypes[k])) continue;
      if (row.op == KOp::kFRem && kTypes[k] == KType::kF64 && !profile.int64) continue;
      cases.push_back(ScalarCase(profile, row, kTypes[k]));
    }
  }
  for (const KType type : kTypes) {
    if (!HasType(profile, type)) continue;
    const KType inputs[] = {KType::kBool, type, type};
    auto columns = OperandColumns(type, 2);
    std::vector<uint64_t> conditions;
    for (size_t i = 0; i < columns[0].size(); ++i) conditions.push_back(i % 3 == 0);
    columns.insert(columns.begin(), conditions);
    cases.push_back(MapCase(profile, Format("select {}", dragoman::Name(kernel::MemoryOf(type))), inputs, columns,
                            [](Builder& b, std::span<const V> x) { return b.Select(x[0], x[1], x[2]); }));
  }
  return cases;
}

std::vector<KernelCase> ConversionCases(const DeviceProfile& profile) {
  std::vector<KernelCase> cases;
  for (const KType type : {KType::kF16, KType::kF32, KType::kF64}) {
    if (HasType(profile, type)) AddFloatConversions(profile, type, cases);
  }
  AddConversion(profile, {KOp::kSExt, KType::kI32, KType::kI64}, InterestingBits(KType::kI32), cases);
  AddConversion(profile, {KOp::kZExt, KType::kI32, KType::kI64}, InterestingBits(KType::kI32), cases);
  AddConversion(profile, {KOp::kTruncI, KType::kI64, KType::kI32}, InterestingBits(KType::kI64), cases);
  AddConversion(profile, {KOp::kBitcast, KType::kI32, KType::kF32}, InterestingBits(KType::kF32), cases);
  AddConversion(profile, {KOp::kBitcast, KType::kF32, KType::kI32}, InterestingBits(KType::kF32), cases);
  if (profile.float64 && profile.int64) {
    AddConversion(profile, {KOp::kBitcast, KType::kI64, KType::kF64}, InterestingBits(KType::kF64), cases);
    AddConversion(profile, {KOp::kBitcast, KType::kF64, KType::kI64}, InterestingBits(KType::kF64), cases);
  }
  std::vector<uint64_t> halves;
  for (uint64_t bits = 0; bits < 65536; bits += 23) halves.push_back(bits);
  const auto without_f16_subnormals = [](std::vector<uint64_t> floats) {
    std::erase_if(floats, [](uint64_t f) {
      const double value = std::fabs(kernel::AsDouble(KType::kF32, f));
      return value != 0 && value < 0x1p-14 + 0x1p-26;
    });
    return floats;
  };
  // Subnormal halves may be flushed by a native conversion, not by the emulation.
  std::vector<uint64_t> floats = FloatsWithin(KType::kF32, -1e30, 1e30);
  if (profile.float16 && profile.rounding_rte_f16) floats = without_f16_subnormals(floats);
  AddConversion(profile, {KOp::kF16Bits, KType::kF32, KType::kI32}, floats, cases);
  if (profile.float16) std::erase_if(halves, [](uint64_t h) { return (h & 0x7c00) == 0 && (h & 0x3ff) != 0; });
  AddConversion(profile, {KOp::kRoundBF16, KType::kF32, KType::kF32}, FloatsAroundBF16(), cases);
  AddConversion(profile, {KOp::kF16FromBits, KType::kI32, KType::kF32}, halves, cases);
  if (profile.float16) {
    AddConversion(profile, {KOp::kF16FromBits, KType::kI32, KType::kF16}, halves, cases);
    // Which of its bits a NaN has is the device's choice.
    std::erase_if(halves, [](uint64_t h) { return (h & 0x7c00) == 0x7c00 && (h & 0x3ff) != 0; });
    AddConversion(profile, {KOp::kF16Bits, KType::kF16, KType::kI32}, halves, cases);
  }
  return cases;
}

}  // namespace dragoman::codegen
