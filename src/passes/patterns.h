// SPDX-License-Identifier: Apache-2.0
// Questions that passes ask of the IR.
#pragma once

#include <optional>
#include <vector>

#include "ir/ir.h"
#include "passes/names.h"

namespace dragoman::passes {

// The op that defines the value, if it has that code; else null.
Op* DefinedBy(const Value* value, OpCode code);
// The literal of a constant; else null.
const ir::Literal* ConstantOf(const Value* value);
// The one number of a constant of a real type that is a splat or a single element.
std::optional<double> SplatOf(const Value* value);
bool IsSplat(const Value* value, double number);
// Whether it is a constant that stores one element.
bool IsSplatConstant(const Value* value);
// The number of a constant with one integer element.
std::optional<int64_t> IntegerOf(const Value* value);
// All numbers of a constant of integers, row-major.
std::optional<std::vector<int64_t>> IntegersOf(const Value* value);

// The dimensions whose extent is not 1.
std::vector<int64_t> NonUnitDims(const Dims& dims);
// Whether the shapes differ in dimensions of extent 1 alone.
bool SameButUnits(const Dims& a, const Dims& b);
// Whether all of the list have this value.
bool AllAre(const std::vector<int64_t>& list, int64_t value);

// The binary elementwise op that a region of two arguments returns of them, if that is all it does.
std::optional<OpCode> CombinerOf(const Block& region);
// Whether the region returns argument `index` as it is.
bool ReturnsArgument(const Block& region, int index);
// Whether a region of scalars holds elementwise ops and constants alone.
bool IsElementwiseRegion(const Block& region);
// What such a region computes of whole tensors of shape `dims`, element by element. Captured scalars are broadcast.
std::vector<Value*> ApplyElementwise(const Block& region, const std::vector<Value*>& arguments, const Dims& dims,
                                     Builder& builder);

}  // namespace dragoman::passes
