// SPDX-License-Identifier: Apache-2.0
// The outer layer of MLIR bytecode: strings, dialects, op names, and where each attribute, type and property blob lies.
// Nothing inside those is decoded here. Views point into `data`; the container is shared and never changed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "stablehlo/byte_reader.h"

namespace dragoman::stablehlo {

enum class Dialect : uint8_t { kBuiltin, kVhlo, kOther };

struct DialectName {
  std::string_view name;
  Dialect dialect;
};

struct OpName {
  const DialectName* dialect;
  std::string_view name;  // without the dialect
};

// The encoding of one attribute or type. is_text: NUL-terminated assembly text instead of the dialect's own encoding.
struct Entry {
  std::span<const std::byte> bytes;
  Dialect dialect;
  bool is_text;
};

struct Container {
  std::vector<std::byte> data;
  std::string_view producer;
  std::vector<std::string_view> strings;
  std::vector<DialectName> dialects;
  std::vector<OpName> op_names;
  std::vector<Entry> attributes;
  std::vector<Entry> types;
  std::vector<std::span<const std::byte>> properties;
  std::span<const std::byte> ir;
};

// Copies the artifact. INVALID_ARGUMENT when damaged, UNIMPLEMENTED for resources or another container version.
StatusOr<std::shared_ptr<const Container>> ParseContainer(std::span<const std::byte> artifact);

// Section header and data at the reader's place; the IR section nests such sections.
enum class SectionId : uint8_t {
  kStrings,
  kDialects,
  kAttributesAndTypes,
  kOffsets,
  kIr,
  kResources,
  kResourceOffsets,
  kDialectVersions,
  kProperties,
};
inline constexpr int kNumSections = 9;
struct Section {
  SectionId id;
  std::span<const std::byte> data;
};
StatusOr<Section> ReadSection(ByteReader& reader);

}  // namespace dragoman::stablehlo
