// SPDX-License-Identifier: Apache-2.0
#include "pjrt/compile_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace dragoman::pjrt {
namespace {

using ::testing::ElementsAre;

std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7f) | 0x80);
  return bytes + static_cast<char>(value);
}

std::string Number(int field, int64_t value) { return Varint(field << 3) + Varint(static_cast<uint64_t>(value)); }

std::string Bytes(int field, const std::string& bytes) {
  return Varint((field << 3) | 2) + Varint(bytes.size()) + bytes;
}

std::string Double(int field, double value) {
  std::string bytes(8, 0);
  std::memcpy(bytes.data(), &value, 8);
  return Varint((field << 3) | 1) + bytes;
}

std::string Override(const std::string& name, const std::string& value) {
  return Bytes(7, Bytes(1, name) + Bytes(2, value));
}

// As jaxlib writes them, with fields around that do not matter.
std::string Everything() {
  const std::string computation = Bytes(1, Varint(3) + Varint(300));
  const std::string assignment = Number(1, 1) + Number(2, 2) + Bytes(3, computation);
  const std::string build = Number(1, -1) + Bytes(3, "debug options") + Number(4, 1) + Number(5, 2) + Number(6, 1) +
                            Bytes(9, assignment) + Number(15, 1 << 20);
  return Bytes(3, build) + Number(5, -1) + Override("flag", Number(2, 1)) + Override("text", Bytes(1, "a,b")) +
         Override("count", Number(3, -7)) + Override("rate", Double(4, 0.25)) + Number(9, 1);
}

TEST(ReadCompileOptions, ReadsTheFieldsThatMatter) {
  const StatusOr<CompileOptions> options = ReadCompileOptions(Everything());
  ASSERT_TRUE(options.ok()) << options.status().message();
  EXPECT_EQ(options->num_replicas, 1);
  EXPECT_EQ(options->num_partitions, 2);
  EXPECT_THAT(options->device_ids, ElementsAre(3, 300));
  EXPECT_EQ(options->overrides.size(), 4u);
  EXPECT_EQ(options->overrides.at("flag"), OptionValue(true));
  EXPECT_EQ(options->overrides.at("text"), OptionValue(std::string("a,b")));
  EXPECT_EQ(options->overrides.at("count"), OptionValue(int64_t{-7}));
  EXPECT_EQ(options->overrides.at("rate"), OptionValue(0.25));
}

TEST(ReadCompileOptions, HasDefaultsForNoBytes) {
  const StatusOr<CompileOptions> options = ReadCompileOptions("");
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->num_replicas, 1);
  EXPECT_EQ(options->num_partitions, 1);
  EXPECT_TRUE(options->device_ids.empty());
}

TEST(ReadCompileOptions, ReadsDeviceIdsThatAreNotPacked) {
  const std::string assignment = Bytes(3, Number(1, 5) + Number(1, 6));
  const StatusOr<CompileOptions> options = ReadCompileOptions(Bytes(3, Bytes(9, assignment)));
  ASSERT_TRUE(options.ok());
  EXPECT_THAT(options->device_ids, ElementsAre(5, 6));
}

TEST(ReadCompileOptions, ReadsWhereTheProgramRuns) {
  const StatusOr<CompileOptions> options = ReadCompileOptions(Bytes(3, Number(1, 2)) + Number(4, 1));
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->device_ordinal, 2);
  EXPECT_TRUE(options->is_portable);
  EXPECT_FALSE(ReadCompileOptions("")->is_portable);
  EXPECT_EQ(ReadCompileOptions("")->device_ordinal, -1);
}

TEST(WriteHloWithConfig, TakesTheEntrysLayoutAlong) {
  const std::string module = Bytes(1, "name") + Bytes(4, "shape");
  EXPECT_EQ(*WriteHloWithConfig(module), Bytes(1, module) + Bytes(2, Bytes(1, "shape")));
  EXPECT_EQ(*WriteHloWithConfig(""), Bytes(1, "") + Bytes(2, ""));
  EXPECT_EQ(WriteHloWithConfig("\x0a\x05").status().code(), StatusCode::kInvalidArgument);
}

TEST(ReadCompileOptions, SurvivesEveryCutAndEveryChangedByte) {
  const std::string bytes = Everything();
  int num_refused = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    num_refused += !ReadCompileOptions(bytes.substr(0, i)).ok();
    for (int change = 1; change < 256; change <<= 1) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ change);
      num_refused += !ReadCompileOptions(changed).ok();
    }
  }
  EXPECT_GT(num_refused, 100);
}

TEST(ReadCompileOptions, RefusesNumbersOfMoreThan64Bits) {
  const StatusOr<CompileOptions> options = ReadCompileOptions(std::string(11, '\xff'));
  EXPECT_EQ(options.status().code(), StatusCode::kInvalidArgument);
}

TEST(WriteDeviceAssignment, IsReadBack) {
  for (const int64_t id : {0, 1, 127, 128, 70000}) {
    const StatusOr<CompileOptions> options = ReadCompileOptions(Bytes(3, Bytes(9, WriteDeviceAssignment(id))));
    ASSERT_TRUE(options.ok());
    EXPECT_THAT(options->device_ids, ElementsAre(id));
  }
}

}  // namespace
}  // namespace dragoman::pjrt
