// SPDX-License-Identifier: Apache-2.0
// Cases of loads and stores: every memory type, one, two and four elements at a time, both kinds of index.
#include <bit>
#include <cmath>
#include <cstring>

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

constexpr int kCount = 4 * kCaseWorkgroupSize * 4;

bool HasMemory(const DeviceProfile& profile, DType memory) { return memory != DType::kF64 || profile.float64; }

std::vector<DType> MemoryTypes(const DeviceProfile& profile) {
  std::vector<DType> types;
  for (int i = 0; i < static_cast<int>(DType::kC64); ++i) {
    if (HasMemory(profile, static_cast<DType>(i))) types.push_back(static_cast<DType>(i));
  }
  return types;
}

// Bits of an element that stand for something: booleans are 0 or 1, narrow integers have only their low bits, and no
// float is subnormal where arithmetic would see it.
uint64_t ElementBits(DType memory, uint64_t random) {
  const int width = Info(memory).bits;
  if (IsPred(memory)) return random & 1;
  const uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
  uint64_t bits = random & mask;
  if (memory == DType::kF32 || memory == DType::kBF16) {
    const float value = static_cast<float>(static_cast<int64_t>(random % 4096) - 2048) / 8;
    return std::bit_cast<uint32_t>(value) >> (32 - width);
  }
  if (memory == DType::kF64) return std::bit_cast<uint64_t>(static_cast<double>(random % 1000003) / 7);
  if (memory == DType::kF16 && (bits >> 10 & 31) % 31 == 0) bits = 0x3c00;
  return bits;
}

std::vector<std::byte> RandomElements(DType memory, int count, uint64_t seed) {
  const int size = SizeBytes(memory);
  std::vector<std::byte> bytes(static_cast<size_t>(count * size + 15) / 16 * 16);
  uint64_t state = seed * 2 + 1;
  for (int i = 0; i < count; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const uint64_t bits = ElementBits(memory, state >> 20);
    std::memcpy(bytes.data() + static_cast<ptrdiff_t>(i) * size, &bits, static_cast<size_t>(size));
  }
  return bytes;
}

// out[i] = in[i], `width` elements at a time; what lies past `count` elements stays.
KernelCase CopyCase(const DeviceProfile& profile, DType memory, int width, KType index_type) {
  Builder b(profile);
  const int in = b.AddBuffer({.memory = memory, .is_read = true});
  const int out = b.AddBuffer({.memory = memory, .is_written = true});
  const int size = b.AddParam();
  const V i = b.IMul(b.GlobalIndex(kCaseWorkgroupSize), b.I32(width));
  b.If(b.ULt(i, b.Param(size)), [&] {
    const V index = index_type == KType::kI64 ? b.Convert(KOp::kZExt, i, KType::kI64) : i;
    const std::vector<V> values = b.LoadVector(in, index, width);
    b.StoreVector(out, index, values);
  });
  KernelCase result;
  result.name = Format("copy {} by {}{}", Name(memory), width, index_type == KType::kI64 ? ", wide index" : "");
  result.params = {static_cast<uint32_t>(kCount - 12)};
  result.workgroups = static_cast<uint32_t>(kCount / (kCaseWorkgroupSize * width));
  result.buffers = {RandomElements(memory, kCount, 1), RandomElements(memory, kCount, 2)};
  result.kernel = std::move(b).Finish(kCaseWorkgroupSize);
  return result;
}

// Stores every third element only: neighbours in the same word stay.
KernelCase ScatteredStoreCase(const DeviceProfile& profile, DType memory) {
  Builder b(profile);
  const int in = b.AddBuffer({.memory = memory, .is_read = true});
  const int out = b.AddBuffer({.memory = memory, .is_written = true});
  const V i = b.GlobalIndex(kCaseWorkgroupSize);
  b.Store(out, b.IMul(i, b.I32(3)), b.Load(in, i));
  KernelCase result;
  result.name = Format("scattered store {}", Name(memory));
  result.workgroups = 4;
  result.buffers = {RandomElements(memory, kCount, 3), RandomElements(memory, kCount, 4)};
  result.kernel = std::move(b).Finish(kCaseWorkgroupSize);
  return result;
}

