// SPDX-License-Identifier: Apache-2.0
// Builds kernel IR. Every method appends one instruction to the innermost open region and returns its (first) result.
// Integer constants fold, and so do x+0, x*1, x*0, and/or with constants, division and remainder by powers of two,
// selects and branches on constants, and equal pure instructions within a region are shared: index arithmetic written
// plainly comes out short. Comparisons, minima and maxima of numbers extended to 64 bits take 32. Typical use:
//   Builder b(profile);
//   int in = b.AddBuffer({DType::kF32, /*is_read=*/true, false});
//   V i = b.GlobalIndex();
//   b.If(b.ULt(i, b.Param(0)), [&] { b.Store(out, i, b.FAdd(b.Load(in, i), b.F32(1))); });
//   Kernel k = std::move(b).Finish(256);
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "kernel/kernel_ir.h"
#include "target/profile.h"

namespace dragoman::kernel {

// A value with its type: what lowering code passes around.
struct V {
  ValueId id = kNoValue;
  KType type = KType::kVoid;
};

// lo <= x <= hi, or x is NaN.
struct FloatRange {
  double lo;
  double hi;
};

// The counter of a loop: for (i = lo; i < hi; i += step), signed, kI32.
struct LoopRange {
  V lo;
  V hi;
  V step;
  int64_t most = 0;  // iterations; to be stated where lo, hi and step are not all constants
};

class Builder {
 public:
  explicit Builder(const target::DeviceProfile& profile);
  ~Builder();
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;
  const target::DeviceProfile& profile() const { return profile_; }

  int AddBuffer(BufferBinding binding);  // its number
  int AddShared(KType type, int count);
  int AddParam();  // number of a fresh 32-bit parameter
  void SetSegmented() { kernel_.is_segmented = true; }
  void RequireSubgroupSize(int size) { kernel_.required_subgroup_size = size; }
  void SetMatrixShape(const target::MatrixShape& shape) { kernel_.matrix_shape = shape; }

  // Constants.
  V Bool(bool value);
  V I32(int64_t value);
  V I64(int64_t value);
  V Int(KType type, int64_t value);  // kI32 or kI64
  V F32(float value);
  V Float(KType type, double value);          // kF16, kF32, kF64
  V ConstantBits(KType type, uint64_t bits);  // as kConstant holds them
  V Zero(KType type);
  // Everything where nothing is known.
  FloatRange RangeOf(V v) const;
  // `v`, of which the caller knows that it lies in the range unless it is NaN.
  V Bounded(V v, FloatRange range);
  // The value when `v` is an integer constant (sign-extended).
  std::optional<int64_t> ConstantInt(V v) const;
  // The bits when `v` is a constant of any type.
  std::optional<uint64_t> ConstantBitsOf(V v) const;

  V Param(int number);
  V WorkgroupIndex();
  V LocalIndex();
  V GlobalIndex(int workgroup_size);  // workgroup_index * workgroup_size + local_index

  // One operation of the table with the given operands; the named methods below are shorthands for it.
  V Emit(KOp op, std::span<const V> operands, KType type);
  V Unary(KOp op, V a) {
    const V operands[] = {a};
    return Emit(op, operands, a.type);
  }
  V Binary(KOp op, V a, V b) {
    const V operands[] = {a, b};
    return Emit(op, operands, a.type);
  }
  V Compare(KOp op, V a, V b) {
    const V operands[] = {a, b};
    return Emit(op, operands, KType::kBool);
  }
  V Convert(KOp op, V a, KType type) {
    const V operands[] = {a};
    return Emit(op, operands, type);
  }
  // What v was before kRoundBF16 rounded it, also behind kFNeg and kFAbs; v where it did not come so.
  V BeforeRounding(V v);

  V IAdd(V a, V b) { return Binary(KOp::kIAdd, a, b); }
  V ISub(V a, V b) { return Binary(KOp::kISub, a, b); }
  V IMul(V a, V b) { return Binary(KOp::kIMul, a, b); }
  V UDiv(V a, V b) { return Binary(KOp::kUDiv, a, b); }
  V URem(V a, V b) { return Binary(KOp::kURem, a, b); }
  V UMin(V a, V b) { return Binary(KOp::kUMin, a, b); }
  V SMin(V a, V b) { return Binary(KOp::kSMin, a, b); }
  V SMax(V a, V b) { return Binary(KOp::kSMax, a, b); }
  V And(V a, V b) { return Binary(KOp::kAnd, a, b); }
  V Or(V a, V b) { return Binary(KOp::kOr, a, b); }
  V Xor(V a, V b) { return Binary(KOp::kXor, a, b); }
  V Not(V a) { return Unary(KOp::kNot, a); }
  V IEq(V a, V b) { return Compare(KOp::kIEq, a, b); }
  V INe(V a, V b) { return Compare(KOp::kINe, a, b); }
  V ULt(V a, V b) { return Compare(KOp::kULt, a, b); }
  V ULe(V a, V b) { return Compare(KOp::kULe, a, b); }
  V SLt(V a, V b) { return Compare(KOp::kSLt, a, b); }
  V SLe(V a, V b) { return Compare(KOp::kSLe, a, b); }
  V FAdd(V a, V b) { return Binary(KOp::kFAdd, a, b); }
  V FSub(V a, V b) { return Binary(KOp::kFSub, a, b); }
  V FMul(V a, V b) { return Binary(KOp::kFMul, a, b); }
  V FDiv(V a, V b) { return Binary(KOp::kFDiv, a, b); }
  V Fma(V a, V b, V c);
  V Select(V condition, V a, V b);
  V Bitcast(V a, KType type) { return Convert(KOp::kBitcast, a, type); }
  // The end of the part [lo, lo + part) of [0, extent), lo <= extent, without overflow.
  V EndOfPart(V lo, int64_t part, int64_t extent);
  // a + index * stride with constant stride; folds.
  V MulAdd(V index, int64_t stride, V a);

