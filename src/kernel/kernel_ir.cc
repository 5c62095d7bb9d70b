// SPDX-License-Identifier: Apache-2.0
#include "kernel/kernel_ir.h"

#include <algorithm>
#include <iterator>

#include "base/format.h"

namespace dragoman::kernel {
namespace {

constexpr char s = 's', b = 'b', t = 't', v = 'v';

struct KOpInfo {
  std::string_view name;
  int num_operands;  // -1: any
  char result;       // as in the table's comment
};

constexpr KOpInfo kInfos[] = {
#define X(name, text, operands, result) {text, operands, result},
    DRAGOMAN_KERNEL_OPS(X)
#undef X
};

const KOpInfo& Info(KOp op) { return kInfos[static_cast<int>(op)]; }

constexpr std::string_view kTypeNames[] = {"void", "bool", "i32",      "i64",      "f16",
                                           "f32",  "f64",  "matrix_a", "matrix_b", "matrix_c"};
std::string_view Name(KType type) { return kTypeNames[static_cast<int>(type)]; }

class Printer {
 public:
  explicit Printer(const Kernel& kernel) : kernel_(kernel) {}

  std::string Run() {
    text_ =
        Format("kernel workgroup_size={} params={}{}{}\n", kernel_.workgroup_size, kernel_.num_params,
               kernel_.is_segmented ? " segmented" : "",
               kernel_.required_subgroup_size > 0 ? Format(" subgroup_size={}", kernel_.required_subgroup_size) : "");
    const target::MatrixShape& matrix = kernel_.matrix_shape;
    if (matrix.m > 0) {
      text_ += Format("matrices {}x{}x{}: {} to {}\n", matrix.m, matrix.n, matrix.k, dragoman::Name(matrix.input),
                      dragoman::Name(matrix.accumulator));
    }
    for (size_t i = 0; i < kernel_.buffers.size(); ++i) {
      const BufferBinding& buffer = kernel_.buffers[i];
      text_ += Format("buffer {}: {}{}{}{}\n", i, dragoman::Name(buffer.memory), buffer.is_read ? " read" : "",
                      buffer.is_written ? " written" : "", buffer.may_alias ? " may_alias" : "");
    }
    for (size_t i = 0; i < kernel_.shared.size(); ++i) {
      text_ += Format("shared {}: {} x {}\n", i, Name(kernel_.shared[i].type), kernel_.shared[i].count);
    }
    PrintRegion(kernel_.body, 0);
    return std::move(text_);
  }

 private:
  void PrintRegion(const Region& region, int depth) {
    for (const Instruction& instruction : region.body) PrintInstruction(instruction, depth);
  }

  void PrintIds(ValueId first, int count) {
    for (int i = 0; i < count; ++i) {
      text_ += Format("{}%{}: {}", i == 0 ? "" : ", ", first + i, Name(kernel_.value_types[first + i]));
    }
  }

  void PrintInstruction(const Instruction& instruction, int depth) {
    text_ += std::string(2 * depth + 2, ' ');
    if (instruction.num_results > 0) {
      PrintIds(instruction.first_result, instruction.num_results);
      text_ += " = ";
    }
    text_ += kernel::Name(instruction.op);
    if (instruction.buffer >= 0) text_ += Format(" @{}", instruction.buffer);
    for (const ValueId operand : instruction.operands) text_ += Format(" %{}", operand);
    if (instruction.op == KOp::kConstant || instruction.op == KOp::kParam) text_ += Format(" {:#x}", instruction.imm);
    if (instruction.op == KOp::kMatrixLoad || instruction.op == KOp::kMatrixStore) {
      const MatrixLayout layout = MatrixLayout::Decode(instruction.imm);
      text_ += Format(" {} stride {}", layout.is_column_major ? "columns" : "rows", layout.stride_words);
    }
    text_ += "\n";
    for (size_t i = 0; i < instruction.regions.size(); ++i) {
      const Region& region = *instruction.regions[i];
      text_ += std::string(2 * depth + 2, ' ') + "(";
      PrintIds(region.first_argument, region.num_arguments);
      text_ += ") {\n";
      PrintRegion(region, depth + 1);
      text_ += std::string(2 * depth + 2, ' ') + "}\n";
    }
  }

  const Kernel& kernel_;
  std::string text_;
};

bool IsInt(KType type) { return type == KType::kI32 || type == KType::kI64; }
bool IsNarrowFloat(KType type) { return type == KType::kF16 || type == KType::kF32; }

// Groups of ops with one typing rule; the op table keeps them together.
class Verifier {
 public:
  explicit Verifier(const Kernel& kernel) : kernel_(kernel), visible_(kernel.value_types.size(), false) {}

