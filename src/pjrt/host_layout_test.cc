// SPDX-License-Identifier: Apache-2.0
#include "pjrt/host_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace dragoman::pjrt {
namespace {

using ::testing::ElementsAre;

PJRT_Buffer_MemoryLayout Order(const Dims& minor_to_major) {
  PJRT_Buffer_MemoryLayout layout = {sizeof(layout), nullptr, {}, PJRT_Buffer_MemoryLayout_Type_Tiled};
  layout.tiled = {sizeof(layout.tiled), nullptr, minor_to_major.data(), minor_to_major.size(), nullptr, nullptr, 0};
  return layout;
}

PJRT_Buffer_MemoryLayout Strides(const Dims& strides) {
  PJRT_Buffer_MemoryLayout layout = {sizeof(layout), nullptr, {}, PJRT_Buffer_MemoryLayout_Type_Strides};
  layout.strides = {sizeof(layout.strides), nullptr, strides.data(), strides.size()};
  return layout;
}

StatusOr<HostLayout> Read(const PJRT_Buffer_MemoryLayout& layout, const TensorType& type) {
  return ReadHostLayout(&layout, type);
}

const TensorType kMatrix{DType::kS16, {2, 3}};

std::vector<int16_t> Scatter(const PJRT_Buffer_MemoryLayout& given, const TensorType& type) {
  const StatusOr<HostLayout> layout = Read(given, type);
  EXPECT_TRUE(layout.ok());
  std::vector<int16_t> source(type.num_elements());
  std::iota(source.begin(), source.end(), int16_t{1});
  std::vector<int16_t> destination(layout->size_bytes / 2, 0);
  ScatterToLayout(type, *layout, reinterpret_cast<const std::byte*>(source.data()),
                  reinterpret_cast<std::byte*>(destination.data()));
  return destination;
}

TEST(HostLayout, NoneMeansDenseRowMajor) {
  const StatusOr<HostLayout> layout = ReadHostLayout(nullptr, kMatrix);
  ASSERT_TRUE(layout.ok());
  EXPECT_TRUE(layout->is_row_major);
  EXPECT_EQ(layout->size_bytes, 12u);
}

TEST(HostLayout, KnowsRowMajorInBothForms) {
  EXPECT_TRUE(Read(Order({1, 0}), kMatrix)->is_row_major);
  EXPECT_TRUE(Read(Strides({6, 2}), kMatrix)->is_row_major);
  EXPECT_FALSE(Read(Order({0, 1}), kMatrix)->is_row_major);
  // The stride of an extent of 1 means nothing.
  EXPECT_TRUE(Read(Strides({1000, 2}), {DType::kS16, {1, 3}})->is_row_major);
  EXPECT_TRUE(Read(Order({}), {DType::kF32, {}})->is_row_major);
}

TEST(HostLayout, ScattersToColumnMajorAndPaddedRows) {
  EXPECT_THAT(Scatter(Order({0, 1}), kMatrix), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(Scatter(Strides({8, 2}), kMatrix), ElementsAre(1, 2, 3, 0, 4, 5, 6));
}

TEST(HostLayout, ScattersThreeDimensionsInAnyOrder) {
  const TensorType cube{DType::kS16, {2, 2, 2}};
  // Dimension 1 innermost, then 2, then 0.
  EXPECT_THAT(Scatter(Order({1, 2, 0}), cube), ElementsAre(1, 3, 2, 4, 5, 7, 6, 8));
}

TEST(HostLayout, HasNoBytesForNoElements) {
  const StatusOr<HostLayout> layout = Read(Order({0, 1}), {DType::kF32, {0, 3}});
  ASSERT_TRUE(layout.ok());
  EXPECT_EQ(layout->size_bytes, 0u);
}

TEST(HostLayout, RefusesWhatIsNoLayout) {
  for (const Dims& order : std::vector<Dims>{{0}, {0, 0}, {0, 2}, {-1, 0}, {0, 1, 2}}) {
    EXPECT_EQ(Read(Order(order), kMatrix).status().code(), StatusCode::kInvalidArgument) << ToString(order);
  }
  for (const Dims& strides : std::vector<Dims>{{2}, {-6, 2}, {INT64_MAX, 2}}) {
    EXPECT_EQ(Read(Strides(strides), kMatrix).status().code(), StatusCode::kInvalidArgument) << ToString(strides);
  }
  const Dims order = {1, 0};
  PJRT_Buffer_MemoryLayout tiles = Order(order);
  tiles.tiled.num_tiles = 1;
  EXPECT_EQ(Read(tiles, kMatrix).status().code(), StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace dragoman::pjrt
