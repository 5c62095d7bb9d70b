// SPDX-License-Identifier: Apache-2.0
#include "vulkan/instance.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/format.h"
#include "base/log.h"
#include "base/os.h"
#include "base/os_driver_binding.h"
#include "vulkan/system.h"

namespace dragoman::vulkan {
namespace {

constexpr const char* kValidationLayer = "VK_LAYER_KHRONOS_validation";

StatusOr<GlobalFunctions> OpenLoader() {
  std::string path = os::EnvironmentVariable("DRAGOMAN_VULKAN_LIBRARY").value_or("");
  if (path.empty()) path = kLoaderName;
  const StatusOr<void*> library = os::OpenLibrary(path.c_str(), os::Binding::kDeep);
  if (!library.ok()) {
    return Unavailable(
        Format("The Vulkan loader {} cannot be opened ({}). {}", path, library.status().message(), kLoaderCure));
  }
  const auto get = reinterpret_cast<PFN_vkGetInstanceProcAddr>(os::FindSymbol(*library, "vkGetInstanceProcAddr"));
  if (get == nullptr) return Unavailable(Format("The library {} is no Vulkan loader.", path));
  if (!os::OpenDriversDeeply(*library)) {
    Log(LogLevel::kDebug,
        "Drivers are not bound to their own libraries first; another LLVM in this process may meet them.");
  }
  return LoadGlobalFunctions(get);
}

bool HasLayer(const GlobalFunctions& functions, const char* name) {
  uint32_t count = 0;
  if (functions.vkEnumerateInstanceLayerProperties(&count, nullptr) != VK_SUCCESS) return false;
  std::vector<VkLayerProperties> layers(count);
  functions.vkEnumerateInstanceLayerProperties(&count, layers.data());
  return std::any_of(layers.begin(), layers.begin() + count,
                     [&](const auto& layer) { return std::strcmp(layer.layerName, name) == 0; });
}

// A layer older than the driver says so once for each extension and struct that it does not know.
bool IsAboutTheLayersAge(std::string_view message) {
  constexpr std::string_view kSigns[] = {"is not supported by this layer", "is not a known extension string",
                                         "includes a structure with unknown VkStructureType"};
  return std::any_of(std::begin(kSigns), std::end(kSigns),
                     [&](std::string_view sign) { return message.find(sign) != std::string_view::npos; });
}

}  // namespace

StatusOr<std::shared_ptr<Instance>> Instance::Create(const InstanceOptions& options) {
  std::shared_ptr<Instance> instance(new Instance);
  RETURN_IF_ERROR(instance->Initialize(options));
  return instance;
}

Status Instance::Initialize(const InstanceOptions& options) {
  ASSIGN_OR_RETURN(global_, OpenLoader());
  uint32_t loader_version = 0;
  RETURN_IF_ERROR(Call(faults_, "vkEnumerateInstanceVersion", global_.vkEnumerateInstanceVersion, &loader_version));
  api_version_ = std::min<uint32_t>(loader_version, VK_API_VERSION_1_3);
  if (api_version_ < VK_API_VERSION_1_1) return Unavailable("The Vulkan loader is of version 1.0, 1.1 is needed.");
  std::vector<const char*> layers, extensions;
  if (options.enable_validation) {
    if (!HasLayer(global_, kValidationLayer)) {
      return FailedPrecondition(Format("The Vulkan layer {} is not installed. {}, or do not ask for validation.",
                                       kValidationLayer, kLayerCure));
    }
    layers.push_back(kValidationLayer);
    extensions.push_back(VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
  }
  const VkApplicationInfo application{.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                      .pApplicationName = "dragoman",
                                      .pEngineName = "dragoman",
                                      .apiVersion = api_version_};
  const VkInstanceCreateInfo info{.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                  .pApplicationInfo = &application,
                                  .enabledLayerCount = static_cast<uint32_t>(layers.size()),
                                  .ppEnabledLayerNames = layers.data(),
                                  .enabledExtensionCount = static_cast<uint32_t>(extensions.size()),
                                  .ppEnabledExtensionNames = extensions.data()};
  const Status status = Call(faults_, "vkCreateInstance", global_.vkCreateInstance, &info, nullptr, &handle_);
  if (status.code() == StatusCode::kUnavailable) return status.WithContext(kDriverCure);
  RETURN_IF_ERROR(status);
  ASSIGN_OR_RETURN(functions_, LoadInstanceFunctions(global_, handle_));
  return options.enable_validation ? CreateMessenger() : OkStatus();
}

Status Instance::CreateMessenger() {
  if (functions_.vkCreateDebugUtilsMessengerEXT == nullptr) return Internal("The debug messenger is missing.");
  const VkDebugUtilsMessengerCreateInfoEXT info{.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
                                                .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                                                                   VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
                                                .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
                                                .pfnUserCallback = &Instance::OnMessage,
                                                .pUserData = this};
  return Call(faults_, "vkCreateDebugUtilsMessengerEXT", functions_.vkCreateDebugUtilsMessengerEXT, handle_, &info,
              nullptr, &messenger_);
}

VkBool32 Instance::OnMessage(VkDebugUtilsMessageSeverityFlagBitsEXT, VkDebugUtilsMessageTypeFlagsEXT,
                             const VkDebugUtilsMessengerCallbackDataEXT* data, void* user_data) {
  if (IsAboutTheLayersAge(data->pMessage)) return VK_FALSE;
  static_cast<Instance*>(user_data)->validation_message_count_.fetch_add(1);
  Log(LogLevel::kError, Format("Vulkan validation: {}", data->pMessage));
  return VK_FALSE;
}

Instance::~Instance() {
  if (functions_.process.IsForked()) return;
  if (messenger_ != VK_NULL_HANDLE) functions_.vkDestroyDebugUtilsMessengerEXT(handle_, messenger_, nullptr);
  if (handle_ != VK_NULL_HANDLE && functions_.vkDestroyInstance != nullptr) {
    functions_.vkDestroyInstance(handle_, nullptr);
  }
}

}  // namespace dragoman::vulkan
