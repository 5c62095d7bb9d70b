// SPDX-License-Identifier: Apache-2.0
#include "pjrt/buffer_types.h"

#include <gtest/gtest.h>

#include <set>

namespace dragoman::pjrt {
namespace {

TEST(BufferTypes, EveryTypeOfTheAbiIsOneOfOursAndBack) {
  std::set<DType> seen;
  for (int number = PJRT_Buffer_Type_PRED; number <= PJRT_Buffer_Type_F4E2M1FN; ++number) {
    const auto type = static_cast<PJRT_Buffer_Type>(number);
    const StatusOr<TensorType> tensor = ToTensorType(type, nullptr, 0);
    ASSERT_TRUE(tensor.ok()) << number;
    EXPECT_EQ(ToBufferType(tensor->dtype), type);
    seen.insert(tensor->dtype);
  }
  for (const DType dtype : {DType::kF6E2M3FN, DType::kF6E3M2FN}) {
    EXPECT_EQ(ToBufferType(dtype), PJRT_Buffer_Type_INVALID);
    EXPECT_TRUE(seen.insert(dtype).second);
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(DType::kToken) + 1);
}

TEST(BufferTypes, RefusesWhatIsNoTypeOrShape) {
  const int64_t negative[] = {2, -1};
  const int64_t huge[] = {int64_t{1} << 40, int64_t{1} << 40};
  EXPECT_FALSE(ToTensorType(PJRT_Buffer_Type_INVALID, nullptr, 0).ok());
  EXPECT_FALSE(ToTensorType(static_cast<PJRT_Buffer_Type>(30), nullptr, 0).ok());
  EXPECT_FALSE(ToTensorType(PJRT_Buffer_Type_F32, negative, 2).ok());
  EXPECT_FALSE(ToTensorType(PJRT_Buffer_Type_F32, huge, 2).ok());
}

TEST(BufferTypes, KeepsZeroExtents) {
  const int64_t dims[] = {3, 0};
  const StatusOr<TensorType> tensor = ToTensorType(PJRT_Buffer_Type_PRED, dims, 2);
  ASSERT_TRUE(tensor.ok());
  EXPECT_EQ(tensor->dims, (Dims{3, 0}));
}

}  // namespace
}  // namespace dragoman::pjrt
