// SPDX-License-Identifier: Apache-2.0
// What the product kernels share: reading operands at digits, multiply-add per accumulator type, and storing a tile of
// results through the group's epilogue.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/status.h"
#include "element/elemental.h"
#include "lower/product/product.h"

namespace dragoman::kernel {

// What every product kernel is built from. All referenced objects outlive the emission.
struct ProductContext {
  Builder& builder;
  Elemental& elemental;
  const fusion::Group& group;
  const Product& product;
  const ProductForm& form;
  int num_splits = 1;  // of K; above 1 the kernel stores partial sums into the temporary, out's elements per split
  int partials = -1;   // buffer number of the temporary
  Status status;       // the first failure inside of a region's callback
  int computed = -1;   // the shared array that holds the operand which is computed
};

// The values of an axis's digits (ProductForm::DigitsOf), outermost first.
std::vector<V> DecodeAxis(Builder& builder, const ProductForm& form, ProductAxis axis, V flat);

// A place in an operand, summed digit by digit.
struct Partial {
  V linear;
  std::vector<V> positions;  // one a LinearMap::positions
};

struct Place {
  Index index;  // within the tensor even when not valid
  V is_valid;   // kBool; constant true where nothing can be outside
};

class OperandReader {
 public:
  OperandReader(ProductContext& context, const OperandMap& map, const LinearMap& linear);

  Partial Origin() const;
  Partial Step(const Partial& from, int digit, V value) const;
  Partial StepAxis(const Partial& from, ProductAxis axis, std::span<const V> digits) const;
  // Whether every position is inside; emitted where it is called, so that inner loops find it computed.
  V IsValid(const Partial& partial) const;
  Place Locate(const Partial& partial) const;

  // Elements as they are in memory; Convert makes them accumulators, zero where not valid. Apart, so that a load can be
  // issued long before its value is looked at.
  Lanes Load(const Place& place, int lanes) const;
  StatusOr<Lanes> Convert(const Lanes& loaded, V is_valid) const;
  // Elements of 8 or 16 bits, as `count` words.
  Lanes LoadWords(const Place& place, int count) const;
  int elements_of_word() const { return std::max(1, 4 / SizeBytes(map_.value->type.dtype)); }
  // Types of the components of one loaded element, for carrying it around a loop.
  int num_components() const;
  const LinearMap& linear() const { return linear_; }
  int Width(int digit) const { return VectorWidth(context_.form, linear_, digit); }
  // Consecutive values of a digit that one load brings, one a component.
  int LanesAlong(int digit) const {
    return IsComplex(context_.product.accumulator) || num_components() == 2 ? 1 : Width(digit);
  }

 private:
  ProductContext& context_;
  const OperandMap& map_;
  const LinearMap& linear_;
};

// c + a * b for accumulators.
Scalar MultiplyAdd(Builder& builder, DType accumulator, const Scalar& a, const Scalar& b, const Scalar& c);
Scalar AddAccumulators(Builder& builder, DType accumulator, const Scalar& a, const Scalar& b);

// Scalars to loop-carried values and back.
std::vector<V> ToValues(std::span<const Scalar> scalars, bool is_complex);
std::vector<Scalar> ToScalars(std::span<const V> values, bool is_complex);

// A tile of accumulators of one invocation: rows along `row_axis`, columns along `column_axis`.
struct ResultTile {
  ProductAxis row_axis = ProductAxis::kM;
  ProductAxis column_axis = ProductAxis::kN;
  int num_rows = 1;
  int num_columns = 1;
  int column_run = 1;     // columns come in runs of so many consecutive ones, starting at a multiple of it
  bool rows_fit = false;  // no row lies outside of the result
  bool columns_fit = false;
  std::function<V(V row)> row_index;  // axis index of a row, given as a kI32 value
  std::function<V(int column)> column_index;
  V batch;  // axis index of the axis that is neither; constant 0 where there is none
  ProductAxis rest_axis = ProductAxis::kBatch;
  V split;
  std::vector<Scalar> accumulators;  // row-major; or:
  std::function<std::vector<Scalar>(V row)> load_row;
};

// Stores what lies inside of the result: partial sums, or the outputs of the group. Rows run in a loop, so that a long
// epilogue is emitted once a column.
Status StoreTile(ProductContext& context, const ResultTile& tile);

// Stores `lanes` accumulated results at an index of the hero's result: conversion, epilogue, every output.
Status StoreResults(ProductContext& context, const Index& index, const Lanes& accumulated, int lanes);

// INTERNAL unless every member after the hero is computed at the hero's own row-major index.
Status CheckEpilogue(const fusion::Group& group);

}  // namespace dragoman::kernel
