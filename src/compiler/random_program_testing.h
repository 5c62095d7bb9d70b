// SPDX-License-Identifier: Apache-2.0
// For tests: random tensor-IR programs as text, with a bound for what each value may be off by.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/format.h"
#include "reference/evaluator.h"
#include "types/shape.h"

namespace dragoman::compiler {

// A value of the program. Its elements are at most `magnitude`, and off by at most `error` from exact arithmetic. A
// float without an error is a multiple of 2^-fraction_bits: as long as such numbers fit into the type, sums and
// products of them are exact in any order.
struct RandomValue {
  std::string name;
  TensorType type;
  double magnitude = 0;
  double error = 0;
  int fraction_bits = 0;
  bool is_used = false;
};

inline int MantissaBits(DType dtype) {
  if (dtype == DType::kF64) return 53;
  if (dtype == DType::kF32) return 24;
  return SmallFloat(dtype)->mantissa_bits + 1;
}

// What a program begins with, so that the kernels that large shapes take are reached.
enum class RandomTheme : uint8_t { kSmall, kRows, kProduct, kTranspose, kLongSort };

class RandomProgram {
 public:
  RandomProgram(uint32_t seed, RandomTheme theme) : random_(seed) {
    Begin(theme);
    const size_t num_ops = 5 + Below(21);
    for (size_t i = 0; i < num_ops; ++i) AddOp();
    Finish();
  }

  const std::string& text() const { return text_; }
  const std::vector<ir::Literal>& inputs() const { return inputs_; }
  const std::vector<RandomValue>& results() const { return results_; }

 private:
  size_t Below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  bool Chance(int percent) { return static_cast<int>(Below(100)) < percent; }
  template <typename T>
  T OneOf(std::initializer_list<T> choices) {
    return *(choices.begin() + Below(choices.size()));
  }
  int64_t Extent() { return Chance(3) ? 0 : OneOf<int64_t>({1, 1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 33}); }
  Dims SmallDims(size_t rank) {
    Dims dims(rank);
    do {
      for (int64_t& dim : dims) dim = Extent();
    } while (NumElements(dims) > kMaxSmall);
    return dims;
  }
  DType AnyType() {
    return OneOf({DType::kF32, DType::kF32, DType::kF32, DType::kF16, DType::kBF16, DType::kS32, DType::kS8,
                  DType::kU16, DType::kU32, DType::kS64, DType::kPred});
  }

  struct ProductShape {
    std::string attributes;
    Dims dims;
    int64_t terms = 1;  // of each sum
  };

  void Begin(RandomTheme theme);
  void BeginWithProduct(DType real);
  void BeginWithTranspose();
  void BeginWithLongSort();
  void AddOp();
  void Finish();

  // Values by reference die with the next that is made: ops take theirs by value.
  RandomValue Pick();
  template <typename Condition>
  RandomValue PickWhere(Condition condition);
  RandomValue PickLike(const RandomValue& like);
  RandomValue Parameter(const TensorType& type);
  RandomValue IndexParameter(int64_t most);
  RandomValue Constant(const TensorType& type, double value);
  // One op more; rounds the bounds of `value` to its type and scales large floats down.
  RandomValue Add(RandomValue value, const std::string& op);
  RandomValue Settled(RandomValue value) const;
  RandomValue Tamed(RandomValue value);
  std::string Combiner(const std::string& op, DType dtype);

  void AddUnary();
  void AddFloatUnary(const RandomValue& a);
  void AddBinary();
  void AddDivide();
  void AddSelect();
  void AddCompare();
  void AddConvert();
  void AddBroadcast();
  void AddTranspose();
  void AddReshape();
  void AddReverse();
  void AddSlice();
  void AddConcatenate();
  void AddPad();
  void AddDynamicSlice();
  void AddDynamicUpdateSlice();
  void AddGather();
  void AddReduce();
  void ReduceAlong(const RandomValue& a, const Dims& axes);
  void AddReduceWindow();
  void AddScan();
  void AddSort();
  void SortAlong(const RandomValue& a, int64_t dimension);
  void AddDot();
  void AddProduct(const RandomValue& a, const RandomValue& b, const ProductShape& shape);
  void AddSoftmax(const RandomValue& a);
  void AddWhile();

  static constexpr int64_t kMaxSmall = 3000;
  static constexpr int64_t kMaxElements = 20000;
  static constexpr int64_t kLongRow = 33001;
  static constexpr int64_t kMaxProducts = 300000;
  static constexpr int kInexact = 200;  // fraction bits of floats that no sum is exact of
  static constexpr double kMaxMagnitude = 8;

  std::mt19937 random_;
  std::string parameters_, body_, text_;
  int num_names_ = 0;
  std::vector<RandomValue> values_;
  std::vector<ir::Literal> inputs_;
  std::vector<RandomValue> results_;
};

}  // namespace dragoman::compiler
