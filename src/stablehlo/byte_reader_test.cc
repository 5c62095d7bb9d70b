// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/byte_reader.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace dragoman::stablehlo {
namespace {

std::vector<std::byte> Bytes(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(ByteReader, ReadsVarintsOfEachLength) {
  // n trailing zero bits of the first byte: n more bytes.
  EXPECT_EQ(ByteReader(Bytes({0x01})).Varint(), 0u);
  EXPECT_EQ(ByteReader(Bytes({0xFF})).Varint(), 127u);
  EXPECT_EQ(ByteReader(Bytes({0x02, 0x02})).Varint(), 128u);
  EXPECT_EQ(ByteReader(Bytes({0xFE, 0xFF})).Varint(), (1u << 14) - 1);
  EXPECT_EQ(ByteReader(Bytes({0x80, 1, 2, 3, 4, 5, 6, 7})).Varint(), 0x07060504030201u);
  EXPECT_EQ(ByteReader(Bytes({0x00, 1, 2, 3, 4, 5, 6, 7, 8})).Varint(), 0x0807060504030201u);
}

TEST(ByteReader, ReadsZigzag) {
  EXPECT_EQ(ByteReader(Bytes({0x01})).SignedVarint(), 0);
  EXPECT_EQ(ByteReader(Bytes({0x03})).SignedVarint(), -1);
  EXPECT_EQ(ByteReader(Bytes({0x05})).SignedVarint(), 1);
  EXPECT_EQ(ByteReader(Bytes({0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})).SignedVarint(), INT64_MIN);
}

TEST(ByteReader, KeepsTheFirstError) {
  const std::vector<std::byte> bytes = Bytes({0x02});
  ByteReader reader(bytes);
  EXPECT_EQ(reader.Varint(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.Byte(), 0);
  EXPECT_EQ(reader.status("thing").code(), StatusCode::kInvalidArgument);
  EXPECT_NE(reader.status("thing").message().find("its thing ends early"), std::string::npos);
}

TEST(ByteReader, RefusesToCountMoreItemsThanBytes) {
  const std::vector<std::byte> three_of_two = Bytes({0x07, 0, 0});
  ByteReader refused(three_of_two);
  EXPECT_EQ(refused.Count(), 0u);
  EXPECT_FALSE(refused.ok());
  const std::vector<std::byte> two_of_two = Bytes({0x05, 0, 0});
  ByteReader accepted(two_of_two);
  EXPECT_EQ(accepted.Count(), 2u);
  EXPECT_TRUE(accepted.ok());
}

TEST(ByteReader, NeedsTheNul) {
  const std::vector<std::byte> text = Bytes({'a', 'b', 0, 'c'});
  ByteReader reader(text);
  EXPECT_EQ(reader.NulTerminated(), "ab");
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.NulTerminated(), "");
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace dragoman::stablehlo
