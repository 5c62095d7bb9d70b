// SPDX-License-Identifier: Apache-2.0
// One list of fields a struct serves both directions: `Fields(archive, value)` with a Writer or a Reader.
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/format.h"
#include "program/byte_form.h"
#include "program/program.h"

namespace dragoman::program {
namespace {

constexpr int kMaxDepth = 64;  // of steps within steps, and of vectors within vectors

template <typename T>
constexpr bool kIsPlain = std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, std::byte>;

class Writer {
 public:
  template <typename... Ts>
  void operator()(const Ts&... values) {
    (Field(values), ...);
  }
  std::vector<std::byte> Take() { return std::move(bytes_); }

 private:
  template <typename T>
  void Field(const T& value);
  void Raw(const void* data, size_t size_bytes) {
    const auto* first = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), first, first + size_bytes);
  }

  std::vector<std::byte> bytes_;
};

// Stops at the first thing that does not fit; what was read until then is discarded by Load.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <typename... Ts>
  void operator()(Ts&... values) {
    (Field(values), ...);
  }
  bool ok() const { return ok_; }
  bool AtEnd() const { return bytes_.empty(); }

 private:
  template <typename T>
  void Field(T& value);
  void Raw(void* data, size_t size_bytes) {
    if (!ok_ || size_bytes > bytes_.size()) {
      ok_ = false;
      return;
    }
    if (size_bytes != 0) std::memcpy(data, bytes_.data(), size_bytes);
    bytes_ = bytes_.subspan(size_bytes);
  }
  template <typename T>
  void List(T& values);

  std::span<const std::byte> bytes_;
  bool ok_ = true;
  int depth_ = 0;
};

template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};

template <typename Archive, typename Value>
void Fields(Archive& archive, Value& value) requires std::is_same_v<std::remove_const_t<Value>, Hash128> {
  archive(value.low, value.high);
}
template <typename Archive, typename Value>
void Fields(Archive& archive, Value& value) requires std::is_same_v<std::remove_const_t<Value>, Kernel> {
  archive(value.spirv, value.workgroup_size, value.num_buffers, value.num_params, value.required_subgroup_size,
          value.is_segmented, value.hash);
}
template <typename Archive, typename Value>
void Fields(Archive& archive, Value& value) requires std::is_same_v<std::remove_const_t<Value>, Slot> {
  archive(value.kind, value.index, value.offset_bytes, value.size_bytes);
}
template <typename Archive, typename Value>
void Fields(Archive& archive, Value& value) requires std::is_same_v<std::remove_const_t<Value>, TensorSpec> {
  archive(value.type.dtype, value.type.dims, value.aliased_parameter, value.is_donor, value.space,
          value.starts_as_parameter);
}
template <typename Archive, typename Value>
void Fields(Archive& archive, Value& value) requires std::is_same_v<std::remove_const_t<Value>, Step> {
  archive(value.kind, value.barrier_before, value.kernel, value.workgroups, value.num_segments, value.buffers,
          value.params, value.segment_starts, value.flops, value.bytes, value.slot_a, value.slot_b, value.count,
          value.bodies, value.channel_id, value.label, value.place, value.reason);
}
template <typename Archive, typename Value>
void Fields(Archive& archive, Value& value) requires std::is_same_v<std::remove_const_t<Value>, Program> {
  archive(value.name, value.parameters, value.outputs, value.kernels, value.constants, value.slots, value.steps,
          value.places, value.reasons, value.source_places, value.arena_bytes, value.has_random_seed,
          value.forwarded_parameters, value.flops, value.bytes_accessed);
}

template <typename T>
void Writer::Field(const T& value) {
  if constexpr (kIsPlain<T>) {
    Raw(&value, sizeof(value));
  } else if constexpr (std::is_same_v<T, std::string>) {
    Field(static_cast<uint64_t>(value.size()));
    Raw(value.data(), value.size());
  } else if constexpr (IsVector<T>::value) {
    Field(static_cast<uint64_t>(value.size()));
    if constexpr (kIsPlain<typename T::value_type>) {
      Raw(value.data(), value.size() * sizeof(typename T::value_type));
    } else {
      for (const auto& element : value) Field(element);
    }
  } else {
    Fields(*this, value);
  }
}

template <typename T>
void Reader::List(T& values) {
  using Element = typename T::value_type;
  uint64_t count = 0;
  Field(count);
  // Every element takes at least one byte, so a damaged count cannot ask for more memory than the bytes justify.
  constexpr size_t kMinBytes = kIsPlain<Element> ? sizeof(Element) : 1;
  if (!ok_ || count > bytes_.size() / kMinBytes || depth_ >= kMaxDepth) {
    ok_ = false;
    return;
  }
  if constexpr (kIsPlain<Element>) {
    values.resize(count);
    Raw(values.data(), count * sizeof(Element));
  } else {
    ++depth_;
    for (uint64_t i = 0; i < count && ok_; ++i) Field(values.emplace_back());
    --depth_;
  }
}

template <typename T>
void Reader::Field(T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    uint8_t byte = 0;
    Raw(&byte, 1);
    if (byte > 1) ok_ = false;
    value = byte == 1;
  } else if constexpr (kIsPlain<T>) {
    Raw(&value, sizeof(value));
  } else if constexpr (std::is_same_v<T, std::string>) {
    List(value);
  } else if constexpr (IsVector<T>::value) {
    List(value);
  } else {
    Fields(*this, value);
  }
}

}  // namespace

std::vector<std::byte> Save(const Program& program) {
  Writer writer;
  writer(program);
  return Seal(writer.Take());
}

StatusOr<ValidProgram> Load(std::span<const std::byte> bytes) {
  ASSIGN_OR_RETURN(const std::span<const std::byte> payload, Unseal(bytes));
  Program program;
  Reader reader(payload);
  reader(program);
  if (!reader.ok() || !reader.AtEnd()) {
    return InvalidArgument("The saved program is malformed: its fields do not fill its bytes exactly.");
  }
  StatusOr<ValidProgram> valid = ValidProgram::Check(std::move(program));
  return valid.ok() ? std::move(valid) : valid.status().WithContext("While loading a saved program.");
}

}  // namespace dragoman::program