// All bit patterns (or 64Ki of them) of a narrow float as f32.
KernelCase DecodeCase(const DeviceProfile& profile, DType memory) {
  Builder b(profile);
  const int in = b.AddBuffer({.memory = memory, .is_read = true});
  const int out = b.AddBuffer({.memory = DType::kF32, .is_written = true});
  const V i = b.GlobalIndex(kCaseWorkgroupSize);
  V value = b.Load(in, i);
  if (value.type == KType::kF16) value = b.Convert(KOp::kFToF, value, KType::kF32);
  b.Store(out, i, value);
  const int count = 1 << (SizeBytes(memory) == 1 ? 8 : 16);
  const int size = SizeBytes(memory);
  std::vector<std::byte> patterns(static_cast<size_t>(count) * size);
  for (int k = 0; k < count; ++k) std::memcpy(patterns.data() + static_cast<ptrdiff_t>(k) * size, &k, size);
  KernelCase result;
  result.name = Format("decode {}", Name(memory));
  result.workgroups = static_cast<uint32_t>(count / kCaseWorkgroupSize);
  result.buffers = {patterns, std::vector<std::byte>(static_cast<size_t>(count) * 4)};
  result.kernel = std::move(b).Finish(kCaseWorkgroupSize);
  return result;
}

// f32 values of every magnitude, and those at and beside the ties of rounding, stored as a narrow float.
KernelCase EncodeCase(const DeviceProfile& profile, DType memory) {
  Builder b(profile);
  const int in = b.AddBuffer({.memory = DType::kF32, .is_read = true});
  const int out = b.AddBuffer({.memory = memory, .is_written = true});
  const V i = b.GlobalIndex(kCaseWorkgroupSize);
  V value = b.Load(in, i);
  if (memory == DType::kF16 && profile.float16) value = b.Convert(KOp::kFToF, value, KType::kF16);
  b.Store(out, i, value);
  std::vector<uint64_t> floats;
  for (uint32_t exponent = 1; exponent < 256; ++exponent) {
    for (const uint32_t mantissa :
         {0x0u, 0x1u, 0x080000u, 0x0c0000u, 0x100000u, 0x2fffffu, 0x400000u, 0x400001u, 0x7fffffu}) {
      for (const uint32_t sign : {0u, 0x80000000u}) floats.push_back(sign | exponent << 23 | mantissa);
    }
    for (uint32_t k = 0; k < 24; ++k) {
      floats.push_back(exponent << 23 | (1u << k >> 1));
      floats.push_back(exponent << 23 | (3u << k >> 1 & 0x7fffff));
    }
  }
  floats.push_back(0);
  floats.push_back(0x80000000u);
  while (floats.size() % kCaseWorkgroupSize != 0) floats.push_back(0);
  KernelCase result;
  result.name = Format("encode {}", Name(memory));
  result.workgroups = static_cast<uint32_t>(floats.size() / kCaseWorkgroupSize);
  result.buffers = {Pack(KType::kF32, floats), std::vector<std::byte>(floats.size() * SizeBytes(memory))};
  result.kernel = std::move(b).Finish(kCaseWorkgroupSize);
  return result;
}

// A value of each machine type through shared memory, reversed within the workgroup.
KernelCase SharedCase(const DeviceProfile& profile, KType type) {
  Builder b(profile);
  const DType memory = kernel::MemoryOf(type);
  const int in = b.AddBuffer({.memory = memory, .is_read = true});
  const int out = b.AddBuffer({.memory = memory, .is_written = true});
  b.AddShared(KType::kF32, 5);
  const int array = b.AddShared(type, kCaseWorkgroupSize);
  const V local = b.LocalIndex();
  b.StoreShared(array, local, b.Load(in, b.GlobalIndex(kCaseWorkgroupSize)));
  b.Barrier();
  b.Store(out, b.GlobalIndex(kCaseWorkgroupSize), b.LoadShared(array, b.ISub(b.I32(kCaseWorkgroupSize - 1), local)));
  KernelCase result;
  result.name = Format("shared {}", Name(memory));
  result.workgroups = 3;
  result.buffers = {RandomElements(memory, kCount, 5), RandomElements(memory, kCount, 6)};
  result.kernel = std::move(b).Finish(kCaseWorkgroupSize);
  return result;
}

