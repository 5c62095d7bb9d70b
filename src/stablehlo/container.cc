// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/container.h"

#include <array>
#include <optional>

#include "base/format.h"

namespace dragoman::stablehlo {
namespace {

constexpr std::array<uint8_t, 4> kMagic = {0x4D, 0x4C, 0xEF, 0x52};
// StableHLO 0.15 and later write this one.
constexpr uint64_t kContainerVersion = 6;
constexpr uint8_t kAlignedFlag = 0x80;

using Sections = std::array<std::optional<std::span<const std::byte>>, kNumSections>;

Status ReadHeader(ByteReader& reader, Container& container) {
  for (const uint8_t byte : kMagic) {
    if (reader.Byte() != byte) return InvalidArgument("The program is not a StableHLO portable artifact.");
  }
  const uint64_t version = reader.Varint();
  container.producer = reader.NulTerminated();
  RETURN_IF_ERROR(reader.status("header"));
  if (version == kContainerVersion) return OkStatus();
  return Unimplemented(Format("The artifact has bytecode version {}, only version {} is supported. It comes from {}.",
                              version, kContainerVersion, container.producer));
}

StatusOr<Sections> ReadSections(ByteReader& reader) {
  Sections sections;
  while (!reader.at_end()) {
    ASSIGN_OR_RETURN(const Section section, ReadSection(reader));
    auto& slot = sections[static_cast<int>(section.id)];
    if (slot.has_value()) {
      return InvalidArgument(Format("The artifact has section {} twice.", static_cast<int>(section.id)));
    }
    slot = section.data;
  }
  using enum SectionId;
  for (const SectionId id : {kStrings, kDialects, kAttributesAndTypes, kOffsets, kIr}) {
    if (!sections[static_cast<int>(id)].has_value()) {
      return InvalidArgument(Format("The artifact lacks section {}.", static_cast<int>(id)));
    }
  }
  return sections;
}

std::span<const std::byte> DataOf(const Sections& sections, SectionId id) {
  return sections[static_cast<int>(id)].value_or(std::span<const std::byte>());
}

// Lengths come in reverse order of the strings, each counting its NUL.
Status ReadStrings(std::span<const std::byte> data, Container& container) {
  ByteReader reader(data);
  std::vector<uint64_t> lengths(reader.Count());
  for (auto length = lengths.rbegin(); length != lengths.rend(); ++length) *length = reader.Varint();
  container.strings.reserve(lengths.size());
  for (const uint64_t length : lengths) {
    const std::span<const std::byte> bytes = reader.Bytes(length);
    RETURN_IF_ERROR(reader.status("string section"));
    if (bytes.empty()) return InvalidArgument("The artifact is damaged: it has a string without its end.");
    container.strings.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size() - 1);
  }
  return reader.status("string section");
}

StatusOr<std::string_view> StringAt(const Container& container, uint64_t index) {
  if (index < container.strings.size()) return container.strings[index];
  return InvalidArgument(Format("The artifact names string {}, but it has only {}.", index, container.strings.size()));
}

Dialect DialectFromName(std::string_view name) {
  if (name == "builtin") return Dialect::kBuiltin;
  if (name == "vhlo") return Dialect::kVhlo;
  return Dialect::kOther;
}

Status ReadOpNames(ByteReader& reader, Container& container) {
  const size_t num_ops = reader.Count();
  container.op_names.reserve(num_ops);
  while (reader.ok() && !reader.at_end()) {
    const uint64_t dialect = reader.Varint();
    const size_t count = reader.Count();
    if (reader.ok() && dialect >= container.dialects.size()) {
      return InvalidArgument(
          Format("The artifact names dialect {}, but it has only {}.", dialect, container.dialects.size()));
    }
    for (size_t i = 0; i < count && reader.ok(); ++i) {
      ASSIGN_OR_RETURN(const std::string_view name, StringAt(container, reader.Varint() >> 1));
      container.op_names.push_back({&container.dialects[dialect], name});
    }
  }
  return reader.status("dialect section");
}

Status ReadDialects(std::span<const std::byte> data, Container& container) {
  ByteReader reader(data);
  const size_t count = reader.Count();
  container.dialects.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t name_and_flag = reader.Varint();
    ASSIGN_OR_RETURN(const std::string_view name, StringAt(container, name_and_flag >> 1));
    if (name_and_flag & 1) RETURN_IF_ERROR(ReadSection(reader).status());
    container.dialects.push_back({name, DialectFromName(name)});
  }
  RETURN_IF_ERROR(reader.status("dialect section"));
  return ReadOpNames(reader, container);
}

