// SPDX-License-Identifier: Apache-2.0
#include "target/profile_json.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "target/quirks.h"

namespace dragoman::target {
namespace {

// The same JSON with another value in one field.
nlohmann::ordered_json Changed(const nlohmann::ordered_json& value, const std::string& field) {
  if (field == "type") return "virtual";
  if (field == "address_form") return "byte_offset_32";
  if (value.is_string()) return value.get<std::string>() + "x";
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number_unsigned() || value.is_number_integer()) return value.get<int64_t>() + 1;
  if (field == "matrix_shapes") return {{{"m", 8}, {"n", 8}, {"k", 16}, {"input", "bf16"}, {"accumulator", "f32"}}};
  return {7, 8, 9};
}

TEST(ProfileJson, EveryFieldComesBack) {
  const auto defaults = nlohmann::ordered_json::parse(ToJson(DeviceProfile()));
  for (const auto& [field, value] : defaults.items()) {
    nlohmann::ordered_json json = defaults;
    json[field] = Changed(value, field);
    const auto profile = FromJson(json.dump());
    ASSERT_TRUE(profile.ok()) << profile.status().message();
    EXPECT_FALSE(*profile == DeviceProfile()) << field;
    EXPECT_EQ(nlohmann::ordered_json::parse(ToJson(*profile)), json) << field;
  }
}

TEST(ProfileJson, MissingFieldsKeepTheirDefaults) {
  const auto profile = FromJson(R"({"float16": true})");
  ASSERT_TRUE(profile.ok());
  DeviceProfile expected;
  expected.float16 = true;
  EXPECT_EQ(*profile, expected);
}

TEST(ProfileJson, RefusesWhatItDoesNotUnderstand) {
  const char* const texts[] = {"",
                               "[]",
                               "{",
                               R"({"flaot16": true})",
                               R"({"float16": 1})",
                               R"({"vendor_id": -1})",
                               R"({"vendor_id": 4294967296})",
                               R"({"type": "toaster"})",
                               R"({"max_workgroup_size": [1, 2]})",
                               R"({"matrix_shapes": [{"m": 8}]})"};
  for (const char* text : texts) {
    const auto profile = FromJson(text);
    ASSERT_FALSE(profile.ok()) << text;
    EXPECT_EQ(profile.status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(ProfileJson, NamesTheFileThatIsMissing) {
  const auto profile = LoadProfile("no/such/profile.json");
  ASSERT_FALSE(profile.ok());
  EXPECT_EQ(profile.status().code(), StatusCode::kNotFound);
  EXPECT_NE(profile.status().message().find("no/such/profile.json"), std::string::npos);
}

TEST(ProfileJson, TheTestProfilesLoadAndHaveTheirQuirks) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/profiles")) {
    const auto profile = LoadProfile(entry.path().string());
    ASSERT_TRUE(profile.ok()) << profile.status().message();
    DeviceProfile quirked = *profile;
    ApplyQuirks(quirked);
    EXPECT_EQ(quirked, *profile) << entry.path();
    EXPECT_FALSE(profile->name.empty());
    ++count;
  }
  EXPECT_GE(count, 6);
}

}  // namespace
}  // namespace dragoman::target