  // Memory. Element indices are kI32 (taken as unsigned) or kI64; buffers over 4 GiB need kI64.
  V Load(int buffer, V index);
  std::vector<V> LoadVector(int buffer, V index, int count);  // count 1, 2 or 4; index is a multiple of count
  void Store(int buffer, V index, V value);
  void StoreVector(int buffer, V index, std::span<const V> values);
  V LoadShared(int array, V index);
  void StoreShared(int array, V index, V value);
  V Atomic(KOp op, int buffer, V index, V value);
  V SharedAtomic(KOp op, int array, V index, V value);
  // Matrices of the kernel's shape; see the op table.
  V MatrixZero();
  V MatrixLoad(KType type, int array, V index, MatrixLayout layout);
  V MatrixMulAdd(V a, V b, V c);
  void MatrixStore(int array, V index, V matrix, MatrixLayout layout);
  void Barrier();
  void DeviceBarrier();

  // Structure. The callbacks build the region's body.
  using Body = std::function<void()>;
  void If(V condition, const Body& then_body, const Body& else_body = {});
  std::vector<V> IfValue(V condition, const std::function<std::vector<V>()>& then_body,
                         const std::function<std::vector<V>()>& else_body);
  // for (i = lo; i < hi; i += step) carried = body(i, carried); signed compare, kI32. A loop whose trip count is no
  // constant states the most iterations that it makes: devices may limit them (loop_bound.h).
  using LoopBody = std::function<std::vector<V>(V, std::span<const V>)>;
  std::vector<V> For(const LoopRange& range, std::vector<V> initial, const LoopBody& body);
  std::vector<V> For(V lo, V hi, V step, std::vector<V> initial, const LoopBody& body) {
    return For({lo, hi, step}, std::move(initial), body);
  }
  void ForEach(const LoopRange& range, const std::function<void(V)>& body);
  void ForEach(V lo, V hi, V step, const std::function<void(V)>& body) { ForEach({lo, hi, step}, body); }
  // `most` iterations at most; 0: not stated.
  std::vector<V> While(int64_t most, std::vector<V> initial, const std::function<V(std::span<const V>)>& condition,
                       const std::function<std::vector<V>(std::span<const V>)>& body);

  // Ends the kernel. Consumes the builder.
  Kernel Finish(int workgroup_size) &&;

 private:
  struct Scope;
  struct Constant {
    bool is_constant = false;
    uint64_t bits = 0;
  };
  // The operation of one operand that made a value, and of what.
  struct Origin {
    KOp op;
    V from;
  };
  void RememberWidening(KOp op, V from, V to);
  void RememberRounding(KOp op, V from, V to);
  const Origin* WideningOf(V v) const;
  void RememberRange(KOp op, std::span<const V> operands, V result);

  Scope& Current();
  V NewValue(KType type);
  V AppendPure(KOp op, std::span<const V> operands, KType type, uint64_t imm);
  Instruction& Append(Instruction instruction);
  std::optional<V> Fold(KOp op, std::span<const V> operands, KType type);
  std::optional<V> FoldConstants(KOp op, std::span<const V> operands, KType type);
  std::optional<V> FoldBinary(KOp op, V a, V b);
  std::optional<V> FoldOrdered(KOp op, V a, V b);
  std::optional<V> FoldWidened(KOp op, V a, V b);
  std::optional<V> FoldWidened(KOp op, V a, KType type);
  V OrderedApart(KOp op, V a, V b, bool a_is_less);
  std::optional<V> FoldWithConstant(KOp op, V a, int64_t b, KType type);
  std::unique_ptr<Region> BuildRegion(std::span<const KType> arguments,
                                      const std::function<std::vector<V>(std::span<const V>)>& body);
  std::vector<V> AppendStructured(Instruction instruction, std::span<const V> result_types);

  const target::DeviceProfile& profile_;
  Kernel kernel_;
  std::vector<Constant> constants_;              // by ValueId
  std::unordered_map<ValueId, Origin> widened_;  // a kI64 by kSExt or kZExt of a kI32
  std::unordered_map<ValueId, Origin> rounded_;  // by kRoundBF16, or by kFNeg or kFAbs of such a one
  std::unordered_map<ValueId, FloatRange> ranges_;
  std::vector<Scope> scopes_;
};

}  // namespace dragoman::kernel
