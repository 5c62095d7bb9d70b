// SPDX-License-Identifier: Apache-2.0
#include "kernel/kernel_hash.h"

#include <vector>

namespace dragoman::kernel {
namespace {

// Writes all that a kernel says as numbers, each list after its length. Structures are taken apart by name, so that a
// field that is added does not compile until it is written too.
class Writer {
 public:
  void Write(const Kernel& kernel) {
    const auto& [workgroup_size, required_subgroup_size, num_params, is_segmented, matrix, buffers, shared, value_types,
                 body] = kernel;
    Add(workgroup_size, required_subgroup_size, num_params, is_segmented);
    const auto& [m, n, k, input, accumulator] = matrix;
    Add(m, n, k, input, accumulator, buffers.size());
    for (const auto& [memory, is_read, is_written, may_alias] : buffers) Add(memory, is_read, is_written, may_alias);
    Add(shared.size());
    for (const auto& [type, count] : shared) Add(type, count);
    Add(value_types.size());
    for (const KType type : value_types) Add(type);
    Write(body);
  }

  Hash128 Hash() const { return HashVector(numbers_); }

 private:
  void Write(const Region& region) {
    const auto& [first_argument, num_arguments, body] = region;
    Add(first_argument, num_arguments, body.size());
    for (const Instruction& instruction : body) Write(instruction);
  }

  void Write(const Instruction& instruction) {
    const auto& [op, type, operands, first_result, num_results, imm, buffer, regions] = instruction;
    Add(op, type, operands.size());
    for (const ValueId operand : operands) Add(operand);
    Add(first_result, num_results, static_cast<uint32_t>(imm), imm >> 32, buffer, regions.size());
    for (const auto& region : regions) Write(*region);
  }

  template <typename... Numbers>
  void Add(const Numbers&... numbers) {
    (numbers_.push_back(static_cast<uint32_t>(numbers)), ...);
  }

  std::vector<uint32_t> numbers_;
};

}  // namespace

Hash128 HashKernel(const Kernel& kernel) {
  Writer writer;
  writer.Write(kernel);
  return writer.Hash();
}

}  // namespace dragoman::kernel
