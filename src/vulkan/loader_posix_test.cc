// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/os_driver_binding.h"
#include "base/os_testing.h"
#include "vulkan/instance.h"

namespace dragoman::vulkan {
namespace {

using ::testing::HasSubstr;

TEST(Loader, AnotherLibraryIsNone) {
  os::SetVariable("DRAGOMAN_VULKAN_LIBRARY", "libm.so.6");
  const auto instance = Instance::Create({});
  os::ClearVariable("DRAGOMAN_VULKAN_LIBRARY");
  EXPECT_EQ(instance.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(instance.status().message(), HasSubstr("is no Vulkan loader"));
}

// tests/test_foreign_llvm.py shows what it is for. A sanitizer's allocator forbids it.
TEST(DriverBinding, RedirectsTheLoaderAndNothingElse) {
  void* loader = dlopen("libvulkan.so.1", RTLD_NOW);
  ASSERT_NE(loader, nullptr);
  EXPECT_EQ(os::OpenDriversDeeply(loader), os::DeepBindingFlags() != 0);
  EXPECT_EQ(os::OpenDriversDeeply(loader), os::DeepBindingFlags() != 0);  // as often as one likes
  EXPECT_FALSE(os::OpenDriversDeeply(dlopen("libm.so.6", RTLD_NOW)));
}

}  // namespace
}  // namespace dragoman::vulkan
