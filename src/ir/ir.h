// SPDX-License-Identifier: Apache-2.0
// The tensor IR: SSA over tensors. Module → functions → one block of ops; ops may hold regions (one block each) whose
// blocks see the values of the enclosing ones. Every pointer into the IR stays valid until its owner is erased.
// Not thread-safe; distinct modules are independent.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "ir/ops.h"
#include "types/memory_space.h"
#include "types/shape.h"

namespace dragoman::ir {

struct Op;
struct Block;

// A result of an op, or an argument of a block (then op is null).
struct Value {
  TensorType type;
  Op* op = nullptr;
  Block* block = nullptr;  // the block it is an argument of, or null
  int index = 0;           // which result or argument
};

// Where an op comes from, as an index into the module's LocationTable; 0 is unknown.
using LocationId = uint32_t;

struct Op {
  OpCode code;
  std::vector<Value*> operands;
  std::vector<std::unique_ptr<Value>> results;
  Attributes attributes;
  std::vector<std::unique_ptr<Block>> regions;
  LocationId location = 0;
  Block* parent = nullptr;

  Value* result(int i = 0) const { return results[i].get(); }
  const TensorType& type(int i = 0) const { return results[i]->type; }
};

// Every pass recurses over regions, so nobody's program may nest deeper.
inline constexpr int kMaxRegionDepth = 100;

// A straight list of ops ending in kReturn (whose operands are the block's results).
struct Block {
  std::vector<std::unique_ptr<Value>> arguments;
  std::vector<std::unique_ptr<Op>> ops;
  Op* parent_op = nullptr;  // null for a function's body

  Op* terminator() const { return ops.back().get(); }
  Value* AddArgument(TensorType type);
  // Creates an op at the end (or before position `at`) with fresh results of the given types.
  Op* Append(OpCode code, std::vector<Value*> operands, std::vector<TensorType> result_types,
             Attributes attributes = {});
  Op* Insert(size_t at, OpCode code, std::vector<Value*> operands, std::vector<TensorType> result_types,
             Attributes attributes = {});
  Block* AddRegion(Op* op);  // a fresh empty block as the last region of `op` (an op of any block)
};

// What is known of a parameter of main.
struct ParameterInfo {
  int aliased_output = -1;      // tf.aliasing_output: memory may be reused for this result
  bool is_donor = false;        // jax.buffer_donor: may be reused for any result
  bool is_random_seed = false;  // the last one of all: not the caller's, the host chooses it anew for each execution
};

struct Function {
  std::string name;
  bool is_public = false;
  Block body;
  std::vector<ParameterInfo> parameters;   // one an argument
  std::vector<MemorySpace> result_spaces;  // one a result; empty: all in the device's memory
};

// Names source locations on demand; the reader's table decodes them only when asked.
class LocationTable {
 public:
  virtual ~LocationTable() = default;
  virtual std::string Describe(LocationId id) const = 0;  // "train.py:17 in jit(step)/add", "" when unknown
};

struct Module {
  std::string name;
  std::vector<std::unique_ptr<Function>> functions;
  std::shared_ptr<const LocationTable> locations;
  int num_partitions = 1;
  int num_replicas = 1;

  Function* Find(std::string_view name) const;
  Function* main() const { return Find("main"); }
  std::string Where(const Op& op) const;  // " At train.py:17." or ""
};

// Every op of the block and of the regions inside, in order; the op itself before what its regions hold.
template <typename Visitor>
void Walk(const Block& block, Visitor&& visit) {
  for (const auto& op : block.ops) {
    visit(op.get());
    for (const auto& region : op->regions) Walk(*region, visit);
  }
}

// Rewrites operands everywhere in the block and its regions: values[k] → v. One pass over the block.
void ReplaceUses(Block& block, const std::unordered_map<const Value*, Value*>& replacements);

// How many times each value is used in the block and its regions.
std::unordered_map<const Value*, int> CountUses(const Block& block);

// Copies the ops of `from` (without its terminator) to position `at` of `to`; `mapping` must hold the operands that
// come from outside of what is copied unless they stay as they are, and receives the copies. Returns the mapped
// operands of the terminator.
std::vector<Value*> CloneInto(const Block& from, Block& to, size_t at,
                              std::unordered_map<const Value*, Value*>& mapping);
std::unique_ptr<Op> CloneOp(const Op& op, std::unordered_map<const Value*, Value*>& mapping);

// The verifier: op table (operands, regions, attributes), result types by each op's shape rule, dominance, terminators.
// INTERNAL with the op's text and the function when broken.
Status Verify(const Module& module);

// Text form; Parse(Print(m)) prints the same. Grammar in text.h.
std::string Print(const Module& module);
std::string PrintOp(const Op& op);
// "(tensor<3xf32>, tensor<f32>) -> (tensor<3xf32>)", for messages.
std::string Signature(const std::vector<std::string>& operands, const std::vector<std::string>& results);
std::string Signature(const Op& op);
StatusOr<std::unique_ptr<Module>> Parse(std::string_view text);

}  // namespace dragoman::ir