  Status Run() {
    if (kernel_.workgroup_size <= 0) return Internal("A kernel has no invocations in its workgroup.");
    if (kernel_.body.num_arguments != 0) return Internal("The body of a kernel has arguments.");
    return VerifyRegion(kernel_.body, {});
  }

 private:
  KType TypeOf(ValueId id) const { return kernel_.value_types[id]; }

  Status Broken(const Instruction& instruction, std::string_view what) const {
    std::string operands;
    for (const ValueId operand : instruction.operands) operands += Format(" %{}", operand);
    return Internal(Format("Kernel instruction '%{} = {}{}' is broken: {}.",
                           static_cast<int64_t>(instruction.num_results > 0 ? instruction.first_result : -1),
                           kernel::Name(instruction.op), operands, what));
  }

  Status Define(const Instruction* owner, ValueId first, int count) {
    for (int i = 0; i < count; ++i) {
      const uint64_t id = static_cast<uint64_t>(first) + i;
      if (id >= visible_.size() || visible_[id]) {
        return owner != nullptr ? Broken(*owner, "it defines a value that has no type or exists already")
                                : Internal("A region's argument has no type or exists already.");
      }
      visible_[id] = true;
      defined_.push_back(static_cast<ValueId>(id));
    }
    return OkStatus();
  }

  // `yields`: the types of the values that the terminator hands out.
  Status VerifyRegion(const Region& region, const std::vector<KType>& yields) {
    const size_t mark = defined_.size();
    RETURN_IF_ERROR(Define(nullptr, region.first_argument, region.num_arguments));
    if (region.body.empty() || region.body.back().op != KOp::kYield)
      return Internal("A kernel region does not end in yield.");
    for (const Instruction& instruction : region.body) {
      if (instruction.op == KOp::kYield && &instruction != &region.body.back()) {
        return Broken(instruction, "it is not the last of its region");
      }
      RETURN_IF_ERROR(VerifyInstruction(instruction));
    }
    const Instruction& yield = region.body.back();
    bool matches = yield.operands.size() == yields.size();
    for (size_t i = 0; matches && i < yields.size(); ++i) matches = TypeOf(yield.operands[i]) == yields[i];
    if (!matches) return Broken(yield, "its values are not what the enclosing instruction expects");
    while (defined_.size() > mark) {
      visible_[defined_.back()] = false;
      defined_.pop_back();
    }
    return OkStatus();
  }

  Status VerifyInstruction(const Instruction& instruction) {
    const KOpInfo& info = Info(instruction.op);
    if (info.num_operands >= 0 && static_cast<int>(instruction.operands.size()) != info.num_operands) {
      return Broken(instruction,
                    Format("it has {} operands, expected {}", instruction.operands.size(), info.num_operands));
    }
    for (const ValueId operand : instruction.operands) {
      if (operand >= visible_.size() || !visible_[operand])
        return Broken(instruction, Format("operand %{} is not in scope", operand));
    }
    RETURN_IF_ERROR(VerifyTypes(instruction));
    RETURN_IF_ERROR(VerifyMemory(instruction));
    RETURN_IF_ERROR(VerifyMatrix(instruction));
    RETURN_IF_ERROR(VerifyStructure(instruction));
    return Define(&instruction, instruction.first_result, instruction.num_results);
  }

  Status VerifyTypes(const Instruction& instruction) const {
    const KOp op = instruction.op;
    const auto& operands = instruction.operands;
    const auto all = [&](auto&& predicate) {
      return std::all_of(operands.begin(), operands.end(), [&](ValueId id) { return predicate(TypeOf(id)); });
    };
    const auto same = [&](size_t from) {
      for (size_t i = from; i < operands.size(); ++i) {
        if (TypeOf(operands[i]) != TypeOf(operands[from])) return false;
      }
      return true;
    };
    const bool bits = Between(op, KOp::kAnd, KOp::kNot) || op == KOp::kIEq || op == KOp::kINe;
    if (bits) {
      if (!same(0) || !all([](KType type) { return IsInt(type) || type == KType::kBool; }))
        return Broken(instruction, "it needs equal integers or booleans");
    } else if (Between(op, KOp::kIAdd, KOp::kULe)) {
      if (!same(0) || !all(IsInt)) return Broken(instruction, "it needs integers of one type");
    } else if (Between(op, KOp::kFAdd, KOp::kIsNan)) {
      if (!same(0) || !all(IsFloatType)) return Broken(instruction, "it needs floats of one type");
      if (Between(op, KOp::kSin, KOp::kLog) && TypeOf(operands[0]) == KType::kF64)
        return Broken(instruction, "it is not there for f64");
    } else if (op == KOp::kSelect) {
      if (TypeOf(operands[0]) != KType::kBool || !same(1) || TypeOf(operands[1]) != instruction.type)
        return Broken(instruction, "it needs a boolean and two values of its type");
    } else {
      RETURN_IF_ERROR(VerifyConversion(instruction));
    }
    RETURN_IF_ERROR(VerifyOperandWidths(instruction));
    return VerifyResultType(instruction);
  }

