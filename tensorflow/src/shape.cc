// SPDX-License-Identifier: Apache-2.0
#include "shape.h"

#include <algorithm>
#include <cstdint>

namespace dragoman_tensorflow {
namespace {

// TensorFlow's lists hold short contents in themselves and longer ones on the heap, which it frees with delete[].
template <typename List, typename Element>
Element* Resize(List& list, int64_t size, Element*) {
  list.size = size;
  if (size <= TPU_C_API_MAX_INLINED) return list.inlined;
  return list.heap = new Element[size];
}

template <typename List>
auto* Contents(List& list) {
  return list.size <= TPU_C_API_MAX_INLINED ? list.inlined : list.heap;
}

template <typename List>
auto* Make(List& list, int64_t size) {
  return Resize(list, size, list.heap);
}

template <typename List>
void Copy(List& from, List& to) {
  std::copy_n(Contents(from), from.size, Make(to, from.size));
}

void MakeRowMajor(int64_t rank, XLA_Layout& layout) {
  layout = {};
  int64_t* order = Make(layout.minor_to_major, rank);
  for (int64_t i = 0; i < rank; ++i) order[i] = rank - 1 - i;
  layout.tail_padding_alignment_in_elements = 1;
}

void CopyShape(XLA_Shape& from, XLA_Shape& to) {
  to = {};
  to.element_type = from.element_type;
  Copy(from.dimensions, to.dimensions);
  Copy(from.dynamic_dimensions, to.dynamic_dimensions);
  to.ntuple_shapes = from.ntuple_shapes;
  if (from.ntuple_shapes > 0) to.tuple_shapes = new XLA_Shape[from.ntuple_shapes];
  for (int i = 0; i < from.ntuple_shapes; ++i) CopyShape(from.tuple_shapes[i], to.tuple_shapes[i]);
  to.has_layout = true;
  MakeRowMajor(from.dimensions.size, to.layout);
}

}  // namespace

void MakeDeviceShape(XLA_Shape& shape, XLA_Shape& device_shape) { CopyShape(shape, device_shape); }

}  // namespace dragoman_tensorflow
