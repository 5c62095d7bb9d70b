// SPDX-License-Identifier: Apache-2.0
// Fusion decisions as data: which ops share a kernel, in which order the groups run, and why. Pure; no device needed
// beyond its profile. Lowering (lower/) makes no decisions of its own about what belongs together.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "ir/ir.h"
#include "target/compile_context.h"

namespace dragoman::fusion {

// One kind of kernel each; lower/lowering.cc has the table from kind to lowering function.
// X(enumerator, name)
// clang-format off: a table, one row a line
#define DRAGOMAN_GROUP_KINDS(X)                                                                                    \
  X(kLoop, "loop")               /* elementwise, movement, point gathers: one invocation an element */             \
  X(kReduce, "reduce")           /* one reduce (hero), its producers, consumers of its result's shape */           \
  X(kRow, "row")                 /* several row reductions with the elementwise ops between and after: softmax */  \
  X(kDot, "dot")                 /* dot_general (hero), what it takes its operands through, its epilogue */        \
  X(kConvolution, "convolution") /* convolution (hero), likewise */                                                \
  X(kAttention, "attention")     /* products into scores, their rows, a product out of them (hero): attention.h */ \
  X(kReduceWindow, "reduce_window")                                                                                \
  X(kSelectAndScatter, "select_and_scatter")                                                                       \
  X(kScan, "scan")                                                                                                 \
  X(kSort, "sort")                                                                                                 \
  X(kScatter, "scatter")                         /* in place: output i already holds operand i */                  \
  X(kDynamicUpdateSlice, "dynamic_update_slice") /* in place: the output already holds operand 0 */                \
  X(kCholesky, "cholesky")                                                                                         \
  X(kTriangularSolve, "triangular_solve")                                                                          \
  X(kFourier, "fourier") /* fourier (hero), what is cheap before it, its epilogue */                               \
  X(kPanel, "panel")     /* a step of a decomposition: a workgroup a matrix, or a block */                         \
  X(kWhile, "while")     /* no kernel of its own: planned by compiler/ */                                          \
  X(kCase, "case")                                                                                                 \
  X(kHostTransfer, "host_transfer") /* send or recv */
// clang-format on

enum class GroupKind : uint8_t {
#define X(name, text) name,
  DRAGOMAN_GROUP_KINDS(X)
#undef X
};
std::string_view Name(GroupKind kind);

// Ops that become one kernel (or the few kernels of one algorithm). An op may be a member of several groups: it is
// then computed again in each.
struct Group {
  GroupKind kind = GroupKind::kLoop;
  std::vector<ir::Op*> members;      // in program order; producers first
  ir::Op* hero = nullptr;            // the op that names the kind; null for loops
  std::vector<ir::Value*> inputs;    // read from memory, defined outside of `members`; no duplicates
  std::vector<ir::Value*> outputs;   // results of members that are written to memory; no duplicates
  std::vector<std::string> reasons;  // why each member beyond the first is here, and groups before it apart, for people
};

struct Plan {
  std::vector<Group> groups;  // in an order that respects every dependency
  std::string ToString() const;
};

// Plans one block. Operands from outside the block (captured, arguments) are inputs. Constants with more than one
// distinct element, parameters and results of groups live in memory; splat constants and iota never do unless they
// are results of the block.
StatusOr<Plan> PlanBlock(const ir::Block& block, const target::CompileContext& context);

}  // namespace dragoman::fusion
