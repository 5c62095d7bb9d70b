// SPDX-License-Identifier: Apache-2.0
// The library as frameworks load it: a client's threads end before the library goes, or with the process.
#include <gtest/gtest.h>

#include "base/os.h"
#include "base/os_testing.h"
#include "pjrt/c_api.h"
#include "pjrt/door_testing.h"

namespace dragoman::pjrt {
namespace {

constexpr int kUnavailable = 14;

// Beside this program, by the name that it has on this system; empty where it is not built.
std::string LibraryPath() {
  const auto folder = os::PathOf(os::BinaryPath(reinterpret_cast<const void*>(&LibraryPath))).parent_path();
  for (const char* name : {"libdragoman.so", "dragoman.dll"}) {
    if (std::filesystem::exists(folder / name)) return os::NameOf(folder / name);
  }
  return {};
}

// Opened for itself, with a client of its own: the copy within this program has nothing to do with it.
struct LoadedLibrary {
  void* library = nullptr;
  const PJRT_Api* api = nullptr;
  PJRT_Client* client = nullptr;  // null where there is no device
};

LoadedLibrary Load() {
  LoadedLibrary loaded;
  const auto library = os::OpenLibrary(LibraryPath().c_str(), os::Binding::kPlain);
  EXPECT_TRUE(library.ok()) << library.status().message();
  if (!library.ok()) return loaded;
  loaded.library = *library;
  const auto get = reinterpret_cast<const PJRT_Api* (*)()>(os::FindSymbol(*library, "GetPjrtApi"));
  loaded.api = get();
  auto create = NEW(Client_Create);
  PJRT_Error* error = loaded.api->PJRT_Client_Create(&create);
  loaded.client = create.client;
  if (error == nullptr) return loaded;
  auto code = NEW(Error_GetCode);
  code.error = error;
  loaded.api->PJRT_Error_GetCode(&code);
  EXPECT_EQ(code.code, kUnavailable);
  loaded.client = nullptr;
  return loaded;
}

// In processes of their own, for they change what is loaded.
TEST(LibraryProcess, DISABLED_FreesItsLibraryTwice) {
  for (int i = 0; i < 2; ++i) {
    const LoadedLibrary loaded = Load();
    if (loaded.client == nullptr)
      GTEST_SKIP()
          << "There is no Vulkan device; Mesa's lavapipe (mesa-vulkan-drivers) is one that every machine can have.";
    auto destroy = NEW(Client_Destroy);
    destroy.client = loaded.client;
    EXPECT_EQ(loaded.api->PJRT_Client_Destroy(&destroy), nullptr);
    os::CloseLibrary(loaded.library);
  }
}

TEST(LibraryProcess, DISABLED_EndsWithAClient) { Load(); }

class Library : public ::testing::Test {
 protected:
  void SetUp() override {
    if (LibraryPath().empty()) GTEST_SKIP() << "The library is not built beside this program.";
  }
};

TEST_F(Library, IsFreedAfterItsClient) {
  EXPECT_EQ(os::RunTestAlone("LibraryProcess.DISABLED_FreesItsLibraryTwice"), 0);
}

TEST_F(Library, EndsWithTheProcessThatLeavesItsClient) {
  EXPECT_EQ(os::RunTestAlone("LibraryProcess.DISABLED_EndsWithAClient"), 0);
}

}  // namespace
}  // namespace dragoman::pjrt
