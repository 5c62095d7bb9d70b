// SPDX-License-Identifier: Apache-2.0
// Elements the device does not load and store itself, by integers of the buffer's legal type.
#include "codegen/legalize.h"
#include "codegen/legalizer.h"
#include "kernel/small_float_ops.h"

namespace dragoman::codegen {

using kernel::KOp;
using kernel::KType;
using kernel::V;

// Devices without 64-bit integers have no buffers of 2^32 elements: the low word tells.
V Legalizer::MemoryIndex(kernel::ValueId index) const { return map_[index].low; }

// The elements' bits, zero-extended to kI32.
std::vector<V> Legalizer::LoadBits(int buffer, V index, int count) {
  const int size = SizeBytes(source_.buffers[buffer].memory);
  if (IsNativeMemory(size == 1 ? DType::kU8 : DType::kU16, profile_)) return builder_.LoadVector(buffer, index, count);
  // A group of `count` lies within one word or fills whole words, for index is a multiple of count.
  const int per_word = 4 / size;
  const V word_index = builder_.UDiv(index, builder_.Int(index.type, per_word));
  const std::vector<V> words = builder_.LoadVector(buffer, word_index, count > per_word ? count / per_word : 1);
  V place = builder_.URem(index, builder_.Int(index.type, per_word));
  if (place.type == KType::kI64) place = builder_.Convert(KOp::kTruncI, place, KType::kI32);
  const V first_shift = count >= per_word ? I32(0) : builder_.IMul(place, I32(8 * size));
  std::vector<V> bits;
  for (int i = 0; i < count; ++i) {
    const V shift = builder_.IAdd(first_shift, I32(8 * size * (i % per_word)));
    const V shifted = builder_.Binary(KOp::kShrU, words[i / per_word], shift);
    bits.push_back(builder_.And(shifted, I32(size == 1 ? 0xff : 0xffff)));
  }
  return bits;
}

void Legalizer::StoreBits(int buffer, V index, std::span<const V> bits) {
  const int size = SizeBytes(source_.buffers[buffer].memory);
  if (IsNativeMemory(size == 1 ? DType::kU8 : DType::kU16, profile_)) return builder_.StoreVector(buffer, index, bits);
  StoreBitsInWords(buffer, index, bits);
}

void Legalizer::StoreBitsInWords(int buffer, V index, std::span<const V> bits) {
  const int size = SizeBytes(source_.buffers[buffer].memory);
  const int count = static_cast<int>(bits.size());
  const int per_word = 4 / size;
  const int64_t element_mask = size == 1 ? 0xff : 0xffff;
  const V word_index = builder_.UDiv(index, builder_.Int(index.type, per_word));
  std::vector<V> words;
  for (int i = 0; i < count; ++i) {
    const V element = builder_.And(bits[i], I32(element_mask));
    const V placed = builder_.Binary(KOp::kShl, element, I32(8 * size * (i % per_word)));
    if (i % per_word == 0) {
      words.push_back(placed);
    } else {
      words.back() = builder_.Or(words.back(), placed);
    }
  }
  if (count >= per_word) return builder_.StoreVector(buffer, word_index, words);
  // Part of a word: others may be writing its other parts.
  V place = builder_.URem(index, builder_.Int(index.type, per_word));
  if (place.type == KType::kI64) place = builder_.Convert(KOp::kTruncI, place, KType::kI32);
  const V shift = builder_.IMul(place, I32(8 * size));
  const int64_t group_mask = count == 1 ? element_mask : 0xffff;
  const V kept = builder_.Not(builder_.Binary(KOp::kShl, I32(group_mask), shift));
  builder_.Atomic(KOp::kAtomicAnd, buffer, word_index, kept);
  builder_.Atomic(KOp::kAtomicOr, buffer, word_index, builder_.Binary(KOp::kShl, words[0], shift));
}

V Legalizer::Decode(DType memory, V bits) {
  const int width = Info(memory).bits;
  if (IsPred(memory)) return builder_.INe(bits, I32(0));
  if (IsUnsigned(memory)) return builder_.And(bits, I32((int64_t{1} << width) - 1));
  if (IsSigned(memory)) {
    return builder_.Binary(KOp::kShrS, builder_.Binary(KOp::kShl, bits, I32(32 - width)), I32(32 - width));
  }
  if (memory == DType::kF16 && profile_.float16) return builder_.Convert(KOp::kF16FromBits, bits, KType::kF16);
  // Of a byte the value has the low bits only.
  if (Info(memory).bits < 8) bits = builder_.And(bits, I32((int64_t{1} << Info(memory).bits) - 1));
  return DecodeSmallFloat(builder_, memory, bits);
}

// Bits above the element's size are whatever they are; those between a narrower value's width and a byte are 0.
V Legalizer::Encode(DType memory, V value, bool is_bf16) {
  if (IsPred(memory)) return builder_.Select(value, I32(1), I32(0));
  const int width = Info(memory).bits;
  if (IsInteger(memory)) return width < 8 ? builder_.And(value, I32((1 << width) - 1)) : value;
  if (memory == DType::kF16 && profile_.float16) return builder_.Convert(KOp::kF16Bits, value, KType::kI32);
  if (memory != DType::kBF16) return EncodeSmallFloat(builder_, memory, value);
  const V rounded = is_bf16 ? value : builder_.Convert(KOp::kRoundBF16, value, KType::kF32);
  return builder_.Binary(KOp::kShrU, builder_.Bitcast(rounded, KType::kI32), I32(16));
}

bool Legalizer::IsRoundedToBF16(const Instruction& inst) const {
  const auto is_bf16 = [&](size_t i) -> bool { return is_bf16_[inst.operands[i]]; };
  if (inst.op == KOp::kRoundBF16) return true;
  if (inst.op == KOp::kFNeg || inst.op == KOp::kFAbs) return is_bf16(0);
  if (inst.op == KOp::kSelect) return is_bf16(1) && is_bf16(2);
  const bool is_constant = inst.op == KOp::kConstant && source_.value_types[inst.first_result] == KType::kF32;
  return is_constant && (inst.imm & 0xffff) == 0 && (inst.imm & 0x7fffffff) <= 0x7f800000;
}

void Legalizer::VisitLoad(const Instruction& inst) {
  const DType memory = source_.buffers[inst.buffer].memory;
  const V index = MemoryIndex(inst.operands[0]);
  if (IsNativeMemory(memory, profile_)) {
    return SetResults(inst, builder_.LoadVector(inst.buffer, index, inst.num_results));
  }
  if (SizeBytes(memory) == 8) {
    std::vector<V> words;
    for (int i = 0; i < inst.num_results; ++i) {
      const V first = builder_.IMul(builder_.IAdd(index, builder_.Int(index.type, i)), builder_.Int(index.type, 2));
      const std::vector<V> pair = builder_.LoadVector(inst.buffer, first, 2);
      words.insert(words.end(), pair.begin(), pair.end());
    }
    return SetResults(inst, words);
  }
  std::vector<V> values;
  for (const V bits : LoadBits(inst.buffer, index, inst.num_results)) values.push_back(Decode(memory, bits));
  SetResults(inst, values);
}

void Legalizer::VisitStore(const Instruction& inst) {
  const DType memory = source_.buffers[inst.buffer].memory;
  const V index = MemoryIndex(inst.operands[0]);
  const std::vector<V> values = Flat(std::span(inst.operands).subspan(1));
  if (IsNativeMemory(memory, profile_)) return builder_.StoreVector(inst.buffer, index, values);
  if (SizeBytes(memory) == 8) {
    for (size_t i = 0; i + 1 < values.size(); i += 2) {
      const V element = builder_.IAdd(index, builder_.Int(index.type, static_cast<int64_t>(i / 2)));
      const V first = builder_.IMul(element, builder_.Int(index.type, 2));
      builder_.StoreVector(inst.buffer, first, std::span(values).subspan(i, 2));
    }
    return;
  }
  std::vector<V> bits;
  for (size_t i = 0; i < values.size(); ++i) {
    bits.push_back(Encode(memory, values[i], is_bf16_[inst.operands[i + 1]]));
  }
  StoreBits(inst.buffer, index, bits);
}

void Legalizer::VisitSharedLoad(const Instruction& inst) {
  const int array = shared_[inst.buffer];
  const V index = MemoryIndex(inst.operands[0]);
  map_[inst.first_result].low = builder_.LoadShared(array, index);
  if (IsSplit(inst.first_result)) map_[inst.first_result].high = builder_.LoadShared(array + 1, index);
}

void Legalizer::VisitSharedAtomic(const Instruction& inst) {
  const V index = MemoryIndex(inst.operands[0]);
  map_[inst.first_result].low = builder_.SharedAtomic(inst.op, shared_[inst.buffer], index, Low(inst.operands[1]));
}

void Legalizer::VisitSharedStore(const Instruction& inst) {
  const int array = shared_[inst.buffer];
  const V index = MemoryIndex(inst.operands[0]);
  builder_.StoreShared(array, index, Low(inst.operands[1]));
  if (IsSplit(inst.operands[1])) builder_.StoreShared(array + 1, index, Get(inst.operands[1]).high);
}

// Matrices are legal wherever a kernel has them; only their indices have new names.
void Legalizer::VisitMatrix(const Instruction& inst) {
  const auto layout = kernel::MatrixLayout::Decode(inst.imm);
  V result;
  switch (inst.op) {
    case KOp::kMatrixZero:
      result = builder_.MatrixZero();
      break;
    case KOp::kMatrixLoad:
      result = builder_.MatrixLoad(inst.type, shared_[inst.buffer], Low(inst.operands[0]), layout);
      break;
    case KOp::kMatrixMulAdd:
      result = builder_.MatrixMulAdd(Low(inst.operands[0]), Low(inst.operands[1]), Low(inst.operands[2]));
      break;
    default:
      builder_.MatrixStore(shared_[inst.buffer], Low(inst.operands[0]), Low(inst.operands[1]), layout);
      return;
  }
  map_[inst.first_result] = {result, {}};
}

}  // namespace dragoman::codegen
