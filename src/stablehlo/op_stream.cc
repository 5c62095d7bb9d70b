// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/op_stream.h"

#include "base/format.h"

namespace dragoman::stablehlo {
namespace {

// Bits of the byte that says which fields an op has.
constexpr uint8_t kHasAttributes = 0x01;
constexpr uint8_t kHasResults = 0x02;
constexpr uint8_t kHasOperands = 0x04;
constexpr uint8_t kHasSuccessors = 0x08;
constexpr uint8_t kHasRegions = 0x10;
constexpr uint8_t kHasUseListOrders = 0x20;
constexpr uint8_t kHasProperties = 0x40;

std::vector<uint64_t> ReadVarints(ByteReader& reader) {
  std::vector<uint64_t> values(reader.Count());
  for (uint64_t& value : values) value = reader.Varint();
  return values;
}

Status ReadPropertyIndex(ByteReader& reader, const Container& container, StreamOp& op) {
  const uint64_t index = reader.Varint();
  RETURN_IF_ERROR(reader.status("operation"));
  if (index >= container.properties.size()) {
    return InvalidArgument(
        Format("The artifact names property list {}, but it has only {}.", index, container.properties.size()));
  }
  op.properties = container.properties[index];
  return OkStatus();
}

}  // namespace

StatusOr<StreamOp> ReadStreamOp(ByteReader& reader, const Container& container) {
  StreamOp op;
  const uint64_t number = reader.Varint();
  const uint8_t mask = reader.Byte();
  op.location = reader.Varint();
  RETURN_IF_ERROR(reader.status("operation"));
  if (number >= container.op_names.size()) {
    return InvalidArgument(
        Format("The artifact names operation {}, but it has only {}.", number, container.op_names.size()));
  }
  op.name = &container.op_names[number];
  if (mask & kHasAttributes) op.dictionary = reader.Varint();
  if (mask & kHasProperties) RETURN_IF_ERROR(ReadPropertyIndex(reader, container, op));
  if (mask & kHasResults) op.result_types = ReadVarints(reader);
  if (mask & kHasOperands) op.operands = ReadVarints(reader);
  if ((mask & kHasSuccessors) && !ReadVarints(reader).empty()) {
    return Unimplemented(Format("Operation {} has successor blocks, which is not supported.", op.name->name));
  }
  if (mask & kHasUseListOrders) SkipUseListOrders(reader, op.result_types.size());
  if (mask & kHasRegions) {
    const uint64_t count_and_flag = reader.Varint();
    op.num_regions = count_and_flag >> 1;
    op.is_isolated = count_and_flag & 1;
  }
  RETURN_IF_ERROR(reader.status("operation"));
  return op;
}

void SkipUseListOrders(ByteReader& reader, uint64_t num_values) {
  const uint64_t num_orders = num_values > 1 ? reader.Count() : 1;
  for (uint64_t i = 0; i < num_orders && reader.ok(); ++i) {
    if (num_values > 1) reader.Varint();
    const uint64_t num_indices = reader.Varint() >> 1;
    for (uint64_t k = 0; k < num_indices && reader.ok(); ++k) reader.Varint();
  }
}

StatusOr<std::vector<AttrIndex>> ReadPropertyList(const StreamOp& op, const VhloOp& row) {
  ByteReader reader(op.properties);
  std::vector<AttrIndex> values;
  for (size_t i = 0; i < row.attributes.size(); ++i) values.push_back(reader.Varint());
  RETURN_IF_ERROR(reader.status("property list"));
  if (reader.at_end()) return values;
  return InvalidArgument(
      Format("Operation {} has more attributes than the {} it should have.", row.name, row.attributes.size()));
}

}  // namespace dragoman::stablehlo