// The last of many buffers are read in a loop, on both sides of an if in it, and after it.
KernelCase ManyBuffersCase(const DeviceProfile& profile) {
  constexpr int kNumInputs = 40;
  Builder b(profile);
  KernelCase result;
  for (int k = 0; k < kNumInputs; ++k) {
    b.AddBuffer({.memory = DType::kU32, .is_read = true});
    result.buffers.push_back(RandomElements(DType::kU32, kCount, 100 + static_cast<uint64_t>(k)));
  }
  const int out = b.AddBuffer({.memory = DType::kU32, .is_written = true});
  result.buffers.emplace_back(size_t{kCount} * 4);
  const V i = b.GlobalIndex(kCaseWorkgroupSize);
  const auto mix = [&](V sum, int first, int last) {
    for (int k = first; k <= last; ++k) sum = b.IAdd(b.IMul(sum, b.I32(31)), b.Load(k, i));
    return sum;
  };
  const V looped = b.For(b.I32(0), b.I32(3), b.I32(1), {mix(b.I32(0), 0, 33)}, [&](V k, std::span<const V> sum) {
    const V is_odd = b.INe(b.And(b.IAdd(k, i), b.I32(1)), b.I32(0));
    const V chosen = b.IfValue(
        is_odd, [&] { return std::vector<V>{mix(sum[0], 34, 36)}; },
        [&] { return std::vector<V>{mix(sum[0], 36, 37)}; })[0];
    return std::vector<V>{mix(chosen, 38, 38)};
  })[0];
  b.Store(out, i, mix(looped, 36, 39));
  result.name = "many buffers";
  result.workgroups = 4;
  result.kernel = std::move(b).Finish(kCaseWorkgroupSize);
  return result;
}

KernelCase FinishAtomicCase(Builder&& b, KOp op) {
  KernelCase result;
  result.name = std::string(Name(op));
  result.workgroups = 8;
  result.buffers = {RandomElements(DType::kU32, kCount, 7), RandomElements(DType::kU32, kCount, 8)};
  result.kernel = std::move(b).Finish(kCaseWorkgroupSize);
  return result;
}

KernelCase AtomicCase(const DeviceProfile& profile, KOp op) {
  Builder b(profile);
  const int in = b.AddBuffer({.memory = DType::kU32, .is_read = true});
  const int out = b.AddBuffer({.memory = DType::kU32, .is_read = true, .is_written = true});
  const V i = b.GlobalIndex(kCaseWorkgroupSize);
  b.Atomic(op, out, b.And(i, b.I32(op == KOp::kAtomicExchange ? 255 : 7)), b.Load(in, i));
  return FinishAtomicCase(std::move(b), op);
}

KernelCase SharedAtomicCase(const DeviceProfile& profile, KOp op) {
  Builder b(profile);
  const int in = b.AddBuffer({.memory = DType::kU32, .is_read = true});
  const int out = b.AddBuffer({.memory = DType::kU32, .is_written = true});
  b.AddShared(KType::kF32, 3);
  const int array = b.AddShared(KType::kI32, kCaseWorkgroupSize);
  const V local = b.LocalIndex(), i = b.GlobalIndex(kCaseWorkgroupSize);
  b.StoreShared(array, local, local);
  b.Barrier();
  b.SharedAtomic(op, array, b.And(local, b.I32(7)), b.Load(in, i));
  b.Barrier();
  b.Store(out, i, b.LoadShared(array, local));
  return FinishAtomicCase(std::move(b), op);
}

}  // namespace

std::vector<KernelCase> MemoryCases(const DeviceProfile& profile) {
  std::vector<KernelCase> cases;
  for (const DType memory : MemoryTypes(profile)) {
    for (const int width : {1, 2, 4}) cases.push_back(CopyCase(profile, memory, width, KType::kI32));
    cases.push_back(CopyCase(profile, memory, 1, KType::kI64));
    cases.push_back(CopyCase(profile, memory, 4, KType::kI64));
    cases.push_back(ScatteredStoreCase(profile, memory));
    if (!SmallFloat(memory).has_value()) continue;
    cases.push_back(DecodeCase(profile, memory));
    cases.push_back(EncodeCase(profile, memory));
  }
  for (const KType type : {KType::kBool, KType::kI32, KType::kI64, KType::kF16, KType::kF32, KType::kF64}) {
    if (type == KType::kF16 && !profile.float16) continue;
    if (type == KType::kF64 && !profile.float64) continue;
    cases.push_back(SharedCase(profile, type));
  }
  for (const KOp op :
       {KOp::kAtomicAdd, KOp::kAtomicMin, KOp::kAtomicMax, KOp::kAtomicOr, KOp::kAtomicAnd, KOp::kAtomicExchange}) {
    cases.push_back(AtomicCase(profile, op));
  }
  for (const KOp op : {KOp::kSharedAtomicAdd, KOp::kSharedAtomicOr}) cases.push_back(SharedAtomicCase(profile, op));
  cases.push_back(ManyBuffersCase(profile));
  return cases;
}

}  // namespace dragoman::codegen