  // What the device has for some types alone.
  Status VerifyOperandWidths(const Instruction& instruction) const {
    const KOp op = instruction.op;
    const auto& operands = instruction.operands;
    if (Between(op, KOp::kClz, KOp::kUMulHigh) && TypeOf(operands[0]) != KType::kI32)
      return Broken(instruction, "it is there for i32 alone");
    if (op == KOp::kSubgroupShuffleXor && TypeOf(operands[1]) != KType::kI32)
      return Broken(instruction, "its lane is not an i32");
    if (Between(op, KOp::kParam, KOp::kSubgroupLane) && instruction.type != KType::kI32)
      return Broken(instruction, "it is an i32");
    if (op == KOp::kParam && instruction.imm >= static_cast<uint64_t>(kernel_.num_params))
      return Broken(instruction, "it names no parameter of the kernel");
    return OkStatus();
  }

  Status VerifyConversion(const Instruction& instruction) const {
    struct Row {
      KOp op;
      bool (*converts)(KType from, KType to);
    };
    constexpr auto kBitcasts = [](KType from, KType to) {
      return (from == KType::kI32 && to == KType::kF32) || (from == KType::kF32 && to == KType::kI32) ||
             (from == KType::kI64 && to == KType::kF64) || (from == KType::kF64 && to == KType::kI64);
    };
    static constexpr Row kRows[] = {
        {KOp::kSToF, [](KType from, KType to) { return IsInt(from) && IsFloatType(to); }},
        {KOp::kUToF, [](KType from, KType to) { return IsInt(from) && IsFloatType(to); }},
        {KOp::kFToS, [](KType from, KType to) { return IsFloatType(from) && IsInt(to); }},
        {KOp::kFToU, [](KType from, KType to) { return IsFloatType(from) && IsInt(to); }},
        {KOp::kFToF, [](KType from, KType to) { return IsFloatType(from) && IsFloatType(to) && from != to; }},
        {KOp::kRoundBF16, [](KType from, KType to) { return from == KType::kF32 && to == KType::kF32; }},
        {KOp::kSExt, [](KType from, KType to) { return from == KType::kI32 && to == KType::kI64; }},
        {KOp::kZExt, [](KType from, KType to) { return from == KType::kI32 && to == KType::kI64; }},
        {KOp::kTruncI, [](KType from, KType to) { return from == KType::kI64 && to == KType::kI32; }},
        {KOp::kBitcast, kBitcasts},
        {KOp::kF16Bits, [](KType from, KType to) { return IsNarrowFloat(from) && to == KType::kI32; }},
        {KOp::kF16FromBits, [](KType from, KType to) { return from == KType::kI32 && IsNarrowFloat(to); }},
    };
    if (!Between(instruction.op, KOp::kSToF, KOp::kF16FromBits)) return OkStatus();
    const KType from = TypeOf(instruction.operands[0]);
    for (const Row& row : kRows) {
      if (row.op != instruction.op || row.converts(from, instruction.type)) continue;
      return Broken(instruction, Format("it cannot convert {} to {}", Name(from), Name(instruction.type)));
    }
    return OkStatus();
  }

  Status VerifyResultType(const Instruction& instruction) const {
    if (Between(instruction.op, KOp::kFor, KOp::kIf)) return OkStatus();
    const char result = Info(instruction.op).result;
    const int count = result == 'v' ? 0 : instruction.op == KOp::kLoad ? static_cast<int>(instruction.imm) : 1;
    if (instruction.num_results != count)
      return Broken(instruction, Format("it has {} results, expected {}", instruction.num_results, count));
    KType expected = instruction.type;
    if (result == 's') expected = TypeOf(instruction.operands[0]);
    if (result == 'b') expected = KType::kBool;
    for (int i = 0; i < count; ++i) {
      const uint64_t id = static_cast<uint64_t>(instruction.first_result) + i;
      if (id >= kernel_.value_types.size() || kernel_.value_types[id] != expected)
        return Broken(instruction, "its result has another type");
    }
    return OkStatus();
  }

