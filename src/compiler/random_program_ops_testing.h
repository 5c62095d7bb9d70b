// SPDX-License-Identifier: Apache-2.0
// For tests: how RandomProgram makes each operation, but for those that only move elements.
#pragma once

#include "compiler/random_program_testing.h"

namespace dragoman::compiler {

inline double UnitRoundoff(DType dtype) { return std::ldexp(1.0, -MantissaBits(dtype)); }

inline double LargestInteger(DType dtype) {
  if (IsPred(dtype)) return 1;
  return std::ldexp(1.0, Info(dtype).bits - (IsSigned(dtype) ? 1 : 0));
}

inline RandomValue RandomProgram::Settled(RandomValue value) const {
  const DType dtype = value.type.dtype;
  if (!IsFloat(dtype)) {
    value.magnitude = std::min(value.magnitude, LargestInteger(dtype));
    value.error = value.fraction_bits = 0;
    return value;
  }
  const bool is_half = dtype == DType::kF16;
  const bool fits = std::ldexp(value.magnitude, value.fraction_bits) <= std::ldexp(1.0, MantissaBits(dtype)) &&
                    value.fraction_bits <= (is_half ? 14 : 60);
  if (value.error == 0 && fits) return value;
  value.error += 2 * UnitRoundoff(dtype) * value.magnitude + (is_half ? std::ldexp(1.0, -14) : 1e-36);
  return value;
}

inline RandomValue RandomProgram::Add(RandomValue value, const std::string& op) {
  value = Settled(std::move(value));
  value.name = Format("%v{}", num_names_++);
  value.is_used = false;
  body_ += Format("  {} = {}\n", value.name, op);
  values_.push_back(value);
  return value;
}

inline RandomValue RandomProgram::Constant(const TensorType& type, double value) {
  const std::string text = IsPred(type.dtype)    ? (value != 0 ? "true" : "false")
                           : IsFloat(type.dtype) ? Format("{}", value)
                                                 : Format("{}", static_cast<int64_t>(value));
  int fraction_bits = 0;
  while (fraction_bits < 40 && std::ldexp(value, fraction_bits) != std::floor(std::ldexp(value, fraction_bits))) {
    ++fraction_bits;
  }
  RandomValue constant{"", type, std::abs(value), 0, fraction_bits};
  constant = Add(constant, Format("constant() {{value = dense<{}>}} : {}", text, type.ToString()));
  values_.pop_back();
  return constant;
}

// A power of two brings large floats back, so that none overflows; exact values stay exact.
inline RandomValue RandomProgram::Tamed(RandomValue value) {
  if (!IsFloat(value.type.dtype) || value.magnitude <= kMaxMagnitude) return value;
  const int shift = static_cast<int>(std::ceil(std::log2(value.magnitude / kMaxMagnitude)));
  const RandomValue factor = Constant(value.type, std::ldexp(1.0, -shift));
  RandomValue scaled = value;
  scaled.magnitude = std::ldexp(value.magnitude, -shift);
  scaled.error = std::ldexp(value.error, -shift);
  scaled.fraction_bits += shift;
  // The large one is no more an operand of others, only of this.
  std::erase_if(values_, [&](const RandomValue& other) { return other.name == value.name; });
  return Add(scaled, Format("multiply({}, {}) : {}", value.name, factor.name, value.type.ToString()));
}

template <typename Condition>
RandomValue RandomProgram::PickWhere(Condition condition) {
  std::vector<RandomValue*> fitting;
  for (RandomValue& value : values_) {
    if (value.type.num_elements() <= kMaxElements && condition(value)) fitting.push_back(&value);
  }
  if (fitting.empty()) return {};
  // The newest often, so that chains grow.
  RandomValue& picked =
      *fitting[Chance(50) ? fitting.size() - 1 - Below(std::min<size_t>(3, fitting.size())) : Below(fitting.size())];
  picked.is_used = true;
  return picked;
}

inline RandomValue RandomProgram::Pick() {
  RandomValue picked = PickWhere([](const RandomValue&) { return true; });
  return picked.name.empty() ? Parameter({AnyType(), SmallDims(1 + Below(3))}) : picked;
}

// Of the same type; often another one.
inline RandomValue RandomProgram::PickLike(const RandomValue& like) {
  if (Chance(25)) return Parameter(like.type);
  return PickWhere([&](const RandomValue& value) { return value.type == like.type; });
}

// Floats are quarters, which stay exact for some operations, or any.
inline RandomValue RandomProgram::Parameter(const TensorType& type) {
  RandomValue value{Format("%p{}", inputs_.size()), type, 2, 0, 2, true};
  const size_t count = static_cast<size_t>(type.num_elements());
  if (IsFloat(type.dtype)) {
    const bool is_coarse = Chance(60);
    if (!is_coarse) value.fraction_bits = kInexact;
    std::vector<double> numbers(count);
    for (double& number : numbers) {
      number = is_coarse ? (static_cast<double>(Below(17)) - 8) / 4 : (static_cast<double>(Below(4000001)) - 2e6) / 1e6;
    }
    inputs_.push_back(reference::LiteralFromDoubles(type, numbers));
  } else {
    const int64_t most = IsPred(type.dtype) ? 1 : 100;
    std::vector<int64_t> numbers(count);
    for (int64_t& number : numbers) {
      number = static_cast<int64_t>(Below(static_cast<size_t>(most) + 1));
      if (IsSigned(type.dtype)) number = 2 * number - most;
    }
    inputs_.push_back(reference::LiteralFromInts(type, numbers));
    value.magnitude = static_cast<double>(most);
    value.fraction_bits = 0;
  }
  parameters_ += Format("{}{}: {}", parameters_.empty() ? "" : ", ", value.name, type.ToString());
  values_.push_back(value);
  return value;
}

// A scalar from -1 to `most`, for starts and counts.
inline RandomValue RandomProgram::IndexParameter(int64_t most) {
  const TensorType type{DType::kS32, {}};
  RandomValue value{Format("%p{}", inputs_.size()), type, static_cast<double>(most) + 1, 0, 0, true};
  inputs_.push_back(reference::LiteralFromInts(
      type, std::vector<int64_t>{static_cast<int64_t>(Below(static_cast<size_t>(most + 2))) - 1}));
  parameters_ += Format("{}{}: {}", parameters_.empty() ? "" : ", ", value.name, type.ToString());
  return value;
}

inline std::string RandomProgram::Combiner(const std::string& op, DType dtype) {
  const std::string type = TensorType{dtype, {}}.ToString();
  const int n = num_names_++;
  return Format(" (%l{0}: {1}, %r{0}: {1}) {{ %c{0} = {2}(%l{0}, %r{0}) : {1} return(%c{0}) }}", n, type, op);
}

inline void RandomProgram::AddFloatUnary(const RandomValue& a) {
  struct Row {
    const char* name;
    double magnitude;  // of the result; 0: as the operand
    bool is_exact;     // of exact operands
    bool needs_exact;  // jumps
  };
  const Row row = OneOf<Row>({{"negate", 0, true, false},
                              {"abs", 0, true, false},
                              {"tanh", 1, false, false},
                              {"sine", 1, false, false},
                              {"cosine", 1, false, false},
                              {"logistic", 1, false, false},
                              {"exponential", -1, false, false},
                              {"floor", 0, true, true},
                              {"round_nearest_even", 0, true, true},
                              {"sign", 1, true, true}});
  RandomValue result = a;
  if (row.needs_exact && a.error != 0) return;
  if (row.magnitude > 0) result.magnitude = row.magnitude;
  if (row.magnitude < 0) {
    if (a.magnitude > 3) return;
    result.magnitude = std::exp(a.magnitude + a.error);
    result.error *= result.magnitude;
  }
  if (row.needs_exact) result.magnitude = std::ceil(a.magnitude) + 1, result.fraction_bits = 0;
  if (!row.is_exact) {
    result.error += 64 * UnitRoundoff(DType::kF32) * std::max(1.0, result.magnitude);
  }
  Tamed(Add(result, Format("{}({}) : {}", row.name, a.name, a.type.ToString())));
}

inline void RandomProgram::AddUnary() {
  const RandomValue a = Pick();
  if (IsFloat(a.type.dtype)) return AddFloatUnary(a);
  RandomValue result = a;
  const std::string name = IsPred(a.type.dtype) ? "not" : OneOf<const char*>({"negate", "abs", "not", "popcnt"});
  if (name == "abs" && !IsSigned(a.type.dtype)) return;
  result.magnitude = name == "abs" ? a.magnitude : name == "popcnt" ? 64 : LargestInteger(a.type.dtype);
  Add(result, Format("{}({}) : {}", name, a.name, a.type.ToString()));
}

inline void RandomProgram::AddBinary() {
  const RandomValue a = Pick();
  const RandomValue b = PickLike(a);
  if (b.name.empty()) return;
  const DType dtype = a.type.dtype;
  const std::string name =
      IsPred(dtype)    ? OneOf<const char*>({"and", "or", "xor"})
      : IsFloat(dtype) ? OneOf<const char*>({"add", "subtract", "multiply", "maximum", "minimum"})
                       : OneOf<const char*>({"add", "subtract", "multiply", "maximum", "minimum", "and", "or", "xor",
                                             "shift_left", "shift_right_logical", "shift_right_arithmetic"});
  RandomValue result = a;
  result.fraction_bits = std::max(a.fraction_bits, b.fraction_bits);
  if (name == "maximum" || name == "minimum") {
    result.magnitude = std::max(a.magnitude, b.magnitude);
    result.error = std::max(a.error, b.error);
  } else if (name == "multiply") {
    result.magnitude = a.magnitude * b.magnitude;
    result.error = a.magnitude * b.error + b.magnitude * a.error + a.error * b.error;
    result.fraction_bits = a.fraction_bits + b.fraction_bits;
  } else if (name == "add" || name == "subtract") {
    result.magnitude = a.magnitude + b.magnitude;
    result.error = a.error + b.error;
    if (name == "subtract" && IsUnsigned(dtype)) result.magnitude = LargestInteger(dtype);
  } else {
    result.magnitude = LargestInteger(dtype);
  }
  if (IsInteger(dtype) && result.magnitude >= LargestInteger(dtype)) result.magnitude = LargestInteger(dtype);
  Tamed(Add(result, Format("{}({}, {}) : {}", name, a.name, b.name, a.type.ToString())));
}

// a / (b^2 + 1)
inline void RandomProgram::AddDivide() {
  const RandomValue a = PickWhere([](const RandomValue& v) { return IsFloat(v.type.dtype); });
  if (a.name.empty()) return;
  const RandomValue b = PickLike(a);
  const std::string type = a.type.ToString();
  const RandomValue one = Constant(a.type, 1);
  RandomValue divisor = b;
  divisor.magnitude = b.magnitude * b.magnitude + 1;
  divisor.error = 2 * b.magnitude * b.error + b.error * b.error;
  divisor.fraction_bits = 2 * b.fraction_bits;
  RandomValue square = divisor;
  square.magnitude -= 1;
  square = Add(square, Format("multiply({}, {}) : {}", b.name, b.name, type));
  divisor.error = square.error;
  divisor = Add(divisor, Format("add({}, {}) : {}", square.name, one.name, type));
  values_.resize(values_.size() - 2);  // may be large
  RandomValue quotient = a;
  quotient.error = a.error + a.magnitude * divisor.error + 4 * UnitRoundoff(a.type.dtype) * a.magnitude + 1e-36;
  Add(quotient, Format("divide({}, {}) : {}", a.name, divisor.name, type));
}

inline void RandomProgram::AddCompare() {
  const RandomValue a = PickWhere([](const RandomValue& v) { return v.error == 0; });
  if (a.name.empty()) return;
  const RandomValue b = PickLike(a);
  if (b.name.empty() || b.error != 0) return;
  const int kind = IsFloat(a.type.dtype) ? 1 : IsSigned(a.type.dtype) ? 3 : 4;
  const TensorType type{DType::kPred, a.type.dims};
  Add({"", type, 1}, Format("compare({}, {}) {{comparison_direction = {}, compare_type = {}}} : {}", a.name, b.name,
                            Below(6), kind, type.ToString()));
}

inline void RandomProgram::AddSelect() {
  const RandomValue a = Pick();
  const RandomValue b = PickLike(a);
  if (b.name.empty()) return;
  const TensorType pred_type{DType::kPred, Chance(20) ? Dims{} : a.type.dims};
  RandomValue pred = PickWhere([&](const RandomValue& v) { return v.type == pred_type; });
  if (pred.name.empty()) pred = Parameter(pred_type);
  RandomValue result = a;
  result.magnitude = std::max(a.magnitude, b.magnitude);
  result.error = std::max(a.error, b.error);
  result.fraction_bits = std::max(a.fraction_bits, b.fraction_bits);
  Add(result, Format("select({}, {}, {}) : {}", pred.name, a.name, b.name, a.type.ToString()));
}

inline void RandomProgram::AddConvert() {
  const RandomValue a = Pick();
  const DType to = AnyType();
  if (to == a.type.dtype) return;
  RandomValue result = a;
  result.type.dtype = to;
  if (IsFloat(to) && a.magnitude > 30000) return;
  if (IsFloat(a.type.dtype) && !IsFloat(to)) {
    if (a.error != 0 || (a.magnitude > 100 && !IsPred(to)) || IsUnsigned(to)) return;
    result.magnitude = std::ceil(a.magnitude);
  } else if (!IsFloat(to) && (a.magnitude >= LargestInteger(to) || IsUnsigned(to))) {
    result.magnitude = LargestInteger(to);
  }
  Tamed(Add(result, Format("convert({}) : {}", a.name, result.type.ToString())));
}

// Sums of `count` elements that are not exact: each addition rounds to f32 at least.
inline void AddRoundingOfSum(RandomValue& sum, double count, int fraction_bits) {
  const bool is_exact = sum.error == 0 && std::ldexp(sum.magnitude, fraction_bits) <= std::ldexp(1.0, 24);
  if (IsFloat(sum.type.dtype) && !is_exact) sum.error += (count + 2) * std::ldexp(1.0, -23) * sum.magnitude;
}

inline void RandomProgram::ReduceAlong(const RandomValue& a, const Dims& axes) {
  const DType dtype = a.type.dtype;
  RandomValue result = a;
  result.type.dims.clear();
  int64_t count = 1;
  for (int64_t d = 0; d < a.type.rank(); ++d) {
    if (Contains(axes, d)) {
      count *= a.type.dims[d];
    } else {
      result.type.dims.push_back(a.type.dims[d]);
    }
  }
  const std::string name =
      IsPred(dtype) ? OneOf<const char*>({"and", "or"}) : OneOf<const char*>({"add", "add", "maximum", "minimum"});
  const RandomValue start = Constant({dtype, {}}, name == "add" || IsPred(dtype) ? static_cast<double>(Below(2)) : 1);
  result.magnitude = std::max(a.magnitude, 1.0);
  if (name == "add") {
    result.magnitude = static_cast<double>(count) * a.magnitude + 1;
    result.error = static_cast<double>(count) * a.error;
    AddRoundingOfSum(result, static_cast<double>(count), result.fraction_bits);
  }
  if (dtype == DType::kF16 && result.magnitude > 30000) return;
  Tamed(Add(result, Format("reduce({}, {}) {{dimensions = {}}} : {}", a.name, start.name, ToString(axes),
                           result.type.ToString()) +
                        Combiner(name, dtype)));
}

inline void RandomProgram::AddReduce() {
  const RandomValue a = PickWhere([](const RandomValue& v) { return v.type.rank() > 0; });
  if (a.name.empty()) return;
  Dims axes;
  for (int64_t d = 0; d < a.type.rank(); ++d) {
    if (Chance(50)) axes.push_back(d);
  }
  if (axes.empty()) axes.push_back(a.type.rank() - 1);
  ReduceAlong(a, axes);
}

inline void RandomProgram::AddReduceWindow() {
  const RandomValue a = PickWhere([](const RandomValue& v) { return v.type.rank() > 0 && !IsPred(v.type.dtype); });
  if (a.name.empty()) return;
  const size_t rank = a.type.dims.size();
  Dims window(rank), strides(rank), ones(rank, 1), padding;
  RandomValue result = a;
  int64_t count = 1;
  for (size_t d = 0; d < rank; ++d) {
    window[d] = OneOf<int64_t>({1, 2, 3});
    strides[d] = OneOf<int64_t>({1, 1, 2});
    const int64_t low = OneOf<int64_t>({0, 0, 1}), high = OneOf<int64_t>({0, 1, 1});
    padding.insert(padding.end(), {low, high});
    const int64_t room = a.type.dims[d] + low + high - window[d];
    result.type.dims[d] = room < 0 ? 0 : room / strides[d] + 1;
    count *= window[d];
  }
  const bool is_sum = Chance(60);
  const RandomValue start = Constant({a.type.dtype, {}}, 0);
  if (is_sum) {
    result.magnitude = static_cast<double>(count) * a.magnitude;
    result.error = static_cast<double>(count) * a.error;
    AddRoundingOfSum(result, static_cast<double>(count), result.fraction_bits);
  }
  Tamed(Add(result, Format("reduce_window({}, {}) {{window_dimensions = {}, window_strides = {}, base_dilations = {}, "
                           "window_dilations = {}, padding = {}}} : {}",
                           a.name, start.name, ToString(window), ToString(strides), ToString(ones), ToString(ones),
                           ToString(padding), result.type.ToString()) +
                        Combiner(is_sum ? "add" : "maximum", a.type.dtype)));
}

inline void RandomProgram::AddScan() {
  const RandomValue a = PickWhere([](const RandomValue& v) { return v.type.rank() > 0 && !IsPred(v.type.dtype); });
  if (a.name.empty()) return;
  const size_t dimension = Below(a.type.dims.size());
  const double count = static_cast<double>(a.type.dims[dimension]);
  RandomValue result = a;
  result.magnitude = count * a.magnitude;
  result.error = count * a.error;
  if (result.magnitude > 30000 && IsFloat(a.type.dtype)) return;
  AddRoundingOfSum(result, count, a.fraction_bits);
  const RandomValue start = Constant({a.type.dtype, {}}, 0);
  Tamed(Add(result, Format("scan({}, {}) {{dimension = {}, is_reverse = {}}} : {}", a.name, start.name, dimension,
                           Below(2), a.type.ToString()) +
                        Combiner("add", a.type.dtype)));
}

// Of one operand: what is sorted is off by no more than what it was sorted from.
inline void RandomProgram::SortAlong(const RandomValue& a, int64_t dimension) {
  const int n = num_names_++;
  const std::string scalar = TensorType{a.type.dtype, {}}.ToString();
  const int kind = IsFloat(a.type.dtype) ? 1 : IsSigned(a.type.dtype) ? 3 : 4;
  Add(a, Format("sort({0}) {{dimension = {1}, is_stable = 1}} : {2} (%l{3}: {4}, %r{3}: {4}) {{ %c{3} = compare(%l{3}, "
                "%r{3}) {{comparison_direction = {5}, compare_type = {6}}} : tensor<i1> return(%c{3}) }}",
                a.name, dimension, a.type.ToString(), n, scalar, OneOf({3, 5}), kind));
}

inline void RandomProgram::AddSort() {
  const RandomValue a = PickWhere([](const RandomValue& v) { return v.type.rank() > 0 && !IsPred(v.type.dtype); });
  if (!a.name.empty()) SortAlong(a, static_cast<int64_t>(Below(a.type.dims.size())));
}

inline void RandomProgram::AddProduct(const RandomValue& a, const RandomValue& b, const ProductShape& shape) {
  const double terms = static_cast<double>(shape.terms);
  RandomValue result = a;
  result.type.dims = shape.dims;
  result.magnitude = terms * a.magnitude * b.magnitude;
  result.error = terms * (a.magnitude * b.error + b.magnitude * a.error + a.error * b.error);
  result.fraction_bits = a.fraction_bits + b.fraction_bits;
  if (a.type.dtype == DType::kF16 && result.magnitude > 30000) return;
  AddRoundingOfSum(result, terms, result.fraction_bits);
  const bool is_narrow = a.type.dtype == DType::kF16 || a.type.dtype == DType::kBF16;
  if (is_narrow && Chance(60)) result.type.dtype = DType::kF32;
  Tamed(Add(result, Format("dot_general({}, {}) {{{}, precision = 0}} : {}", a.name, b.name, shape.attributes,
                           result.type.ToString())));
}

// Up to two batch dimensions, up to two contracted ones and up to one more, in any order in `b`.
inline void RandomProgram::AddDot() {
  const RandomValue a = PickWhere([](const RandomValue& v) {
    return IsFloat(v.type.dtype) || v.type.dtype == DType::kS32 || v.type.dtype == DType::kS8;
  });
  if (a.name.empty()) return;
  ProductShape shape;
  Dims lhs_batch, lhs_contracted, free;
  for (int64_t d = 0; d < a.type.rank(); ++d) {
    const size_t role = Below(3);
    (role == 0 && lhs_batch.size() < 2        ? lhs_batch
     : role == 1 && lhs_contracted.size() < 2 ? lhs_contracted
                                              : free)
        .push_back(d);
  }
  struct Dim {
    int64_t extent, lhs;  // the dimension of `a`, or -1
  };
  std::vector<Dim> b_dims;
  for (const int64_t d : lhs_batch) b_dims.push_back({a.type.dims[d], d}), shape.dims.push_back(a.type.dims[d]);
  for (const int64_t d : lhs_contracted) b_dims.push_back({a.type.dims[d], d}), shape.terms *= a.type.dims[d];
  for (const int64_t d : free) shape.dims.push_back(a.type.dims[d]);
  if (Chance(80)) b_dims.push_back({OneOf<int64_t>({1, 2, 5, 8, 17}), -1}), shape.dims.push_back(b_dims.back().extent);
  std::shuffle(b_dims.begin(), b_dims.end(), random_);
  TensorType b_type{a.type.dtype, {}};
  for (const Dim& dim : b_dims) b_type.dims.push_back(dim.extent);
  const auto places_of = [&](const Dims& of_lhs) {
    Dims places;
    for (const int64_t d : of_lhs) places.push_back(std::ranges::find(b_dims, d, &Dim::lhs) - b_dims.begin());
    return places;
  };
  if (NumElements(shape.dims) > kMaxElements || NumElements(shape.dims) * shape.terms > kMaxProducts) return;
  shape.attributes = Format(
      "lhs_batching_dimensions = {}, rhs_batching_dimensions = {}, lhs_contracting_dimensions = {}, "
      "rhs_contracting_dimensions = {}",
      ToString(lhs_batch), ToString(places_of(lhs_batch)), ToString(lhs_contracted),
      ToString(places_of(lhs_contracted)));
  RandomValue b = PickWhere([&](const RandomValue& v) { return v.type == b_type; });
  if (b.name.empty() || Chance(30)) b = Parameter(b_type);
  AddProduct(a, b, shape);
}

// x = x / 2 + y or, of integers, x = x + y; up to 4 times, how often is a constant or known when it runs.
inline void RandomProgram::AddWhile() {
  const RandomValue a = PickWhere([](const RandomValue& v) { return !IsPred(v.type.dtype); });
  if (a.name.empty()) return;
  const RandomValue y = PickLike(a);
  if (y.name.empty()) return;
  const TensorType counter{DType::kS32, {}};
  const RandomValue zero = Constant(counter, 0), one = Constant(counter, 1), half = Constant(a.type, 0.5);
  const RandomValue most = Chance(50) ? IndexParameter(4) : Constant(counter, static_cast<double>(Below(5)));
  RandomValue result = a;
  result.magnitude = IsFloat(a.type.dtype) ? std::max(a.magnitude, 2 * y.magnitude) : LargestInteger(a.type.dtype);
  result.error = std::max(a.error, 2 * y.error);
  result.fraction_bits = std::max(a.fraction_bits, y.fraction_bits) + 4;
  for (int i = 0; i < 4; ++i) result = Settled(result);
  const int n = num_names_++;
  const std::string type = a.type.ToString();
  const std::string step =
      IsFloat(a.type.dtype)
          ? Format("%h{0} = multiply(%x{0}, {1}) : {2} %s{0} = add(%h{0}, {3}) : {2}", n, half.name, type, y.name)
          : Format("%s{0} = add(%x{0}, {1}) : {2}", n, y.name, type);
  result = Settled(result);
  result.name = Format("%v{}", num_names_++);
  result.is_used = false;
  body_ += Format(
      "  %i{0}, {1} = while({2}, {3}) : tensor<si32>, {4} (%j{0}: tensor<si32>, %y{0}: {4}) {{ %g{0} = compare(%j{0}, "
      "{5}) {{comparison_direction = 5, compare_type = 3}} : tensor<i1> return(%g{0}) }} (%t{0}: tensor<si32>, %x{0}: "
      "{4}) {{ {6} %u{0} = add(%t{0}, {7}) : tensor<si32> return(%u{0}, %s{0}) }}\n",
      n, result.name, zero.name, a.name, type, most.name, step, one.name);
  values_.push_back(result);
}

}  // namespace dragoman::compiler
