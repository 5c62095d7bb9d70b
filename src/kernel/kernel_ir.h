// SPDX-License-Identifier: Apache-2.0
// Kernel IR: what one invocation of a compute kernel does, over scalars, structured (for, while, if), SSA. Plain data.
// Built with Builder, printed with Print, checked with Verify, turned into SPIR-V by codegen/.
//
// Machine model. A kernel runs as `workgroups` × `workgroup_size` invocations, both one-dimensional here (codegen
// spreads large grids over y). It reads and writes buffers bound by number, addressed by element. Each dispatch hands
// it a record: the buffers' device addresses, then 32-bit parameters (Kernel::num_params). In a segmented kernel, one
// dispatch holds many records; workgroups [start[s], start[s+1]) work on record s, and kWorkgroupIndex counts from
// start[s].
//
// Values are of machine types (KType). Narrow element types live only in memory: see MemoryType.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "target/profile.h"
#include "types/dtype.h"

namespace dragoman::kernel {

// kI32 and kI64 carry no sign; ops say it. The matrix types are of Kernel::matrix_shape: a whole matrix that the
// invocations of a subgroup hold together, its elements wherever the device likes.
enum class KType : uint8_t { kVoid, kBool, kI32, kI64, kF16, kF32, kF64, kMatrixA, kMatrixB, kMatrixC };

inline bool IsIntType(KType type) { return type == KType::kI32 || type == KType::kI64; }
inline bool IsFloatType(KType type) { return type == KType::kF16 || type == KType::kF32 || type == KType::kF64; }

// How a buffer's elements become values on load and back on store.
//   i1 → kBool (byte ≠ 0)   si2..si16 → kI32 sign-extended   ui2..ui16 → kI32 zero-extended   si32, ui32 → kI32
//   si64, ui64 → kI64       f16 → kF16, or kF32 when the profile lacks float16                f32 → kF32   f64 → kF64
//   bf16, all f8, f4 → kF32 (stores round to nearest even)
//   c64 and c128 buffers are bound as f32 and f64 with twice the elements (lowering indexes 2i and 2i+1).
KType LoadedType(DType memory, bool has_float16);
// The element type that keeps a value, a signed one for integers; kToken of matrices.
DType MemoryOf(KType type);

// X(enumerator, name, number of operands, result): result s = type of operand 0, b = bool, t = stated by the
// instruction's type, v = none
// clang-format off
#define DRAGOMAN_KERNEL_OPS(X)                                                                \
  /* values from nowhere */                                                                   \
  X(kConstant, "constant", 0, t)        /* imm: the bits, low bits for narrow types */        \
  X(kParam, "param", 0, t)              /* imm: parameter number; kI32 */                     \
  X(kWorkgroupIndex, "workgroup_index", 0, t)   /* kI32, flattened, within the segment */     \
  X(kLocalIndex, "local_index", 0, t)   /* kI32, invocation within the workgroup */           \
  X(kSubgroupIndex, "subgroup_index", 0, t)     /* which subgroup of the workgroup */         \
  X(kSubgroupLane, "subgroup_lane", 0, t)                                                     \
  /* integers, kI32 and kI64 */                                                               \
  X(kIAdd, "iadd", 2, s) X(kISub, "isub", 2, s) X(kIMul, "imul", 2, s)                        \
  X(kSDiv, "sdiv", 2, s) X(kUDiv, "udiv", 2, s) /* by zero: undefined; lowering guards */     \
  X(kSRem, "srem", 2, s) X(kURem, "urem", 2, s)                                               \
  X(kSMin, "smin", 2, s) X(kSMax, "smax", 2, s) X(kUMin, "umin", 2, s) X(kUMax, "umax", 2, s) \
  X(kAnd, "and", 2, s) X(kOr, "or", 2, s) X(kXor, "xor", 2, s) X(kNot, "not", 1, s)  /* and kBool */ \
  X(kShl, "shl", 2, s) X(kShrU, "shru", 2, s) X(kShrS, "shrs", 2, s) /* shift < width; lowering guards */ \
  X(kClz, "clz", 1, s)                  /* kI32 only; of 0 is 32 */                           \
  X(kPopcount, "popcount", 1, s)        /* kI32 only */                                       \
  X(kUMulHigh, "umulhigh", 2, s)        /* kI32 only */                                       \
  X(kIEq, "ieq", 2, b) X(kINe, "ine", 2, b)  /* and kBool */                                  \
  X(kSLt, "slt", 2, b) X(kSLe, "sle", 2, b) X(kULt, "ult", 2, b) X(kULe, "ule", 2, b)         \
  /* floats */                                                                                \
  X(kFAdd, "fadd", 2, s) X(kFSub, "fsub", 2, s) X(kFMul, "fmul", 2, s) X(kFDiv, "fdiv", 2, s) \
  X(kFRem, "frem", 2, s)                /* sign of operand 0 */                               \
  X(kFma, "fma", 3, s)                  \
  X(kFNeg, "fneg", 1, s) X(kFAbs, "fabs", 1, s)                                               \
  X(kFloor, "floor", 1, s) X(kCeil, "ceil", 1, s) X(kTrunc, "trunc", 1, s) X(kRoundEven, "round_even", 1, s) \
  X(kSqrt, "sqrt", 1, s) X(kRsqrt, "rsqrt", 1, s)                                             \
  X(kSin, "sin", 1, s) X(kCos, "cos", 1, s)  /* native; kF16, kF32 */                         \
  X(kExp, "exp", 1, s) X(kLog, "log", 1, s)  /* native; kF16, kF32 */                         \
  X(kFEq, "feq", 2, b) X(kFNe, "fne", 2, b) /* ordered eq, unordered ne: C's == and != */     \
  X(kFLt, "flt", 2, b) X(kFLe, "fle", 2, b)  /* ordered */                                    \
  X(kIsNan, "isnan", 1, b)                                                                   \
  /* conversions; the instruction's type is the result's */                                   \
  X(kSToF, "stof", 1, t) X(kUToF, "utof", 1, t) X(kFToS, "ftos", 1, t) X(kFToU, "ftou", 1, t) /* out of range: undefined; lowering clamps */ \
  X(kFToF, "ftof", 1, t)                /* between float types, nearest even */               \
  X(kRoundBF16, "round_bf16", 1, t)     /* kF32 → the nearest bf16, ties to even, as kF32; a NaN keeps its sign alone */ \
  X(kSExt, "sext", 1, t) X(kZExt, "zext", 1, t) X(kTruncI, "trunci", 1, t)  /* kI32 ↔ kI64 */ \
  X(kBitcast, "bitcast", 1, t)          /* equal width: kI32/kF32, kI64/kF64 */               \
  X(kF16Bits, "f16_bits", 1, t)         /* kF32 or kF16 → low 16 bits of kI32, nearest even */ \
  X(kF16FromBits, "f16_from_bits", 1, t) /* kI32 low 16 bits → kF32 (type says) or kF16 */    \
  X(kSelect, "select", 3, t)            /* kBool, a, b */                                     \
  /* memory; `buffer` names the buffer or shared array; operand 0 is the element index, kI32 unsigned or kI64 */ \
  X(kLoad, "load", 1, t)                /* imm: how many consecutive elements (1, 2, 4); as many results */ \
  X(kStore, "store", -1, v)             /* operands: index, then 1, 2 or 4 values */          \
  X(kLoadShared, "load_shared", 1, t) X(kStoreShared, "store_shared", 2, v)                   \
  X(kSharedAtomicAdd, "shared_atomic_add", 2, t) X(kSharedAtomicOr, "shared_atomic_or", 2, t) /* array of kI32; the old value */ \
  X(kAtomicAdd, "atomic_add", 2, t)     /* buffer of 32-bit integers; returns the old value */ \
  X(kAtomicMin, "atomic_min", 2, t) X(kAtomicMax, "atomic_max", 2, t) /* unsigned */          \
  X(kAtomicOr, "atomic_or", 2, t) X(kAtomicAnd, "atomic_and", 2, t) X(kAtomicExchange, "atomic_exchange", 2, t) \
  /* matrices; all invocations of a subgroup together, in uniform control flow, with equal operands. A and B lie in    \
     shared arrays of kI32, two elements of 16 bits (four of 8) a word, the first in the lowest bits; C in shared      \
     arrays of kI32 as the bits of f32 (s32). Operand 0 is the word of the first element. imm: MatrixLayout */ \
  X(kMatrixZero, "matrix_zero", 0, t)                                                         \
  X(kMatrixLoad, "matrix_load", 1, t)                                                         \
  X(kMatrixMulAdd, "matrix_muladd", 3, t)  /* A, B, C: A x B + C; f32 sums in the device's order and rounding, s32 ones modulo 2^32 */ \
  X(kMatrixStore, "matrix_store", 2, v)                                                       \
  /* cooperation */                                                                           \
  X(kBarrier, "barrier", 0, v)          /* of the workgroup, over shared memory; uniform control flow */ \
  X(kDeviceBarrier, "device_barrier", 0, v)  /* of the workgroup, over buffers too */         \
  X(kSubgroupShuffleXor, "subgroup_shuffle_xor", 2, s)                                        \
  /* structure */                                                                             \
  X(kFor, "for", -1, t)                 /* operands: lo, hi, step (kI32, signed <), then initial carried values; body's arguments: i, carried; imm: the most iterations, 0 when not stated */ \
  X(kWhile, "while", -1, t)             /* operands: initial carried values; regions: condition (yields kBool), body; imm: the most iterations, 0 when not stated */ \
  X(kIf, "if", 1, t)                    /* regions: then, else; results are what they yield */ \
  X(kYield, "yield", -1, v)
// clang-format on

enum class KOp : uint8_t {
#define X(name, text, operands, result) name,
  DRAGOMAN_KERNEL_OPS(X)
#undef X
};
std::string_view Name(KOp op);
// Whether it stands in the table of ops from `first` to `last`.
constexpr bool Between(KOp op, KOp first, KOp last) { return op >= first && op <= last; }
// Single elements of shared arrays; matrices aside.
constexpr bool AccessesShared(KOp op) { return Between(op, KOp::kLoadShared, KOp::kSharedAtomicOr); }

using ValueId = uint32_t;
inline constexpr ValueId kNoValue = 0xffffffffu;

struct Region;

struct Instruction {
  KOp op;
  KType type = KType::kVoid;  // of the results when one type suffices; for, while and if look at result_types
  std::vector<ValueId> operands;
  ValueId first_result = kNoValue;  // results are numbered consecutively
  int num_results = 0;
  uint64_t imm = 0;
  int buffer = -1;
  std::vector<std::shared_ptr<Region>> regions;  // never changed once the kernel is finished, so copies may share them
};

struct Region {
  ValueId first_argument = kNoValue;  // consecutive
  int num_arguments = 0;
  std::vector<Instruction> body;  // ends in kYield
};

// How a matrix lies in a shared array: words from one row (column) to the next.
struct MatrixLayout {
  uint32_t stride_words = 0;
  bool is_column_major = false;
  uint64_t Encode() const { return uint64_t{stride_words} << 1 | (is_column_major ? 1 : 0); }
  static MatrixLayout Decode(uint64_t imm) { return {static_cast<uint32_t>(imm >> 1), (imm & 1) != 0}; }
};

struct BufferBinding {
  DType memory = DType::kF32;  // never complex
  bool is_read = false;
  bool is_written = false;
  // True when another binding of the dispatch may be the same memory (an output that reuses an input): no Restrict
  // then.
  bool may_alias = false;
};

struct SharedArray {
  KType type = KType::kF32;
  int count = 0;
};

struct Kernel {
  int workgroup_size = 64;
  int required_subgroup_size = 0;  // 0: any
  int num_params = 0;              // 32-bit words of a record after its addresses
  bool is_segmented = false;
  target::MatrixShape matrix_shape;  // of the matrix types; needs required_subgroup_size
  std::vector<BufferBinding> buffers;
  std::vector<SharedArray> shared;
  std::vector<KType> value_types;  // by ValueId
  Region body;                     // no arguments; yields nothing
};

std::string Print(const Kernel& kernel);
// Types of operands and results, ids in scope, regions' shape. INTERNAL naming the instruction.
Status Verify(const Kernel& kernel);

}  // namespace dragoman::kernel
