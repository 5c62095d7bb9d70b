// SPDX-License-Identifier: Apache-2.0
// Reads the IR section of an artifact into a module of the tensor IR, op by op in one go.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "ir/ir.h"
#include "read/op_writer.h"
#include "stablehlo/attribute_table.h"
#include "stablehlo/container.h"
#include "stablehlo/op_stream.h"

namespace dragoman::stablehlo {

class Importer {
 public:
  Importer(std::shared_ptr<const Container> container, ir::Module& module);
  Status Run();

 private:
  // A block header: its ops follow at the reader's place.
  struct BlockHeader {
    size_t num_ops = 0;
    std::vector<uint64_t> argument_types;
  };

  Status ImportModule(ByteReader& reader);
  Status ImportModuleAttributes(const StreamOp& op);
  Status ImportTopLevelOp(ByteReader& reader);
  Status ImportFunction(const StreamOp& op, const VhloOp& row, ByteReader& reader);
  StatusOr<std::vector<MemorySpace>> ImportResultSpaces(AttrIndex res_attrs, size_t num_results);
  StatusOr<std::vector<ir::ParameterInfo>> ImportParameters(AttrIndex arg_attrs, size_t num_parameters);

  // Calls `read` on where the op's regions lie, with the value numbers they see.
  template <typename Read>
  Status WithRegions(const StreamOp& op, ByteReader& reader, Read read);
  Status ImportRegions(const StreamOp& op, ir::Op& target, ByteReader& reader);
  Status ImportRegion(ir::Block& block, ByteReader& reader);
  Status ImportBlock(ir::Block& block, ByteReader& reader);
  StatusOr<BlockHeader> ReadBlockHeader(ByteReader& reader);

  Status ImportOp(ir::Block& block, ByteReader& reader);
  // The op without its regions; null when it is an identity or has no meaning here.
  StatusOr<ir::Op*> ImportOpHead(const StreamOp& op, ir::Block& block);
  StatusOr<ir::Op*> ImportVhloOp(const StreamOp& op, const VhloOp& row, ir::Block& block);
  StatusOr<ir::Op*> ImportIdentity(const StreamOp& op);
  Status RefuseOp(const StreamOp& op);

  StatusOr<std::vector<ir::Value*>> Operands(const StreamOp& op) const;
  StatusOr<std::vector<TensorType>> ResultTypes(const StreamOp& op);
  Status Define(ir::Value* value);
  std::string WhileReading(const StreamOp& op) const;

  std::shared_ptr<const Container> container_;
  AttributeTable table_;
  ir::Module& module_;
  std::unordered_set<std::string> function_names_;

  // Value numbers run through the enclosing isolated region. A region reserves the numbers of all values defined
  // directly in it before those of the regions inside; null: reserved, not yet defined.
  std::vector<ir::Value*> values_;
  size_t next_value_ = 0;

  read::OpWriter writer_;
};

}  // namespace dragoman::stablehlo
