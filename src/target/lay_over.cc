// SPDX-License-Identifier: Apache-2.0
#include "target/lay_over.h"

#include "target/profile_fields.h"

namespace dragoman::target {
namespace {

template <FieldKind kind>
struct Merge;

template <>
struct Merge<FieldKind::kOwn> {
  template <typename T>
  static T Of(const T&, const T& device) {
    return device;
  }
};

template <>
struct Merge<FieldKind::kChoice> {
  template <typename T>
  static T Of(const T& other, const T&) {
    return other;
  }
};

template <>
struct Merge<FieldKind::kFeature> {
  static bool Of(bool other, bool device) { return other && device; }
  static std::vector<MatrixShape> Of(const std::vector<MatrixShape>& other, std::vector<MatrixShape> device) {
    std::erase_if(
        device, [&](const MatrixShape& shape) { return std::find(other.begin(), other.end(), shape) == other.end(); });
    return device;
  }
};

template <>
struct Merge<FieldKind::kFault> {
  static bool Of(bool other, bool device) { return other || device; }
};

template <>
struct Merge<FieldKind::kLimit> {
  template <typename T>
  static T Of(T other, T device) {
    return std::min(other, device);
  }
  static std::array<uint32_t, 3> Of(const std::array<uint32_t, 3>& other, std::array<uint32_t, 3> device) {
    for (size_t i = 0; i < device.size(); ++i) device[i] = std::min(other[i], device[i]);
    return device;
  }
};

// What is left of the device where the other's choices and faults do not matter.
template <FieldKind kind>
struct Confinement : Merge<FieldKind::kOwn> {};
template <>
struct Confinement<FieldKind::kFeature> : Merge<FieldKind::kFeature> {};
template <>
struct Confinement<FieldKind::kLimit> : Merge<FieldKind::kLimit> {};

// 0 is none.
int LesserLoopLimit(int other, int device) {
  return other == 0 || device == 0 ? std::max(other, device) : std::min(other, device);
}

template <template <FieldKind> typename Rule>
DeviceProfile Combine(const DeviceProfile& other, const DeviceProfile& device) {
  DeviceProfile combined;
#define X(field, kind) combined.field = Rule<FieldKind::kind>::Of(other.field, device.field);
  DRAGOMAN_PROFILE_FIELDS(X)
#undef X
  combined.max_loop_iterations = LesserLoopLimit(other.max_loop_iterations, device.max_loop_iterations);
  if (combined.matrix_shapes.empty()) combined.cooperative_matrix = false;
  return combined;
}

}  // namespace

DeviceProfile LayOver(const DeviceProfile& other, const DeviceProfile& device) {
  DeviceProfile merged = Combine<Merge>(other, device);
  // Byte offsets are added to 64-bit addresses.
  if (!merged.int64) merged.address_form = AddressForm::kAccessChain;
  return merged;
}

DeviceProfile Confine(const DeviceProfile& device, const DeviceProfile& other) {
  return Combine<Confinement>(other, device);
}

}  // namespace dragoman::target
