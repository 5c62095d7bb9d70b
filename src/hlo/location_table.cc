// SPDX-License-Identifier: Apache-2.0
#include "hlo/location_table.h"

#include "hlo/fields.h"
#include "read/checks.h"

namespace dragoman::hlo {

ir::LocationId LocationTable::Add(std::span<const std::byte> metadata) {
  if (metadata.empty()) return 0;
  metadata_.emplace_back(metadata.begin(), metadata.end());
  return static_cast<ir::LocationId>(metadata_.size());
}

std::string LocationTable::Describe(ir::LocationId id) const {
  return id == 0 || id > metadata_.size() ? "" : PlaceOf(metadata_[id - 1]);
}

std::string PlaceOf(std::span<const std::byte> bytes) {
  const StatusOr<Message> metadata = Message::Open(bytes, "metadata");
  if (!metadata.ok()) return "";
  return read::PlaceText(metadata->Text(metadata_field::kSourceFile), metadata->Int(metadata_field::kSourceLine),
                         metadata->Text(metadata_field::kOpName));
}

}  // namespace dragoman::hlo
