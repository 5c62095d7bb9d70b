// SPDX-License-Identifier: Apache-2.0
// Scalar operations on complex numbers against the evaluator: within a few units of the larger part.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/format.h"
#include "reference/evaluator.h"
#include "scalar/scalar_testing.h"

namespace dragoman::kernel {
namespace {

constexpr int kCount = 300;

std::vector<double> Parts(std::mt19937& random, double reach) {
  std::vector<double> parts = {0, 0, 1, 0, 0, 1, -1, 0, 0, -1, 1, 1, -2, 0.5, 3, -4};
  std::uniform_real_distribution<double> pick(-reach, reach);
  while (parts.size() < 2 * kCount) parts.push_back(pick(random));
  return parts;
}

DType ComplexResultOf(ScalarOp op, DType dtype) {
  if (Info(op).result == ScalarResult::kReal) return RealPart(dtype);
  return Info(op).result == ScalarResult::kPred ? DType::kPred : dtype;
}

void CheckComplex(ScalarOp op, DType dtype, double reach, const ir::Attributes& attributes = {}) {
  std::mt19937 random(5);
  const int arity = Info(op).arity;
  std::vector<DType> types(arity, dtype);
  if (op == ScalarOp::kSelect) types[0] = DType::kPred;
  ir::Block block;
  std::vector<ir::Value*> arguments;
  std::vector<ir::Literal> literals;
  std::vector<std::vector<std::byte>> bytes;
  for (const DType type : types) {
    bytes.push_back(IsComplex(type) ? EncodeReals(RealPart(type), Parts(random, reach))
                                    : std::vector<std::byte>(kCount, std::byte{1}));
    arguments.push_back(block.AddArgument({type, {kCount}}));
    literals.emplace_back(TensorType{type, {kCount}}, bytes.back());
  }
  const DType result = ComplexResultOf(op, dtype);
  ir::Op* ir_op = block.Append(ir::FromScalarOp(op), arguments, {{result, {kCount}}}, attributes);
  const auto expected = reference::EvaluateOp(*ir_op, literals);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  const ir::Literal actual({result, {kCount}}, RunScalarBytes({op, types, result, attributes}, bytes, TestProfile()));
  const double unit = RealPart(dtype) == DType::kF32 ? 0x1p-23 : 0x1p-52;
  int failures = 0;
  for (int i = 0; i < kCount && failures < 3; ++i) {
    const double re = reference::ElementAsDouble((*expected)[0], i),
                 im = reference::ElementAsDouble((*expected)[0], i, true);
    const double got_re = reference::ElementAsDouble(actual, i), got_im = reference::ElementAsDouble(actual, i, true);
    const double size = std::hypot(re, im);
    if (!std::isfinite(size)) continue;
    if (std::hypot(got_re - re, got_im - im) <= 24 * unit * std::max(size, 0.05)) continue;
    ++failures;
    std::string text;
    for (const ir::Literal& literal : literals) {
      text += Format(" ({}, {})", reference::ElementAsDouble(literal, i), reference::ElementAsDouble(literal, i, true));
    }
    ADD_FAILURE() << Format("{} on {} of{} is ({}, {}), expected ({}, {})", Info(op).name, Name(dtype), text, got_re,
                            got_im, re, im);
  }
}

TEST(ScalarComplex, EveryOperationAgreesWithTheEvaluator) {
  for (const DType dtype : {DType::kC64, DType::kC128}) {
    for (int i = 0; i < kNumScalarOps; ++i) {
      const auto op = static_cast<ScalarOp>(i);
      if ((Info(op).domain & kOnComplex) == 0 || op == ScalarOp::kCompare || op == ScalarOp::kConvert ||
          op == ScalarOp::kAtan2)
        continue;
      CheckComplex(op, dtype, 3);
      if (op != ScalarOp::kPower) CheckComplex(op, dtype, 0.01);
    }
  }
}

TEST(ScalarComplex, ComparesForEquality) {
  for (const int64_t direction : {0, 1}) {
    ir::Attributes attributes;
    attributes.Set(ir::AttrKey::kComparisonDirection, direction);
    attributes.Set(ir::AttrKey::kCompareType, int64_t{1});
    CheckComplex(ScalarOp::kCompare, DType::kC64, 1, attributes);
  }
}

}  // namespace
}  // namespace dragoman::kernel
