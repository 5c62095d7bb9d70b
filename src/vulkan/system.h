// SPDX-License-Identifier: Apache-2.0
// What Vulkan's parts are called on this system, and what a person does to get them.
#pragma once

namespace dragoman::vulkan {

#if defined(_WIN32)
inline constexpr const char* kLoaderName = "vulkan-1.dll";
inline constexpr const char* kLoaderCure =
    "Install the newest driver from the maker of the GPU; the loader comes with it.";
inline constexpr const char* kDriverCure = "Install the newest driver from the maker of the GPU.";
inline constexpr const char* kLayerCure = "Install the Vulkan SDK (https://vulkan.lunarg.com)";
inline constexpr const char* kInstallCure = "install the newest driver from the maker of your GPU";
#else
inline constexpr const char* kLoaderName = "libvulkan.so.1";
inline constexpr const char* kLoaderCure =
    "Install it and a Vulkan driver, for example with `apt install libvulkan1 mesa-vulkan-drivers`.";
inline constexpr const char* kDriverCure =
    "Install the driver of the GPU, or a CPU driver, for example with `apt install mesa-vulkan-drivers`.";
inline constexpr const char* kLayerCure = "Install it, for example with `apt install vulkan-validationlayers`";
inline constexpr const char* kInstallCure =
    "apt install libvulkan1 mesa-vulkan-drivers (AMD, Intel, CPU), or NVIDIA's driver";
#endif

}  // namespace dragoman::vulkan
