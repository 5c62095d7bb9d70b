// SPDX-License-Identifier: Apache-2.0
#include "hlo/module_table.h"

#include "base/format.h"
#include "hlo/fields.h"
#include "hlo/location_table.h"
#include "read/checks.h"

namespace dragoman::hlo {
namespace {

// Ids of instructions may carry their computation's id in the upper half, and operands name them with or without it.
uint32_t LocalId(int64_t id) { return static_cast<uint32_t>(id); }

using Positions = std::unordered_map<uint32_t, int>;  // of instructions by their local id
using ComputationPositions = std::unordered_map<int64_t, int>;

// An instruction takes some 20 bytes even without a name; this bounds what a table takes.
constexpr size_t kMinInstructionBytes = 6;

class ComputationReader {
 public:
  ComputationReader(const Message& message, const ComputationPositions& known) : message_(message), known_(known) {}

  StatusOr<Computation> Run() && {
    computation_.name = message_.Text(computation_field::kName);
    ASSIGN_OR_RETURN(const auto messages, message_.Subs(computation_field::kInstructions, "instruction"));
    if (messages.empty()) return InvalidArgument(Format("Computation {} has no instructions.", computation_.name));
    for (const Message& message : messages) {
      RETURN_IF_ERROR(Add(message).WithContext(Format("In computation {}.", computation_.name)));
    }
    for (size_t i = 0; i < computation_.parameters.size(); ++i) {
      if (computation_.parameters[i] >= 0) continue;
      return InvalidArgument(Format("Computation {} has no parameter {}.", computation_.name, i));
    }
    const auto root = positions_.find(LocalId(message_.Int(computation_field::kRootId)));
    if (root == positions_.end()) return InvalidArgument(Format("Computation {} has no root.", computation_.name));
    computation_.root = root->second;
    return std::move(computation_);
  }

 private:
  Status Add(const Message& message) {
    Instruction instruction;
    instruction.message = message;
    instruction.opcode = message.Text(instruction_field::kOpcode);
    if (message.size_bytes() < kMinInstructionBytes) return InvalidArgument("An instruction says nothing.");
    ASSIGN_OR_RETURN(const Message shape, message.Sub(instruction_field::kShape, "shape"));
    StatusOr<Shape> own = ReadShape(shape);
    if (!own.ok()) {
      return own.status().WithContext(
          read::WhileReading(instruction.opcode, PlaceOf(message.Bytes(instruction_field::kMetadata))));
    }
    instruction.shape = *std::move(own);
    RETURN_IF_ERROR(Resolve(instruction));
    if (instruction.opcode == "parameter") RETURN_IF_ERROR(AddParameter(instruction));
    const auto position = static_cast<int>(computation_.instructions.size());
    if (!positions_.emplace(LocalId(message.Int(instruction_field::kId)), position).second) {
      return InvalidArgument(Format("Two instructions have the id {}.", message.Int(instruction_field::kId)));
    }
    computation_.instructions.push_back(std::move(instruction));
    return OkStatus();
  }

  Status Resolve(Instruction& instruction) const {
    for (const int64_t id : instruction.message.Ints(instruction_field::kOperandIds)) {
      const auto found = positions_.find(LocalId(id));
      if (found == positions_.end()) {
        return InvalidArgument(
            Format("An operation {} reads instruction {}, which does not come before it.", instruction.opcode, id));
      }
      instruction.operands.push_back(found->second);
    }
    for (const int64_t id : instruction.message.Ints(instruction_field::kCalledComputationIds)) {
      const auto found = known_.find(id);
      if (found == known_.end()) {
        return InvalidArgument(Format("An operation {} calls computation {}, which does not come before its own.",
                                      instruction.opcode, id));
      }
      instruction.called.push_back(found->second);
    }
    return OkStatus();
  }

  Status AddParameter(Instruction& instruction) {
    const int64_t number = instruction.message.Int(instruction_field::kParameterNumber);
    // No computation has more parameters than bytes.
    if (number < 0 || number > static_cast<int64_t>(message_.size_bytes())) {
      return InvalidArgument(Format("A parameter has the number {}.", number));
    }
    if (number >= static_cast<int64_t>(computation_.parameters.size())) computation_.parameters.resize(number + 1, -1);
    if (computation_.parameters[number] >= 0)
      return InvalidArgument(Format("Two parameters have the number {}.", number));
    computation_.parameters[number] = static_cast<int>(computation_.instructions.size());
    instruction.parameter_number = static_cast<int>(number);
    return OkStatus();
  }

  const Message& message_;
  const ComputationPositions& known_;
  Positions positions_;
  Computation computation_;
};

}  // namespace

StatusOr<ModuleTable> ReadModuleTable(std::span<const std::byte> proto) {
  ModuleTable table;
  ASSIGN_OR_RETURN(table.message, Message::Open(proto, "module"));
  if (table.message.Bool(module_field::kIsDynamic)) {
    return Unimplemented("The program has dynamic dimensions; only fixed ones are supported.");
  }
  ASSIGN_OR_RETURN(const auto computations, table.message.Subs(module_field::kComputations, "computation"));
  ComputationPositions positions;
  for (const Message& message : computations) {
    ASSIGN_OR_RETURN(Computation computation, ComputationReader(message, positions).Run());
    const int64_t id = message.Int(computation_field::kId);
    if (!positions.emplace(id, static_cast<int>(table.computations.size())).second) {
      return InvalidArgument(Format("Two computations have the id {}.", id));
    }
    table.computations.push_back(std::move(computation));
  }
  const auto entry = positions.find(table.message.Int(module_field::kEntryComputationId));
  if (entry == positions.end()) return InvalidArgument("The program has no entry computation.");
  table.entry = entry->second;
  return table;
}

}  // namespace dragoman::hlo
