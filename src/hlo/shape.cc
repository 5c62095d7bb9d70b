// SPDX-License-Identifier: Apache-2.0
#include "hlo/shape.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/format.h"
#include "hlo/fields.h"
#include "read/checks.h"

namespace dragoman::hlo {
namespace {

constexpr int kMaxTupleDepth = 64;
constexpr int64_t kTupleType = 13;

// How a literal holds its elements.
enum class Encoding : uint8_t {
  kIntegers,  // one varint each
  kFixed,     // 4 or 8 bytes each; complex numbers as two
  kBytes,     // as in memory, those narrower than a byte one a byte
  kNone,      // not read
};

struct ElementRow {
  int64_t code;  // PrimitiveType
  DType dtype;
  uint32_t literal_field;
  Encoding encoding;
};
constexpr ElementRow kElementRows[] = {
    {1, DType::kPred, 2, Encoding::kIntegers},
    {2, DType::kS8, 15, Encoding::kBytes},
    {3, DType::kS16, 17, Encoding::kBytes},
    {4, DType::kS32, 4, Encoding::kIntegers},
    {5, DType::kS64, 5, Encoding::kIntegers},
    {6, DType::kU8, 3, Encoding::kBytes},
    {7, DType::kU16, 16, Encoding::kBytes},
    {8, DType::kU32, 6, Encoding::kIntegers},
    {9, DType::kU64, 7, Encoding::kIntegers},
    {10, DType::kF16, 11, Encoding::kBytes},
    {11, DType::kF32, 8, Encoding::kFixed},
    {12, DType::kF64, 9, Encoding::kFixed},
    {15, DType::kC64, 12, Encoding::kFixed},
    {16, DType::kBF16, 13, Encoding::kBytes},
    {17, DType::kToken, 0, Encoding::kNone},
    {18, DType::kC128, 18, Encoding::kFixed},
    {19, DType::kF8E5M2, 19, Encoding::kBytes},
    {20, DType::kF8E4M3FN, 20, Encoding::kBytes},
    {21, DType::kS4, 21, Encoding::kBytes},
    {22, DType::kU4, 22, Encoding::kBytes},
    {23, DType::kF8E4M3B11FNUZ, 23, Encoding::kBytes},
    {24, DType::kF8E5M2FNUZ, 24, Encoding::kBytes},
    {25, DType::kF8E4M3FNUZ, 25, Encoding::kBytes},
    {26, DType::kS2, 26, Encoding::kBytes},
    {27, DType::kU2, 27, Encoding::kBytes},
    {28, DType::kF8E4M3, 28, Encoding::kBytes},
    {29, DType::kF8E3M4, 29, Encoding::kBytes},
    {32, DType::kF4E2M1FN, 32, Encoding::kBytes},
    {33, DType::kF8E8M0FNU, 33, Encoding::kBytes},
};

template <typename Match>
const ElementRow* FindElementRow(const Match& matches) {
  const auto row = std::find_if(std::begin(kElementRows), std::end(kElementRows), matches);
  return row == std::end(kElementRows) ? nullptr : row;
}

// XLA states a bound for a dynamic dimension, or none.
Dims ReadDims(const Message& shape) {
  Dims dims = shape.Ints(shape_field::kDimensions);
  const std::vector<int64_t> is_dynamic = shape.Ints(shape_field::kIsDynamicDimension);
  for (size_t i = 0; i < std::min(dims.size(), is_dynamic.size()); ++i) {
    if (is_dynamic[i] != 0) dims[i] = read::kDynamicExtent;
  }
  return dims;
}

// Without one: row-major.
StatusOr<std::vector<int64_t>> ReadLayout(const Message& shape, int64_t rank) {
  ASSIGN_OR_RETURN(const Message layout, shape.Sub(shape_field::kLayout, "layout"));
  std::vector<int64_t> order = layout.Ints(layout_field::kMinorToMajor);
  std::vector<int64_t> row_major(rank);
  std::iota(row_major.rbegin(), row_major.rend(), 0);
  if (order.empty()) return row_major;
  std::vector<int64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  if (sorted != row_major)
    return InvalidArgument(Format("A layout orders {} dimensions as {}.", rank, ToString(order)));
  return order;
}

StatusOr<Shape> ReadShapeAt(const Message& message, int depth) {
  Shape shape;
  const int64_t code = message.Int(shape_field::kElementType);
  if (code == kTupleType) {
    if (depth == kMaxTupleDepth) return InvalidArgument(Format("Tuples nest deeper than {}.", kMaxTupleDepth));
    shape.is_tuple = true;
    ASSIGN_OR_RETURN(const auto elements, message.Subs(shape_field::kTupleShapes, "tuple's shape"));
    for (const Message& element : elements) {
      ASSIGN_OR_RETURN(Shape inner, ReadShapeAt(element, depth + 1));
      shape.elements.push_back(std::move(inner));
    }
    return shape;
  }
  const ElementRow* row = FindElementRow([&](const ElementRow& candidate) { return candidate.code == code; });
  if (row == nullptr) return Unimplemented(Format("Element type {} of XLA is not supported.", code));
  ASSIGN_OR_RETURN(shape.type, read::CheckType(row->dtype, ReadDims(message)));
  ASSIGN_OR_RETURN(shape.minor_to_major, ReadLayout(message, shape.type.rank()));
  return shape;
}

std::vector<std::byte> FromIntegers(const std::vector<int64_t>& values, int size_bytes) {
  std::vector<std::byte> bytes;
  bytes.reserve(values.size() * size_bytes);
  for (const int64_t value : values) {
    for (int i = 0; i < size_bytes; ++i) bytes.push_back(static_cast<std::byte>(value >> (8 * i)));
  }
  return bytes;
}

std::vector<std::byte> RawElements(const Message& literal, const ElementRow& row) {
  switch (row.encoding) {
    case Encoding::kIntegers:
      return FromIntegers(literal.Ints(row.literal_field), SizeBytes(row.dtype));
    case Encoding::kFixed:
      return literal.Fixed(row.literal_field, SizeBytes(RealPart(row.dtype)));
    case Encoding::kBytes: {
      const std::span<const std::byte> bytes = literal.Bytes(row.literal_field);
      return {bytes.begin(), bytes.end()};
    }
    case Encoding::kNone:
      break;
  }
  return {};
}

// From the order of the layout to row-major.
std::vector<std::byte> InRowMajorOrder(const std::vector<std::byte>& bytes, const Shape& shape) {
  const Dims& dims = shape.type.dims;
  Dims strides(dims.size());  // in elements, of the layout
  int64_t stride = 1;
  for (const int64_t dim : shape.minor_to_major) {
    strides[dim] = stride;
    stride *= dims[dim];
  }
  const int size = SizeBytes(shape.type.dtype);
  std::vector<std::byte> result(bytes.size());
  Dims index(dims.size(), 0);
  for (int64_t k = 0; k < shape.type.num_elements(); ++k) {
    int64_t from = 0;
    for (size_t d = 0; d < dims.size(); ++d) from += index[d] * strides[d];
    std::copy_n(bytes.begin() + from * size, size, result.begin() + k * size);
    for (size_t d = dims.size(); d-- > 0 && ++index[d] == dims[d];) index[d] = 0;
  }
  return result;
}

}  // namespace

int64_t Shape::num_leaves() const {
  if (!is_tuple) return 1;
  int64_t count = 0;
  for (const Shape& element : elements) count += element.num_leaves();
  return count;
}

bool Shape::is_row_major() const {
  return std::is_sorted(minor_to_major.begin(), minor_to_major.end(), std::greater<>());
}

int64_t Shape::FirstLeafOf(int64_t index) const {
  int64_t count = 0;
  for (int64_t i = 0; i < index; ++i) count += elements[i].num_leaves();
  return count;
}

void Shape::AppendLeaves(std::vector<TensorType>& types) const {
  if (!is_tuple) types.push_back(type);
  for (const Shape& element : elements) element.AppendLeaves(types);
}

std::vector<int64_t> MajorToMinor(const Shape& shape) {
  return {shape.minor_to_major.rbegin(), shape.minor_to_major.rend()};
}

StatusOr<Shape> ReadShape(const Message& shape) { return ReadShapeAt(shape, 0); }

StatusOr<ir::Literal> ReadLiteral(const Message& literal, const Shape& shape) {
  if (shape.is_tuple) return Unimplemented("A constant tuple is not supported.");
  const ElementRow& row = *FindElementRow([&](const ElementRow& other) { return other.dtype == shape.type.dtype; });
  if (row.encoding == Encoding::kNone) {
    return Unimplemented(Format("Constants of {} are not supported.", shape.type.ToString()));
  }
  ASSIGN_OR_RETURN(const Message own_shape, literal.Sub(literal_field::kShape, "literal's shape"));
  ASSIGN_OR_RETURN(const Shape stored, ReadShape(own_shape));
  if (stored.is_tuple || !(stored.type == shape.type)) {
    return InvalidArgument(Format("A constant of {} holds a literal of another shape.", shape.type.ToString()));
  }
  std::vector<std::byte> bytes = RawElements(literal, row);
  if (static_cast<int64_t>(bytes.size()) != shape.type.size_bytes()) {
    return InvalidArgument(Format("A constant of {} holds {} bytes, expected {}.", shape.type.ToString(), bytes.size(),
                                  shape.type.size_bytes()));
  }
  if (!stored.is_row_major()) bytes = InRowMajorOrder(bytes, stored);
  return read::CheckLiteral(shape.type, std::move(bytes));
}

}  // namespace dragoman::hlo
