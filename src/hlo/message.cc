// SPDX-License-Identifier: Apache-2.0
#include "hlo/message.h"

#include "base/format.h"
#include "base/wire.h"

namespace dragoman::hlo {
namespace {

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
