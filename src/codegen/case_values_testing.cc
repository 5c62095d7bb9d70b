// SPDX-License-Identifier: Apache-2.0
#include "codegen/case_values_testing.h"

#include <bit>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "kernel/interpreter_scalar.h"

namespace dragoman::codegen {

using kernel::KType;

namespace {

const std::vector<double>& Numbers() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  static const std::vector<double> numbers = {0.0,
                                              -0.0,
                                              1.0,
                                              -1.0,
                                              0.5,
                                              2.5,
                                              -3.5,
                                              0.1,
                                              7.0,
                                              -1000.0,
                                              65504.0,
                                              1.0 / 3.0,
                                              6.1e-5,
                                              -6.0e-8,
                                              1e30,
                                              -1e-30,
                                              kInfinity,
                                              -kInfinity,
                                              std::numeric_limits<double>::quiet_NaN(),
                                              2048.5,
                                              3.14159265358979};
  return numbers;
}

constexpr uint64_t kIntegers32[] = {0,          1,          0xffffffff, 2,          3,          7,
                                    31,         32,         0x7fffffff, 0x80000000, 0x80000001, 0xdeadbeef,
                                    0x12345678, 0x00ff00ff, 1000003,    0xffff0000};
constexpr uint64_t kIntegers64[] = {0,
                                    1,
                                    ~uint64_t{0},
                                    2,
                                    31,
                                    32,
                                    63,
                                    0x80000000,
                                    0xffffffff,
                                    0x100000000,
                                    0x7fffffffffffffff,
                                    0x8000000000000000,
                                    0x8000000000000001,
                                    0x123456789abcdef0,
                                    0xdeadbeefcafebabe,
                                    0xfffffffe00000001,
                                    1000000007,
                                    0x0000000180000080,
                                    0x0080000040000001};

}  // namespace

uint64_t FloatBits(KType type, double value) { return kernel::FromDouble(type, value); }

std::vector<uint64_t> InterestingBits(KType type) {
  switch (type) {
    case KType::kVoid:
    case KType::kMatrixA:
    case KType::kMatrixB:
    case KType::kMatrixC:
      return {};
    case KType::kBool:
      return {0, 1};
    case KType::kI32:
      return {std::begin(kIntegers32), std::end(kIntegers32)};
    case KType::kI64:
      return {std::begin(kIntegers64), std::end(kIntegers64)};
    case KType::kF16:
    case KType::kF32:
    case KType::kF64:
      break;
  }
  std::vector<uint64_t> bits;
  for (const double number : Numbers()) bits.push_back(FloatBits(type, number));
  return bits;
}

std::vector<std::vector<uint64_t>> OperandColumns(KType type, int arity) {
  const std::vector<uint64_t> values = InterestingBits(type);
  size_t total = 1;
  for (int i = 0; i < arity; ++i) total *= values.size();
  const size_t count = std::min<size_t>(total, 512);
  std::vector<std::vector<uint64_t>> columns(arity);
  for (size_t i = 0; i < count; ++i) {
    size_t rest = i * total / count;
    for (int k = 0; k < arity; ++k, rest /= values.size()) columns[k].push_back(values[rest % values.size()]);
  }
  return columns;
}

std::vector<std::byte> Pack(KType type, const std::vector<uint64_t>& values) {
  const size_t size = static_cast<size_t>(SizeBytes(kernel::MemoryOf(type)));
  std::vector<std::byte> bytes((values.size() * size + 15) / 16 * 16);
  for (size_t i = 0; i < values.size(); ++i) std::memcpy(bytes.data() + i * size, &values[i], size);
  static_assert(std::endian::native == std::endian::little);
  return bytes;
}

}  // namespace dragoman::codegen
