// SPDX-License-Identifier: Apache-2.0
// The attributes of an artifact, decoded one by one when an op asks: most of the table is source locations that nobody
// ever reads. VHLO attributes and the builtin ones that mean the same; asking for a form that an attribute does not
// have is INVALID_ARGUMENT.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "ir/attributes.h"
#include "stablehlo/container.h"
#include "stablehlo/type_table.h"

namespace dragoman::stablehlo {

using AttrIndex = uint64_t;

class AttributeTable {
 public:
  explicit AttributeTable(std::shared_ptr<const Container> container)
      : container_(std::move(container)),
        types_(container_),
        items_left_(container_->data.size() * kReadsPerByte + kFewReads) {}

  TypeTable& types() { return types_; }

  // An integer, a boolean, or an enumeration by its number.
  StatusOr<int64_t> Int(AttrIndex index);
  // A tensor of integers or booleans, row-major. At most kMaxListLength of them.
  StatusOr<std::vector<int64_t>> Ints(AttrIndex index);
  // A dense constant, or a float, as the tensor IR stores it. Decoded once; the copies share their data.
  StatusOr<ir::Literal> Literal(AttrIndex index);
  StatusOr<std::string_view> Text(AttrIndex index) const;
  StatusOr<std::vector<AttrIndex>> Array(AttrIndex index);
  // Names and values in the order of the artifact.
  StatusOr<std::vector<std::pair<std::string_view, AttrIndex>>> Dictionary(AttrIndex index);
  // The type inside a type attribute, as the index of a type.
  StatusOr<uint64_t> Type(AttrIndex index) const;
  bool IsArray(AttrIndex index) const;
  bool IsDictionary(AttrIndex index) const;
  bool IsText(AttrIndex index) const;

  // Any attribute as StableHLO would print it, such as `{k = 3, is_stable = true}`: strings quoted, integers without
  // their type, tensors as [1, 2].
  StatusOr<std::string> Print(AttrIndex index);

 private:
  // Ops share attributes, so a hostile artifact could have one long list read over and over: items read from arrays and
  // dictionaries are limited by the artifact's size. Real programs read fewer than one a byte.
  static constexpr size_t kReadsPerByte = 64;
  static constexpr size_t kFewReads = size_t{1} << 16;

  struct Opened {
    Dialect dialect;
    uint64_t code;
    ByteReader reader;
  };
  Status CountItems(size_t count);
  StatusOr<Opened> Open(AttrIndex index) const;
  bool Is(AttrIndex index, uint64_t vhlo_code, uint64_t builtin_code) const;
  StatusOr<int64_t> ReadInteger(ByteReader& reader) const;
  StatusOr<ir::Literal> DecodeLiteral(AttrIndex index);
  StatusOr<ir::Literal> DecodeFloat(ByteReader& reader);
  bool IsBoolean(AttrIndex index) const;
  Status PrintTo(AttrIndex index, int depth, std::string& text);
  Status PrintList(const std::vector<AttrIndex>& items, int depth, std::string& text);
  Status PrintDictionary(AttrIndex index, int depth, std::string& text);
  Status PrintFloat(AttrIndex index, std::string& text) const;

  std::shared_ptr<const Container> container_;
  TypeTable types_;
  size_t items_left_;
  std::unordered_map<AttrIndex, ir::Literal> literals_;
};

inline constexpr int64_t kMaxListLength = 4 * kMaxRank;

}  // namespace dragoman::stablehlo
