// SPDX-License-Identifier: Apache-2.0
#include "spirv/testing.h"

#include <atomic>
#include <filesystem>
#include <fstream>

#include "base/format.h"
#include "base/os.h"
#include "base/os_testing.h"
#include "spirv/spv.h"

namespace dragoman::spirv {
namespace {

// A file with the words; removed with this object.
class WordsFile {
 public:
  explicit WordsFile(std::span<const uint32_t> words) {
    static std::atomic<int> number = 0;
    const std::string name = Format("dragoman-module-{}-{}", os::ProcessId(), number.fetch_add(1));
    path_ = (std::filesystem::temp_directory_path() / name).string();
    const auto bytes = std::as_bytes(words);
    std::ofstream file(path_, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    is_written_ = file.good();
  }
  ~WordsFile() { std::filesystem::remove(path_); }
  WordsFile(const WordsFile&) = delete;
  WordsFile& operator=(const WordsFile&) = delete;
  bool is_written() const { return is_written_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool is_written_ = false;
};

// OpPhi: type, result, then pairs of value and block.
Status RefusePhisOfOneValue(std::span<const uint32_t> words) {
  constexpr size_t kHeaderWords = 5;
  for (size_t at = kHeaderWords, size = 0; at < words.size(); at += size) {
    size = words[at] >> 16;
    if (size == 0 || at + size > words.size()) break;  // spirv-val says it better
    if ((words[at] & 0xffff) != static_cast<uint32_t>(spv::Op::OpPhi)) continue;
    bool is_one_value = true;
    for (size_t pair = 3; pair < size; pair += 2) is_one_value &= words[at + pair] == words[at + 3];
    if (is_one_value) {
      return Internal(
          Format("The phi %{} takes the value %{} whatever block it comes from.", words[at + 2], words[at + 3]));
    }
  }
  return OkStatus();
}

}  // namespace

Status Validate(std::span<const uint32_t> words) {
  RETURN_IF_ERROR(RefusePhisOfOneValue(words));
  const WordsFile file(words);
  if (!file.is_written()) return FailedPrecondition("The temporary file for spirv-val cannot be written.");
  const os::CommandEnd outcome = os::RunCommand("spirv-val --target-env vulkan1.2 " + file.path());
  if (outcome.exit_code == 0) return OkStatus();
  if (outcome.exit_code == os::kCommandNotFound) {
    return FailedPrecondition("spirv-val is not on the PATH; install SPIR-V Tools to run this test.");
  }
  // Before 2023.5 it knows no cooperative matrices, before 2025.2 no bfloat16.
  if (outcome.output.find("Invalid capability operand") != std::string::npos) {
    return Unimplemented("spirv-val is too old for the module: " + outcome.output);
  }
  return Internal(Format("spirv-val refuses the module: {}", outcome.output));
}

std::string Disassemble(std::span<const uint32_t> words) {
  const WordsFile file(words);
  const os::CommandEnd outcome = os::RunCommand("spirv-dis --no-color --raw-id " + file.path());
  return outcome.exit_code == 0 ? outcome.output : std::string();
}

}  // namespace dragoman::spirv