  Status VerifyMemory(const Instruction& instruction) const {
    const KOp op = instruction.op;
    if (!Between(op, KOp::kLoad, KOp::kAtomicExchange)) return OkStatus();
    if (instruction.operands.empty() || !IsInt(TypeOf(instruction.operands[0])))
      return Broken(instruction, "its index is not an integer");
    const bool shared = AccessesShared(op);
    const size_t count = shared ? kernel_.shared.size() : kernel_.buffers.size();
    if (instruction.buffer < 0 || static_cast<size_t>(instruction.buffer) >= count)
      return Broken(instruction, "it names no memory of the kernel");
    if (shared) {
      const KType type = kernel_.shared[instruction.buffer].type;
      const KType value = op == KOp::kLoadShared ? instruction.type : TypeOf(instruction.operands[1]);
      if (Between(op, KOp::kSharedAtomicAdd, KOp::kSharedAtomicOr) && type != KType::kI32)
        return Broken(instruction, "atomics work on 32-bit integers");
      return type == value ? OkStatus() : Broken(instruction, "its value has another type than the shared array");
    }
    const BufferBinding& buffer = kernel_.buffers[instruction.buffer];
    if (IsComplex(buffer.memory)) return Broken(instruction, "its buffer is complex");
    if (op != KOp::kStore && !buffer.is_read) return Broken(instruction, "its buffer is not marked as read");
    if (op != KOp::kLoad && !buffer.is_written) return Broken(instruction, "its buffer is not marked as written");
    return VerifyWidth(instruction, buffer.memory);
  }

  Status VerifyMatrix(const Instruction& instruction) const {
    const KOp op = instruction.op;
    if (!Between(op, KOp::kMatrixZero, KOp::kMatrixStore)) return OkStatus();
    const target::MatrixShape& shape = kernel_.matrix_shape;
    if (shape.m <= 0 || shape.n <= 0 || shape.k <= 0 || kernel_.required_subgroup_size <= 0)
      return Broken(instruction, "the kernel states no matrix shape or no subgroup size");
    const auto& operands = instruction.operands;
    if (op == KOp::kMatrixZero && instruction.type != KType::kMatrixC) return Broken(instruction, "it is no sum");
    if (op == KOp::kMatrixMulAdd) {
      const bool good = TypeOf(operands[0]) == KType::kMatrixA && TypeOf(operands[1]) == KType::kMatrixB &&
                        TypeOf(operands[2]) == KType::kMatrixC && instruction.type == KType::kMatrixC;
      return good ? OkStatus() : Broken(instruction, "its operands are not matrices A, B and C");
    }
    if (op == KOp::kMatrixZero) return OkStatus();
    if (instruction.buffer < 0 || static_cast<size_t>(instruction.buffer) >= kernel_.shared.size() ||
        kernel_.shared[instruction.buffer].type != KType::kI32 || TypeOf(operands[0]) != KType::kI32)
      return Broken(instruction, "it names no shared array of i32 and no index into it");
    const bool good = op == KOp::kMatrixLoad
                          ? instruction.type == KType::kMatrixA || instruction.type == KType::kMatrixB
                          : TypeOf(operands[1]) == KType::kMatrixC;
    return good ? OkStatus() : Broken(instruction, "it loads A or B and stores C");
  }

  Status VerifyWidth(const Instruction& instruction, DType memory) const {
    const auto fits = [&](KType type) { return type == LoadedType(memory, true) || type == LoadedType(memory, false); };
    if (instruction.op == KOp::kLoad) {
      const bool good =
          (instruction.imm == 1 || instruction.imm == 2 || instruction.imm == 4) && fits(instruction.type);
      return good ? OkStatus() : Broken(instruction, Format("it does not load from {}", dragoman::Name(memory)));
    }
    if (instruction.op == KOp::kStore) {
      const size_t values = instruction.operands.size() - 1;
      bool good = values == 1 || values == 2 || values == 4;
      for (size_t i = 0; i < values; ++i) good = good && fits(TypeOf(instruction.operands[i + 1]));
      return good ? OkStatus() : Broken(instruction, Format("it does not store to {}", dragoman::Name(memory)));
    }
    const bool good = SizeBytes(memory) == 4 && IsInteger(memory) && TypeOf(instruction.operands[1]) == KType::kI32 &&
                      instruction.type == KType::kI32;
    return good ? OkStatus() : Broken(instruction, "atomics work on 32-bit integers");
  }

