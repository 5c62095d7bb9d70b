// SPDX-License-Identifier: Apache-2.0
#include "pjrt/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace dragoman::pjrt {
namespace {

std::string TakeMessage(PJRT_Error* error, int* code) {
  PJRT_Error_Message_Args message = {sizeof(message), nullptr, error, nullptr, 0};
  Api()->PJRT_Error_Message(&message);
  PJRT_Error_GetCode_Args get_code = {sizeof(get_code), nullptr, error, -1};
  EXPECT_EQ(Api()->PJRT_Error_GetCode(&get_code), nullptr);
  *code = get_code.code;
  const std::string text(message.message, message.message_size);
  PJRT_Error_Destroy_Args destroy = {sizeof(destroy), nullptr, error};
  Api()->PJRT_Error_Destroy(&destroy);
  return text;
}

TEST(Api, DeclaresItsSizeAndVersion) {
  EXPECT_EQ(Api()->struct_size, sizeof(PJRT_Api));
  EXPECT_EQ(Api()->pjrt_api_version.major_version, 0);
  EXPECT_EQ(Api()->pjrt_api_version.minor_version, 90);
  EXPECT_EQ(Api(), Api());
}

TEST(Api, HasNoNullSlot) {
#define CHECK_SLOT(function) EXPECT_NE(Api()->PJRT_##function, nullptr) << #function;
  DRAGOMAN_PJRT_SLOTS(CHECK_SLOT, CHECK_SLOT)
#undef CHECK_SLOT
}

TEST(Api, UnservedSlotsAnswerUnimplementedWithTheirName) {
  int code = 0;
  EXPECT_THAT(TakeMessage(Api()->PJRT_Client_DmaMap(nullptr), &code), ::testing::HasSubstr("PJRT_Client_DmaMap"));
  EXPECT_EQ(code, 12);
  EXPECT_THAT(TakeMessage(Api()->PJRT_Compile(nullptr), &code), ::testing::HasSubstr("PJRT_Compile"));
  EXPECT_EQ(code, 12);
}

TEST(Api, ServedSlotsRefuseMissingArguments) {
  int code = 0;
  TakeMessage(Api()->PJRT_Client_Compile(nullptr), &code);
  EXPECT_EQ(code, 3);
}

TEST(Api, ListsTheStableHloVersionItReads) {
  PJRT_Plugin_Attributes_Args args = {sizeof(args)};
  ASSERT_EQ(Api()->PJRT_Plugin_Attributes(&args), nullptr);
  bool is_found = false;
  for (size_t i = 0; i < args.num_attributes; ++i) {
    const PJRT_NamedValue& value = args.attributes[i];
    EXPECT_EQ(value.struct_size, sizeof(PJRT_NamedValue));
    if (std::string(value.name, value.name_size) != "stablehlo_current_version") continue;
    ASSERT_EQ(value.type, PJRT_NamedValue_kInt64List);
    EXPECT_THAT(std::vector<int64_t>(value.int64_array_value, value.int64_array_value + value.value_size),
                ::testing::ElementsAre(1, 10, 0));
    is_found = true;
  }
  EXPECT_TRUE(is_found);
}

TEST(Api, AnEventOfTheFrameworkCallsBackOnceItIsSet) {
  PJRT_Event_Create_Args create = {sizeof(create)};
  ASSERT_EQ(Api()->PJRT_Event_Create(&create), nullptr);
  PJRT_Event_IsReady_Args is_ready = {sizeof(is_ready), nullptr, create.event, true};
  ASSERT_EQ(Api()->PJRT_Event_IsReady(&is_ready), nullptr);
  EXPECT_FALSE(is_ready.is_ready);
  int code = -1;
  PJRT_Event_OnReady_Args on_ready = {sizeof(on_ready), nullptr, create.event, nullptr, &code};
  on_ready.callback = [](PJRT_Error* error, void* user_arg) {
    EXPECT_EQ(TakeMessage(error, static_cast<int*>(user_arg)), "It broke.");
  };
  ASSERT_EQ(Api()->PJRT_Event_OnReady(&on_ready), nullptr);
  EXPECT_EQ(code, -1);
  PJRT_Event_Set_Args set = {sizeof(set), nullptr, create.event, 13, "It broke.", 9};
  ASSERT_EQ(Api()->PJRT_Event_Set(&set), nullptr);
  EXPECT_EQ(code, 13);
  PJRT_Event_Error_Args error = {sizeof(error), nullptr, create.event};
  EXPECT_EQ(TakeMessage(Api()->PJRT_Event_Error(&error), &code), "It broke.");
  PJRT_Event_Destroy_Args destroy = {sizeof(destroy), nullptr, create.event};
  EXPECT_EQ(Api()->PJRT_Event_Destroy(&destroy), nullptr);
}

}  // namespace
}  // namespace dragoman::pjrt
