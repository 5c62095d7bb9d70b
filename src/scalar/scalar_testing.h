// SPDX-License-Identifier: Apache-2.0
// For tests: a scalar operation run over arrays by the interpreter.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernel/interpreter.h"
#include "kernel/interpreter_scalar.h"
#include "scalar/coarse_division_testing.h"
#include "scalar/scalar.h"

namespace dragoman::kernel {

inline std::vector<std::byte> EncodeReals(DType dtype, const std::vector<double>& values) {
  std::vector<std::byte> bytes(values.size() * SizeBytes(dtype));
  for (size_t i = 0; i < values.size(); ++i) {
    std::byte* element = bytes.data() + i * SizeBytes(dtype);
    if (IsFloat(dtype)) {
      WriteElement(element, dtype, KType::kF64,
                   dtype == DType::kF32 ? FromDouble(KType::kF32, values[i]) : FromDouble(KType::kF64, values[i]));
    } else {
      WriteElement(
          element, dtype, KType::kI64,
          values[i] < 0 ? static_cast<uint64_t>(static_cast<int64_t>(values[i])) : static_cast<uint64_t>(values[i]));
    }
  }
  return bytes;
}

inline std::vector<double> DecodeReals(DType dtype, const std::vector<std::byte>& bytes) {
  std::vector<double> values;
  for (size_t i = 0; i < bytes.size(); i += SizeBytes(dtype)) {
    if (dtype == DType::kF32 || dtype == DType::kF64) {
      const KType type = dtype == DType::kF32 ? KType::kF32 : KType::kF64;
      values.push_back(AsDouble(type, ReadElement(&bytes[i], dtype, type)));
    } else if (IsFloat(dtype)) {
      values.push_back(AsDouble(KType::kF64, ReadElement(&bytes[i], dtype, KType::kF64)));
    } else {
      const uint64_t bits = ReadElement(&bytes[i], dtype, KType::kI64);
      values.push_back(IsSigned(dtype) ? static_cast<double>(static_cast<int64_t>(bits)) : static_cast<double>(bits));
    }
  }
  return values;
}

struct ScalarRun {
  ScalarOp op;
  std::vector<DType> operands;
  DType result;
  ir::Attributes attributes;
};

inline target::DeviceProfile TestProfile() {
  target::DeviceProfile profile;
  profile.float16 = true;
  profile.float64 = true;
  profile.int64 = true;
  profile.max_workgroup_invocations = 256;
  profile.max_workgroup_size[0] = 256;
  return profile;
}

// Element i of a buffer that holds the parts of complex elements one after the other.
inline Scalar LoadOperand(Builder& b, int buffer, DType dtype, V i) {
  if (!IsComplex(dtype)) return {b.Load(buffer, i), {}};
  const V index = b.IMul(i, b.I32(2));
  const V re = b.Load(buffer, index);
  return {re, b.Load(buffer, b.IAdd(index, b.I32(1)))};
}

inline void StoreResult(Builder& b, int buffer, DType dtype, V i, const Scalar& value) {
  if (!IsComplex(dtype)) return b.Store(buffer, i, value.re);
  const V index = b.IMul(i, b.I32(2));
  b.Store(buffer, index, value.re);
  b.Store(buffer, b.IAdd(index, b.I32(1)), value.im);
}

// One result element for each element of the operands (real types; complex ones interleave their parts).
inline std::vector<std::byte> RunScalarBytes(const ScalarRun& run, std::vector<std::vector<std::byte>> operands,
                                             const target::DeviceProfile& profile, bool fuses_fma = true,
                                             bool divides_by_reciprocal = false) {
  constexpr int kWorkgroup = 64;
  Builder b(profile);
  const int64_t count = static_cast<int64_t>(operands[0].size()) / SizeBytes(run.operands[0]);
  std::vector<int> buffers;
  for (const DType dtype : run.operands) buffers.push_back(b.AddBuffer({RealPart(dtype), true, false}));
  const int out = b.AddBuffer({RealPart(run.result), false, true});
  const V i = b.GlobalIndex(kWorkgroup);
  b.If(b.ULt(i, b.I32(count)), [&] {
    std::vector<Scalar> scalars;
    for (size_t k = 0; k < buffers.size(); ++k) scalars.push_back(LoadOperand(b, buffers[k], run.operands[k], i));
    const DType dtype = run.op == ScalarOp::kSelect ? run.operands[1] : run.operands[0];
    const auto result = EmitScalarOp(b, run.op, {dtype, run.result, &run.attributes}, scalars);
    ASSERT_TRUE(result.ok()) << result.status().message();
    StoreResult(b, out, run.result, i, *result);
  });
  Kernel kernel = std::move(b).Finish(kWorkgroup);
  if (divides_by_reciprocal) kernel = CoarseDivision(std::move(kernel)).Run();
  std::vector<std::byte> result(static_cast<size_t>(count * SizeBytes(run.result)));
  std::vector<std::vector<std::byte>*> bound;
  for (auto& operand : operands) bound.push_back(&operand);
  bound.push_back(&result);
  const Status status = Interpret(kernel, bound, {}, (count + kWorkgroup - 1) / kWorkgroup, {.fuses_fma = fuses_fma});
  EXPECT_TRUE(status.ok()) << status.message();
  return result;
}

inline std::vector<double> RunScalar(const ScalarRun& run, const std::vector<std::vector<double>>& operands,
                                     const target::DeviceProfile& profile = TestProfile(), bool fuses_fma = true) {
  std::vector<std::vector<std::byte>> bytes;
  for (size_t i = 0; i < operands.size(); ++i) bytes.push_back(EncodeReals(RealPart(run.operands[i]), operands[i]));
  return DecodeReals(RealPart(run.result), RunScalarBytes(run, std::move(bytes), profile, fuses_fma));
}

}  // namespace dragoman::kernel