  // Of consecutive values; kVoid, which none has, where there are no such values.
  std::vector<KType> Types(ValueId first, int count) const {
    if (count < 0 || uint64_t{first} + count > kernel_.value_types.size()) return {KType::kVoid};
    return {kernel_.value_types.begin() + first, kernel_.value_types.begin() + first + count};
  }
  std::vector<KType> OperandTypes(const Instruction& instruction, size_t from) const {
    std::vector<KType> types;
    for (size_t i = from; i < instruction.operands.size(); ++i) types.push_back(TypeOf(instruction.operands[i]));
    return types;
  }
  std::vector<KType> ResultTypes(const Instruction& instruction) const {
    return instruction.num_results == 0 ? std::vector<KType>{}
                                        : Types(instruction.first_result, instruction.num_results);
  }
  std::vector<KType> ArgumentTypes(const Region& region) const {
    return region.num_arguments == 0 ? std::vector<KType>{} : Types(region.first_argument, region.num_arguments);
  }

  Status VerifyStructure(const Instruction& instruction) {
    const size_t num_regions = instruction.op == KOp::kFor                                   ? 1
                               : instruction.op == KOp::kIf || instruction.op == KOp::kWhile ? 2
                                                                                             : 0;
    if (instruction.regions.size() != num_regions)
      return Broken(instruction, Format("it has {} regions, expected {}", instruction.regions.size(), num_regions));
    if (num_regions == 0) return OkStatus();
    if (instruction.op == KOp::kIf) return VerifyIf(instruction);
    return instruction.op == KOp::kFor ? VerifyFor(instruction) : VerifyWhile(instruction);
  }

  Status VerifyIf(const Instruction& instruction) {
    if (TypeOf(instruction.operands[0]) != KType::kBool) return Broken(instruction, "its condition is not a boolean");
    const std::vector<KType> types = ResultTypes(instruction);
    for (const auto& region : instruction.regions) {
      if (region->num_arguments != 0) return Broken(instruction, "its branches take arguments");
      RETURN_IF_ERROR(VerifyRegion(*region, types));
    }
    return OkStatus();
  }

  Status VerifyFor(const Instruction& instruction) {
    if (instruction.operands.size() < 3) return Broken(instruction, "it lacks bounds");
    for (int i = 0; i < 3; ++i) {
      if (TypeOf(instruction.operands[i]) != KType::kI32) return Broken(instruction, "its bounds are not i32");
    }
    const std::vector<KType> carried = OperandTypes(instruction, 3);
    std::vector<KType> arguments = carried;
    arguments.insert(arguments.begin(), KType::kI32);
    const Region& body = *instruction.regions[0];
    if (ResultTypes(instruction) != carried || ArgumentTypes(body) != arguments)
      return Broken(instruction, "its carried values do not agree");
    return VerifyRegion(body, carried);
  }

  Status VerifyWhile(const Instruction& instruction) {
    const std::vector<KType> carried = OperandTypes(instruction, 0);
    const Region& condition = *instruction.regions[0];
    const Region& body = *instruction.regions[1];
    if (ResultTypes(instruction) != carried || ArgumentTypes(condition) != carried || ArgumentTypes(body) != carried) {
      return Broken(instruction, "its carried values do not agree");
    }
    RETURN_IF_ERROR(VerifyRegion(condition, {KType::kBool}));
    return VerifyRegion(body, carried);
  }

  const Kernel& kernel_;
  std::vector<bool> visible_;
  std::vector<ValueId> defined_;
};

}  // namespace

std::string_view Name(KOp op) { return Info(op).name; }

DType MemoryOf(KType type) {
  switch (type) {
    case KType::kBool:
      return DType::kPred;
    case KType::kI32:
      return DType::kS32;
    case KType::kI64:
      return DType::kS64;
    case KType::kF16:
      return DType::kF16;
    case KType::kF32:
      return DType::kF32;
    case KType::kF64:
      return DType::kF64;
    case KType::kVoid:
    case KType::kMatrixA:
    case KType::kMatrixB:
    case KType::kMatrixC:
      return DType::kToken;
  }
  return DType::kToken;
}

KType LoadedType(DType memory, bool has_float16) {
  if (memory == DType::kF16) return has_float16 ? KType::kF16 : KType::kF32;
  if (memory == DType::kF64) return KType::kF64;
  if (IsFloat(memory)) return KType::kF32;
  if (IsPred(memory)) return KType::kBool;
  if (IsInteger(memory)) return SizeBytes(memory) == 8 ? KType::kI64 : KType::kI32;
  return KType::kVoid;
}

std::string Print(const Kernel& kernel) { return Printer(kernel).Run(); }

Status Verify(const Kernel& kernel) { return Verifier(kernel).Run(); }

}  // namespace dragoman::kernel
