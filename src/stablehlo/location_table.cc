// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/location_table.h"

#include <optional>
#include <string_view>

#include "read/checks.h"
#include "stablehlo/attribute_codes.h"

namespace dragoman::stablehlo {
namespace {

constexpr int kMaxLocationDepth = 32;

struct Place {
  std::string_view name;
  std::string_view file;
  uint64_t line = 0;
};

std::string_view StringAttribute(const Container& container, uint64_t index) {
  if (index >= container.attributes.size()) return {};
  const Entry& entry = container.attributes[index];
  ByteReader reader(entry.bytes);
  if (entry.dialect != Dialect::kBuiltin || entry.is_text || reader.Varint() != Code(BuiltinAttr::kString)) return {};
  const uint64_t string = reader.Varint();
  return reader.ok() && string < container.strings.size() ? container.strings[string] : std::string_view();
}

// Notes what this location says and returns the one inside of it to look at next.
std::optional<uint64_t> Visit(const Container& container, uint64_t index, Place& place) {
  if (index >= container.attributes.size()) return std::nullopt;
  const Entry& entry = container.attributes[index];
  if (entry.dialect != Dialect::kBuiltin || entry.is_text) return std::nullopt;
  ByteReader reader(entry.bytes);
  const auto code = static_cast<BuiltinAttr>(reader.Varint());
  const uint64_t first = reader.Varint();
  if (!reader.ok()) return std::nullopt;
  if (code == BuiltinAttr::kNameLocation) {
    // JAX ends names of its own helpers with a colon; the one inside says more.
    if (place.name.empty() || place.name.ends_with(':')) place.name = StringAttribute(container, first);
    return reader.Varint();
  }
  if (code == BuiltinAttr::kCallSiteLocation) return first;
  // Count of the parts, then the parts; with metadata that comes before.
  if (code == BuiltinAttr::kFusedLocation) return reader.Varint();
  if (code == BuiltinAttr::kFusedLocationWithMetadata) return reader.Varint(), reader.Varint();
  if (code == BuiltinAttr::kFileLineColumnLocation || code == BuiltinAttr::kFileLineColumnRange) {
    place.file = StringAttribute(container, first);
    if (code == BuiltinAttr::kFileLineColumnRange) reader.Varint();
    place.line = reader.Varint();
  }
  return std::nullopt;
}

}  // namespace

std::string LocationTable::Describe(ir::LocationId id) const {
  Place place;
  std::optional<uint64_t> next = uint64_t{id} - 1;
  for (int depth = 0; next.has_value() && depth < kMaxLocationDepth; ++depth) next = Visit(*container_, *next, place);
  return read::PlaceText(place.file, static_cast<int64_t>(place.line), place.name);
}

}  // namespace dragoman::stablehlo
