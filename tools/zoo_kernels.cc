// SPDX-License-Identifier: Apache-2.0
// Compiles programs for the first Vulkan device and prints what its driver says of each kernel (registers, spills,
// instructions, cycles, ...) as JSON lines. It never submits work, so drivers without their hardware do (docs/zoo.md).
//
//   zoo_kernels [--assembly] FILE...    programs of either format, or modules of others: FILE.spv, whose buffers are
//                                       bindings of the first sets; FILE.spv@32 requires subgroups of 32
//
// A line {"begin": ...} stands before each kernel: after a driver's crash the last one names the culprit.
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/format.h"
#include "compiler/compiler.h"
#include "vulkan/features.h"
#include "vulkan/instance.h"
#include "vulkan/physical_device.h"

namespace dragoman {
namespace {

constexpr uint32_t kPushConstantBytes = 16;
// What a module of others may use.
constexpr uint32_t kOthersPushConstantBytes = 128;
constexpr uint32_t kOthersSets = 2;
constexpr uint32_t kOthersBindings = 16;

struct Functions {
#define DRAGOMAN_ZOO_FUNCTIONS(X)         \
  X(vkCreateShaderModule)                 \
  X(vkDestroyShaderModule)                \
  X(vkCreateDescriptorSetLayout)          \
  X(vkCreatePipelineLayout)               \
  X(vkCreateComputePipelines)             \
  X(vkDestroyPipeline)                    \
  X(vkGetPipelineExecutablePropertiesKHR) \
  X(vkGetPipelineExecutableStatisticsKHR) \
  X(vkGetPipelineExecutableInternalRepresentationsKHR)
#define X(name) PFN_##name name = nullptr;
  DRAGOMAN_ZOO_FUNCTIONS(X)
#undef X
};

struct Zoo {
  std::shared_ptr<vulkan::Instance> instance;
  vulkan::PhysicalDevice physical;
  VkDevice device = VK_NULL_HANDLE;
  Functions functions;
  VkPipelineLayout layout = VK_NULL_HANDLE;
  VkPipelineLayout others_layout = VK_NULL_HANDLE;
  bool wants_assembly = false;
};

Status LoadFunctions(Zoo& zoo) {
#define X(name)                                                                                                        \
  zoo.functions.name = reinterpret_cast<PFN_##name>(zoo.instance->functions().vkGetDeviceProcAddr(zoo.device, #name)); \
  if (zoo.functions.name == nullptr) return Unavailable("The driver lacks " #name ".");
  DRAGOMAN_ZOO_FUNCTIONS(X)
#undef X
  return OkStatus();
}

Status CreateLayout(const Zoo& zoo, const std::vector<VkDescriptorSetLayout>& sets, uint32_t push_constant_bytes,
                    VkPipelineLayout* layout) {
  const VkPushConstantRange range{.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = push_constant_bytes};
  const VkPipelineLayoutCreateInfo info{.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                        .setLayoutCount = static_cast<uint32_t>(sets.size()),
                                        .pSetLayouts = sets.data(),
                                        .pushConstantRangeCount = 1,
                                        .pPushConstantRanges = &range};
  return vulkan::ToStatus("vkCreatePipelineLayout",
                          zoo.functions.vkCreatePipelineLayout(zoo.device, &info, nullptr, layout));
}

Status CreateLayouts(Zoo& zoo) {
  RETURN_IF_ERROR(CreateLayout(zoo, {}, kPushConstantBytes, &zoo.layout));
  std::vector<VkDescriptorSetLayoutBinding> bindings(kOthersBindings);
  for (uint32_t i = 0; i < kOthersBindings; ++i) {
    bindings[i] = {.binding = i,
                   .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                   .descriptorCount = 1,
                   .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
  }
  const VkDescriptorSetLayoutCreateInfo info{.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                             .bindingCount = kOthersBindings,
                                             .pBindings = bindings.data()};
  VkDescriptorSetLayout set = VK_NULL_HANDLE;
  RETURN_IF_ERROR(vulkan::ToStatus("vkCreateDescriptorSetLayout",
                                   zoo.functions.vkCreateDescriptorSetLayout(zoo.device, &info, nullptr, &set)));
  return CreateLayout(zoo, std::vector<VkDescriptorSetLayout>(kOthersSets, set), kOthersPushConstantBytes,
                      &zoo.others_layout);
}

Status CreateDevice(Zoo& zoo) {
  const uint32_t version = std::min(zoo.physical.profile.api_version, zoo.instance->api_version());
  if (zoo.physical.extensions.count(VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME) == 0) {
    return Unimplemented(Format("{} has no pipeline statistics.", zoo.physical.profile.name));
  }
  vulkan::FeatureChain available(version, zoo.physical.extensions);
  zoo.instance->functions().vkGetPhysicalDeviceFeatures2(zoo.physical.handle, &available.core);
  vulkan::FeatureChain wanted(version, zoo.physical.extensions);
  vulkan::SelectFeatures(available, zoo.physical.profile, wanted);
  VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR statistics{
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
      .pNext = &wanted.core,
      .pipelineExecutableInfo = VK_TRUE};
  std::vector<const char*> extensions = vulkan::RequiredExtensions(version, zoo.physical.extensions);
  extensions.push_back(VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME);
  const float priority = 1.0f;
  const VkDeviceQueueCreateInfo queue{.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                      .queueFamilyIndex = zoo.physical.queue_family,
                                      .queueCount = 1,
                                      .pQueuePriorities = &priority};
  const VkDeviceCreateInfo info{.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                .pNext = &statistics,
                                .queueCreateInfoCount = 1,
                                .pQueueCreateInfos = &queue,
                                .enabledExtensionCount = static_cast<uint32_t>(extensions.size()),
                                .ppEnabledExtensionNames = extensions.data()};
  const auto create = zoo.instance->functions().vkCreateDevice;
  RETURN_IF_ERROR(vulkan::ToStatus("vkCreateDevice", create(zoo.physical.handle, &info, nullptr, &zoo.device)));
  RETURN_IF_ERROR(LoadFunctions(zoo));
  return CreateLayouts(zoo);
}

StatusOr<Zoo> OpenZoo(bool wants_assembly) {
  Zoo zoo;
  zoo.wants_assembly = wants_assembly;
  ASSIGN_OR_RETURN(zoo.instance, vulkan::Instance::Create({}));
  ASSIGN_OR_RETURN(auto devices, vulkan::EnumeratePhysicalDevices(*zoo.instance));
  if (devices.empty()) return Unavailable("There is no Vulkan device.");
  zoo.physical = std::move(devices.front());
  if (!zoo.physical.refusal.empty()) return FailedPrecondition(zoo.physical.refusal);
  RETURN_IF_ERROR(CreateDevice(zoo));
  return zoo;
}

// Some drivers abort on a size that they do not offer.
bool OffersSubgroups(const target::DeviceProfile& profile, uint32_t size) {
  return profile.subgroup_size_control && size >= static_cast<uint32_t>(profile.subgroup_min_size) &&
         size <= static_cast<uint32_t>(profile.subgroup_max_size);
}

// The name of a module's first entry point (OpEntryPoint, opcode 15: model, function, name); ours is "main".
std::string EntryName(const std::vector<uint32_t>& spirv) {
  constexpr size_t kHeaderWords = 5;
  for (size_t at = kHeaderWords; at < spirv.size() && (spirv[at] >> 16) != 0; at += spirv[at] >> 16) {
    if ((spirv[at] & 0xffffu) != 15 || at + 3 >= spirv.size()) continue;
    const auto* name = reinterpret_cast<const char*>(&spirv[at + 3]);
    return std::string(name, strnlen(name, (spirv.size() - at - 3) * sizeof(uint32_t)));
  }
  return "main";
}

StatusOr<VkPipeline> CreatePipeline(const Zoo& zoo, const program::Kernel& kernel) {
  const auto& profile = zoo.physical.profile;
  const uint32_t subgroup_size = kernel.required_subgroup_size;
  if (subgroup_size != 0 && !OffersSubgroups(profile, subgroup_size)) {
    return Unimplemented(Format("It requires subgroups of {}.", subgroup_size));
  }
  const VkShaderModuleCreateInfo module_info{.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                             .codeSize = kernel.spirv.size() * sizeof(uint32_t),
                                             .pCode = kernel.spirv.data()};
  VkShaderModule module = VK_NULL_HANDLE;
  RETURN_IF_ERROR(vulkan::ToStatus("vkCreateShaderModule",
                                   zoo.functions.vkCreateShaderModule(zoo.device, &module_info, nullptr, &module)));
  const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo required{
      .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
      .requiredSubgroupSize = subgroup_size};
  // As the runtime does.
  const bool is_full =
      subgroup_size != 0 && profile.compute_full_subgroups && kernel.workgroup_size % subgroup_size == 0;
  VkPipelineCreateFlags flags = VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR;
  if (zoo.wants_assembly) flags |= VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR;
  VkPipelineShaderStageCreateFlags stage_flags = 0;
  if (is_full) stage_flags |= VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
  const std::string entry = EntryName(kernel.spirv);
  const VkComputePipelineCreateInfo info{.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                         .flags = flags,
                                         .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                   .pNext = subgroup_size != 0 ? &required : nullptr,
                                                   .flags = stage_flags,
                                                   .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                   .module = module,
                                                   .pName = entry.c_str()},
                                         .layout = kernel.num_buffers == 0 ? zoo.others_layout : zoo.layout};
  VkPipeline pipeline = VK_NULL_HANDLE;
  const VkResult result =
      zoo.functions.vkCreateComputePipelines(zoo.device, VK_NULL_HANDLE, 1, &info, nullptr, &pipeline);
  zoo.functions.vkDestroyShaderModule(zoo.device, module, nullptr);
  RETURN_IF_ERROR(vulkan::ToStatus("vkCreateComputePipelines", result));
  return pipeline;
}

nlohmann::json ValueOf(const VkPipelineExecutableStatisticKHR& statistic) {
  switch (statistic.format) {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
      return statistic.value.b32 != 0;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
      return statistic.value.i64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR:
      return statistic.value.u64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR:
      return statistic.value.f64;
    default:
      return nullptr;
  }
}

void PrintAssembly(const Zoo& zoo, const VkPipelineExecutableInfoKHR& info) {
  const auto get = zoo.functions.vkGetPipelineExecutableInternalRepresentationsKHR;
  uint32_t count = 0;
  get(zoo.device, &info, &count, nullptr);
  std::vector<VkPipelineExecutableInternalRepresentationKHR> texts(count);
  for (auto& text : texts) text = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR};
  get(zoo.device, &info, &count, texts.data());
  std::vector<std::string> data(count);
  for (uint32_t i = 0; i < count; ++i) {
    data[i].resize(texts[i].dataSize);
    texts[i].pData = data[i].data();
  }
  get(zoo.device, &info, &count, texts.data());
  for (uint32_t i = 0; i < count; ++i) std::fprintf(stderr, "==== %s\n%s\n", texts[i].name, data[i].c_str());
}

// The sum over the pipeline's executables is not meaningful; drivers make one for a compute pipeline, Intel's one a
// subgroup size: the last is the widest, which a full workgroup takes.
nlohmann::json Statistics(const Zoo& zoo, VkPipeline pipeline) {
  const VkPipelineInfoKHR pipeline_info{.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = pipeline};
  uint32_t num_executables = 0;
  zoo.functions.vkGetPipelineExecutablePropertiesKHR(zoo.device, &pipeline_info, &num_executables, nullptr);
  if (num_executables == 0) return nlohmann::json::object();
  const VkPipelineExecutableInfoKHR info{.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
                                         .pipeline = pipeline,
                                         .executableIndex = num_executables - 1};
  if (zoo.wants_assembly) PrintAssembly(zoo, info);
  uint32_t count = 0;
  zoo.functions.vkGetPipelineExecutableStatisticsKHR(zoo.device, &info, &count, nullptr);
  std::vector<VkPipelineExecutableStatisticKHR> statistics(count);
  for (auto& statistic : statistics) statistic = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR};
  zoo.functions.vkGetPipelineExecutableStatisticsKHR(zoo.device, &info, &count, statistics.data());
  nlohmann::json values = nlohmann::json::object();
  for (const auto& statistic : statistics) values[statistic.name] = ValueOf(statistic);
  return values;
}

nlohmann::json Ask(const Zoo& zoo, const program::Kernel& kernel, const nlohmann::json& name) {
  if (zoo.wants_assembly) std::fprintf(stderr, "==== Kernel %s\n", name.dump().c_str());
  const auto pipeline = CreatePipeline(zoo, kernel);
  if (!pipeline.ok()) return {{"error", pipeline.status().message()}};
  nlohmann::json statistics = Statistics(zoo, *pipeline);
  zoo.functions.vkDestroyPipeline(zoo.device, *pipeline, nullptr);
  return {{"statistics", std::move(statistics)}};
}

void Print(const nlohmann::json& line) {
  std::puts(line.dump().c_str());
  std::fflush(stdout);
}

// What the kernel's first dispatch says about itself.
std::string Label(const std::vector<program::Step>& steps, uint32_t kernel) {
  for (const program::Step& step : steps) {
    if (step.kind == program::StepKind::kDispatch && step.kernel == kernel) return step.label;
    for (const auto& body : step.bodies) {
      std::string label = Label(body, kernel);
      if (!label.empty()) return label;
    }
  }
  return "";
}

StatusOr<program::Program> CompileFile(const Zoo& zoo, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFound(Format("The file {} cannot be read.", path));
  const std::vector<char> characters(std::istreambuf_iterator<char>(file), {});
  const auto bytes = std::as_bytes(std::span(characters));
  const auto format = compiler::ArtifactFormatOf(bytes);
  if (!format) return InvalidArgument(Format("The file {} holds no program.", path));
  return compiler::Compile({bytes, *format}, zoo.physical.profile, {});
}

// By a kernel's hash: what its driver says of it, or "error".
using Answers = std::map<std::string, nlohmann::json>;

// How many workgroups all dispatches of a kernel have; the bodies of steps count once.
uint64_t Workgroups(const program::Program& program, uint32_t kernel) {
  uint64_t workgroups = 0;
  for (const program::Step* step : program::AllSteps(program)) {
    if (step->kind == program::StepKind::kDispatch && step->kernel == kernel) workgroups += step->workgroups;
  }
  return workgroups;
}

void RunModule(const Zoo& zoo, const std::string& path) {
  const size_t at = path.rfind('@');
  program::Kernel kernel;
  if (at != std::string::npos) {
    kernel.required_subgroup_size = static_cast<uint32_t>(std::strtoul(path.c_str() + at + 1, nullptr, 10));
  }
  std::ifstream file(path.substr(0, at), std::ios::binary);
  const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
  kernel.spirv.resize(bytes.size() / sizeof(uint32_t));
  std::memcpy(kernel.spirv.data(), bytes.data(), kernel.spirv.size() * sizeof(uint32_t));
  nlohmann::json line = {{"program", std::filesystem::path(path).filename().string()}, {"kernel", 0}};
  if (kernel.spirv.empty()) return Print({{"program", line["program"]}, {"refused", "The file cannot be read."}});
  Print({{"begin", line}});
  line.update(Ask(zoo, kernel, line));
  line["label"] = "";
  Print(line);
}

void RunFile(const Zoo& zoo, const std::string& path, Answers& answers) {
  if (path.find(".spv") != std::string::npos) return RunModule(zoo, path);
  const std::string name = std::filesystem::path(path).stem().string();
  const auto program = CompileFile(zoo, path);
  if (!program.ok()) return Print({{"program", name}, {"refused", program.status().message()}});
  for (uint32_t i = 0; i < program->kernels.size(); ++i) {
    const program::Kernel& kernel = program->kernels[i];
    nlohmann::json line = {{"program", name}, {"kernel", i}, {"hash", kernel.hash.Hex()}};
    auto [answer, is_new] = answers.try_emplace(kernel.hash.Hex());
    if (is_new) {
      Print({{"begin", line}});
      answer->second = Ask(zoo, kernel, line);
    }
    line.update(answer->second);
    line["label"] = Label(program->steps, i);
    line["workgroups"] = Workgroups(*program, i);
    line["workgroup"] = kernel.workgroup_size;
    line["subgroup"] = kernel.required_subgroup_size;
    Print(line);
  }
}

int Main(std::vector<std::string> arguments) {
  const bool wants_assembly = !arguments.empty() && arguments.front() == "--assembly";
  if (wants_assembly) arguments.erase(arguments.begin());
  const auto zoo = OpenZoo(wants_assembly);
  if (!zoo.ok()) {
    Print({{"refused", zoo.status().message()}});
    return 3;
  }
  Print({{"device", zoo->physical.profile.name}, {"driver", zoo->physical.profile.driver_info}});
  Answers answers;
  for (const std::string& path : arguments) RunFile(*zoo, path, answers);
  Print({{"end", answers.size()}});
  return 0;
}

}  // namespace
}  // namespace dragoman

int main(int argc, char** argv) { return dragoman::Main({argv + 1, argv + argc}); }
