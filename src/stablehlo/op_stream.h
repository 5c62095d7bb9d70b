// SPDX-License-Identifier: Apache-2.0
// One op of the IR section as it lies in the stream, before it means anything.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "stablehlo/attribute_table.h"
#include "stablehlo/container.h"
#include "stablehlo/vhlo_ops.h"

namespace dragoman::stablehlo {

struct StreamOp {
  const OpName* name = nullptr;
  AttrIndex location = 0;
  std::optional<AttrIndex> dictionary;  // discardable attributes
  std::span<const std::byte> properties;
  std::vector<uint64_t> result_types;
  std::vector<uint64_t> operands;  // value numbers
  uint64_t num_regions = 0;
  bool is_isolated = false;  // the regions follow in a section of their own and see no outer values
};

// Reads up to the op's regions, which follow at the reader's place.
StatusOr<StreamOp> ReadStreamOp(ByteReader& reader, const Container& container);
// Of `num_values` results or block arguments. The order means nothing to us.
void SkipUseListOrders(ByteReader& reader, uint64_t num_values);
// The attributes of a VHLO op, in the order of its row.
StatusOr<std::vector<AttrIndex>> ReadPropertyList(const StreamOp& op, const VhloOp& row);

}  // namespace dragoman::stablehlo
