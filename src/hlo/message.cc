// SPDX-License-Identifier: Apache-2.0
#include "hlo/message.h"

#include "base/format.h"

namespace dragoman::hlo {
namespace {

// The wire format: protobuf.dev/programming-guides/encoding.
enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct WireField {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;                // of a varint
  std::span<const std::byte> bytes;  // of the other types
};

constexpr int kMaxVarintBytes = 10;

class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool at_end() const { return bytes_.empty(); }
  // False when what is left does not begin with a whole varint.
  bool Varint(uint64_t& value) {
    value = 0;
    for (size_t i = 0; i < bytes_.size() && i < kMaxVarintBytes; ++i) {
      const auto byte = static_cast<uint64_t>(bytes_[i]);
      value |= (byte & 0x7f) << (7 * i);
      if ((byte & 0x80) != 0) continue;
      bytes_ = bytes_.subspan(i + 1);
      return true;
    }
    return false;
  }
  bool Next(WireField& field) {
    uint64_t tag = 0;
    if (!Varint(tag) || tag >> 3 == 0 || tag >> 32 != 0) return false;
    field.number = static_cast<uint32_t>(tag >> 3);
    field.type = static_cast<WireType>(tag & 7);
    switch (field.type) {
      case WireType::kVarint:
        return Varint(field.value);
      case WireType::kFixed64:
        return Take(8, field.bytes);
      case WireType::kFixed32:
        return Take(4, field.bytes);
      case WireType::kBytes: {
        uint64_t size = 0;
        return Varint(size) && Take(size, field.bytes);
      }
    }
    return false;  // groups, which no writer of today makes
  }

 private:
  bool Take(uint64_t size, std::span<const std::byte>& taken) {
    if (size > bytes_.size()) return false;
    taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return true;
  }

  std::span<const std::byte> bytes_;
};

// Calls `visit` on the message's fields of that number, in order. The bytes were checked when the message was opened.
template <typename Visit>
void ForEachField(std::span<const std::byte> bytes, uint32_t number, const Visit& visit) {
  WireReader reader(bytes);
  WireField field;
  while (!reader.at_end() && reader.Next(field)) {
    if (field.number == number) visit(field);
  }
}

}  // namespace

StatusOr<Message> Message::Open(std::span<const std::byte> bytes, std::string_view what) {
  WireReader reader(bytes);
  WireField field;
  while (!reader.at_end()) {
    if (!reader.Next(field))
      return InvalidArgument(Format("The program is damaged: its {} ends within a field.", what));
  }
  return Message(bytes);
}

bool Message::Has(uint32_t field) const {
  bool found = false;
  ForEachField(bytes_, field, [&](const WireField&) { found = true; });
  return found;
}

int64_t Message::Int(uint32_t field, int64_t otherwise) const {
  int64_t value = otherwise;
  ForEachField(bytes_, field, [&](const WireField& found) {
    if (found.type == WireType::kVarint) value = static_cast<int64_t>(found.value);
  });
  return value;
}

std::span<const std::byte> Message::Bytes(uint32_t field) const {
  std::span<const std::byte> bytes;
  ForEachField(bytes_, field, [&](const WireField& found) {
    if (found.type == WireType::kBytes) bytes = found.bytes;
  });
  return bytes;
}

std::string_view Message::Text(uint32_t field) const {
  const std::span<const std::byte> bytes = Bytes(field);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<int64_t> Message::Ints(uint32_t field) const {
  std::vector<int64_t> values;
  ForEachField(bytes_, field, [&](const WireField& found) {
    if (found.type == WireType::kVarint) values.push_back(static_cast<int64_t>(found.value));
    if (found.type != WireType::kBytes) return;
    WireReader packed(found.bytes);
    uint64_t value = 0;
    while (!packed.at_end() && packed.Varint(value)) values.push_back(static_cast<int64_t>(value));
  });
  return values;
}

std::vector<std::byte> Message::Fixed(uint32_t field, size_t width) const {
  const WireType single = width == 4 ? WireType::kFixed32 : WireType::kFixed64;
  std::vector<std::byte> values;
  ForEachField(bytes_, field, [&](const WireField& found) {
    const bool is_packed = found.type == WireType::kBytes && found.bytes.size() % width == 0;
    if (is_packed || found.type == single) values.insert(values.end(), found.bytes.begin(), found.bytes.end());
  });
  return values;
}

StatusOr<Message> Message::Sub(uint32_t field, std::string_view what) const { return Open(Bytes(field), what); }

StatusOr<std::vector<Message>> Message::Subs(uint32_t field, std::string_view what) const {
  std::vector<Message> messages;
  Status status;
  ForEachField(bytes_, field, [&](const WireField& found) {
    if (found.type != WireType::kBytes || !status.ok()) return;
    StatusOr<Message> message = Open(found.bytes, what);
    if (message.ok()) {
      messages.push_back(*message);
    } else {
      status = message.status();
    }
  });
  RETURN_IF_ERROR(status);
  return messages;
}

}  // namespace dragoman::hlo
