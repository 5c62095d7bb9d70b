// SPDX-License-Identifier: Apache-2.0
// For tests: writes protobuf messages, and programs out of them.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "hlo/fields.h"

namespace dragoman::hlo {

class Proto {
 public:
  Proto& Int(uint32_t field, int64_t value) {
    Varint(uint64_t{field} << 3);
    Varint(static_cast<uint64_t>(value));
    return *this;
  }
  Proto& Text(uint32_t field, std::string_view text) {
    Varint(uint64_t{field} << 3 | 2);
    Varint(text.size());
    bytes_ += text;
    return *this;
  }
  Proto& Sub(uint32_t field, const Proto& message) { return Text(field, message.bytes_); }
  // Packed.
  Proto& Ints(uint32_t field, const std::vector<int64_t>& values) {
    Proto packed;
    for (const int64_t value : values) packed.Varint(static_cast<uint64_t>(value));
    return Text(field, packed.bytes_);
  }
  Proto& Floats(uint32_t field, const std::vector<float>& values) {
    std::string packed(values.size() * sizeof(float), '\0');
    std::memcpy(packed.data(), values.data(), packed.size());
    return Text(field, packed);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

constexpr int64_t kF32Code = 11, kS32Code = 4, kU32Code = 8, kPredCode = 1, kTupleCode = 13;

inline Proto ShapeProto(int64_t code, const std::vector<int64_t>& dims,
                        const std::vector<int64_t>& minor_to_major = {}) {
  Proto shape;
  shape.Int(shape_field::kElementType, code).Ints(shape_field::kDimensions, dims);
  if (!minor_to_major.empty())
    shape.Sub(shape_field::kLayout, Proto().Ints(layout_field::kMinorToMajor, minor_to_major));
  return shape;
}

inline Proto TupleProto(const std::vector<Proto>& elements) {
  Proto shape;
  shape.Int(shape_field::kElementType, kTupleCode);
  for (const Proto& element : elements) shape.Sub(shape_field::kTupleShapes, element);
  return shape;
}

// Numbers instructions from 0 in the order they are added; the last one is the root.
class ComputationProto {
 public:
  explicit ComputationProto(int64_t id) : id_(id) {}

  // Its id. `more`: further fields.
  int64_t Add(std::string_view opcode, const Proto& shape, const std::vector<int64_t>& operands = {},
              const Proto& more = {}) {
    Proto instruction = more;
    // The id carries the computation's, as XLA writes it; operands name it without.
    instruction.Text(instruction_field::kName, opcode)
        .Text(instruction_field::kOpcode, opcode)
        .Sub(instruction_field::kShape, shape)
        .Int(instruction_field::kId, id_ << 32 | next_)
        .Ints(instruction_field::kOperandIds, operands);
    proto_.Sub(computation_field::kInstructions, instruction);
    return next_++;
  }
  int64_t Parameter(int64_t number, const Proto& shape) {
    return Add("parameter", shape, {}, Proto().Int(instruction_field::kParameterNumber, number));
  }
  int64_t id() const { return id_; }
  Proto Finish() const {
    Proto proto = proto_;
    return proto.Text(computation_field::kName, "computation")
        .Int(computation_field::kId, id_)
        .Int(computation_field::kRootId, next_ - 1);
  }

 private:
  int64_t id_;
  int64_t next_ = 0;
  Proto proto_;
};

// The last computation is the entry.
inline Proto ModuleProto(const std::vector<ComputationProto>& computations) {
  Proto module;
  module.Text(module_field::kName, "module");
  for (const ComputationProto& computation : computations) {
    module.Sub(module_field::kComputations, computation.Finish());
  }
  return module.Int(module_field::kEntryComputationId, computations.back().id());
}

}  // namespace dragoman::hlo
