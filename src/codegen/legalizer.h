// SPDX-License-Identifier: Apache-2.0
// Rebuilds a kernel instruction by instruction, putting legal ones in place of those that are not. Internal to
// codegen/.
#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "kernel/builder.h"
#include "kernel/kernel_ir.h"

namespace dragoman::codegen {

// Of 64-bit integers, which legalize_division.cc spells out where the device has them.
bool IsWideDivision(const kernel::Instruction& inst, const kernel::Kernel& kernel);

class Legalizer {
 public:
  using V = kernel::V;
  // What stands for a value of the old kernel: itself, or the two words of a kI64.
  struct Mapped {
    V low;
    V high;  // kNoValue unless wide
  };
  using Handler = Mapped (Legalizer::*)(const kernel::Instruction&);

  Legalizer(const kernel::Kernel& source, const target::DeviceProfile& profile);
  StatusOr<kernel::Kernel> Run() &&;

 private:
  using Instruction = kernel::Instruction;
  using Words = Mapped;

  // legalize.cc
  void DeclareMemory();
  std::vector<V> VisitRegion(const kernel::Region& region);
  void Visit(const Instruction& inst);
  Mapped CopyValue(const Instruction& inst);
  V CopyConstant(const Instruction& inst);
  void VisitFor(const Instruction& inst);
  void VisitWhile(const Instruction& inst);
  void VisitIf(const Instruction& inst);
  void BindArguments(const kernel::Region& region, std::span<const V> values);
  void SetResults(const Instruction& inst, std::span<const V> values);
  std::vector<V> Flat(std::span<const kernel::ValueId> values) const;
  bool IsSplit(kernel::ValueId value) const;
  bool HasSplit(const Instruction& inst) const;
  Mapped Get(kernel::ValueId value) const { return map_[value]; }
  V Low(kernel::ValueId value) const { return map_[value].low; }
  void Fail(const Status& status);

  // legalize_memory.cc: everything that touches buffers and shared arrays.
  void VisitLoad(const Instruction& inst);
  void VisitStore(const Instruction& inst);
  void VisitSharedLoad(const Instruction& inst);
  void VisitSharedAtomic(const Instruction& inst);
  void VisitSharedStore(const Instruction& inst);
  void VisitMatrix(const Instruction& inst);
  std::vector<V> LoadBits(int buffer, V index, int count);
  void StoreBits(int buffer, V index, std::span<const V> bits);
  void StoreBitsInWords(int buffer, V index, std::span<const V> bits);
  V Decode(DType memory, V bits);
  V Encode(DType memory, V value, bool is_bf16);  // is_bf16: the value needs no rounding to bf16
  bool IsRoundedToBF16(const Instruction& inst) const;
  V MemoryIndex(kernel::ValueId index) const;

  // legalize_wide.cc: kI64 as pairs.
  static Handler WideHandler(kernel::KOp op);
  friend struct WideTable;
  Mapped WideConstant(const Instruction& inst);
  Mapped WideAddOf(const Instruction& inst);
  Mapped WideSubtractOf(const Instruction& inst);
  Mapped WideMultiplyOf(const Instruction& inst);
  Mapped WideDivisionOf(const Instruction& inst);
  Mapped WideMinMaxOf(const Instruction& inst);
  Mapped WideBitsOf(const Instruction& inst);
  Mapped WideShiftOf(const Instruction& inst);
  Mapped WideCompareOf(const Instruction& inst);
  Mapped WideToFloatOf(const Instruction& inst);
  Mapped WideFromFloatOf(const Instruction& inst);
  Mapped WideExtensionOf(const Instruction& inst);
  Mapped WideTruncationOf(const Instruction& inst);
  Mapped WideSelectOf(const Instruction& inst);
  Mapped WideShuffleOf(const Instruction& inst);

  Words AddWords(Words a, Words b);
  Words SubtractWords(Words a, Words b);
  Words NegateWords(Words a);
  Words AbsoluteWords(Words a);
  Words SelectWords(V condition, Words a, Words b);
  Words ShiftLeft(Words a, V amount);
  Words ShiftRight(Words a, V amount, kernel::KOp shift);
  V LessWords(Words a, Words b, bool is_signed);
  V EqualWords(Words a, Words b);
  V IsNegative(Words a);
  // {quotient, remainder}, unsigned.
  std::pair<Words, Words> DivideWords(Words a, Words b);
  std::vector<V> DivideByLoop(Words a, Words b);
  V UnsignedToFloat(Words a, kernel::KType type);
  V UnsignedToF32(Words a);

  // legalize_float.cc
  Mapped RemainderOf(const Instruction& inst);
  V ExactRemainder(V a, V b);
  Mapped RoundingOf(const Instruction& inst);
  Mapped NarrowingOf(const Instruction& inst);
  V NarrowToF16(V value);
  bool RoundsToF16() const { return profile_.float16 && profile_.rounding_rte_f16; }

  // legalize_division.cc: kI64 on devices that have it.
  Mapped DivisionOf(const Instruction& inst);
  V Magnitude(V a);
  V DivideLong(V a, V b, bool is_remainder);
  V QuotientByConstant(V a, uint64_t divisor);
  V DivideByVariable(V a, V b, bool is_remainder);
  V DivideByReciprocal(V a, V b, bool is_remainder);
  V Reciprocal(V b);
  V MultiplyHigh(V a, V b);

  V I32(int64_t value) { return builder_.I32(value); }
  V I64(int64_t value) { return builder_.Int(kernel::KType::kI64, value); }

  const kernel::Kernel& source_;
  const target::DeviceProfile& profile_;
  kernel::Builder builder_;
  std::vector<Mapped> map_;
  std::vector<bool> is_bf16_;  // old values that are a bf16, and no NaN but those of kRoundBF16
  std::vector<int> shared_;    // old shared array → new; a split one's high words follow in the next
  Status status_;
};

}  // namespace dragoman::codegen