// One list (attributes or types) of the offset section: groups of one dialect, sizes running through `payload`.
Status ReadEntries(size_t total, ByteReader& offsets, ByteReader& payload, const Container& container,
                   std::vector<Entry>& entries) {
  entries.reserve(total);
  while (entries.size() < total) {
    const uint64_t dialect = offsets.Varint();
    const size_t count = offsets.Count();
    RETURN_IF_ERROR(offsets.status("offset section"));
    if (dialect >= container.dialects.size() || count == 0 || count > total - entries.size()) {
      return InvalidArgument("The artifact is damaged: its offset section has a group out of range.");
    }
    for (size_t i = 0; i < count; ++i) {
      const uint64_t size_and_flag = offsets.Varint();
      const bool is_text = (size_and_flag & 1) == 0;
      entries.push_back({payload.Bytes(size_and_flag >> 1), container.dialects[dialect].dialect, is_text});
    }
    RETURN_IF_ERROR(offsets.status("offset section"));
    RETURN_IF_ERROR(payload.status("attribute section"));
  }
  return OkStatus();
}

Status ReadAttributesAndTypes(const Sections& sections, Container& container) {
  ByteReader offsets(DataOf(sections, SectionId::kOffsets));
  ByteReader payload(DataOf(sections, SectionId::kAttributesAndTypes));
  const size_t num_attributes = offsets.Count();
  const size_t num_types = offsets.Count();
  RETURN_IF_ERROR(offsets.status("offset section"));
  RETURN_IF_ERROR(ReadEntries(num_attributes, offsets, payload, container, container.attributes));
  return ReadEntries(num_types, offsets, payload, container, container.types);
}

Status ReadProperties(std::span<const std::byte> data, Container& container) {
  if (data.empty()) return OkStatus();
  ByteReader reader(data);
  const size_t count = reader.Count();
  container.properties.reserve(count);
  for (size_t i = 0; i < count; ++i) container.properties.push_back(reader.Bytes(reader.Varint()));
  return reader.status("property section");
}

Status RefuseResources(const Sections& sections) {
  ByteReader offsets(DataOf(sections, SectionId::kResourceOffsets));
  const bool has_groups = !offsets.at_end() && offsets.Varint() != 0;
  if (!has_groups && DataOf(sections, SectionId::kResources).empty()) return OkStatus();
  return Unimplemented("The artifact has a resource section; resources are not supported.");
}

}  // namespace

StatusOr<Section> ReadSection(ByteReader& reader) {
  const uint8_t id = reader.Byte();
  const uint64_t length = reader.Varint();
  if (id & kAlignedFlag) return Unimplemented("The artifact has an aligned section, which is not supported.");
  const std::span<const std::byte> data = reader.Bytes(length);
  RETURN_IF_ERROR(reader.status("section"));
  if (id >= kNumSections) return InvalidArgument(Format("The artifact has a section of unknown kind {}.", id));
  return Section{static_cast<SectionId>(id), data};
}

StatusOr<std::shared_ptr<const Container>> ParseContainer(std::span<const std::byte> artifact) {
  auto container = std::make_shared<Container>();
  container->data.assign(artifact.begin(), artifact.end());
  ByteReader reader(container->data);
  RETURN_IF_ERROR(ReadHeader(reader, *container));
  ASSIGN_OR_RETURN(const Sections sections, ReadSections(reader));
  RETURN_IF_ERROR(RefuseResources(sections));
  RETURN_IF_ERROR(ReadStrings(DataOf(sections, SectionId::kStrings), *container));
  RETURN_IF_ERROR(ReadDialects(DataOf(sections, SectionId::kDialects), *container));
  RETURN_IF_ERROR(ReadAttributesAndTypes(sections, *container));
  RETURN_IF_ERROR(ReadProperties(DataOf(sections, SectionId::kProperties), *container));
  container->ir = DataOf(sections, SectionId::kIr);
  return std::shared_ptr<const Container>(std::move(container));
}

}  // namespace dragoman::stablehlo
