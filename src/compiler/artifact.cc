// SPDX-License-Identifier: Apache-2.0
#include "compiler/artifact.h"

#include <algorithm>

#include "base/format.h"
#include "hlo/reader.h"
#include "stablehlo/reader.h"

namespace dragoman::compiler {
namespace {

struct FormatRow {
  std::string_view name;  // PJRT's
  ArtifactFormat format;
  StatusOr<std::unique_ptr<ir::Module>> (*read)(std::span<const std::byte> artifact);
};
constexpr FormatRow kFormats[] = {
    {"mlir", ArtifactFormat::kStableHlo, stablehlo::ReadArtifact},
    {"hlo", ArtifactFormat::kHlo, hlo::ReadHlo},
};

// No text has them, every HloModuleProto does: the tags of its computations.
bool IsControlCharacter(std::byte byte) {
  const auto c = static_cast<char>(byte);
  return c >= 0 && c < ' ' && c != '\t' && c != '\n' && c != '\r';
}

}  // namespace

StatusOr<ArtifactFormat> ArtifactFormatNamed(std::string_view name) {
  for (const FormatRow& row : kFormats) {
    if (row.name == name) return row.format;
  }
  return Unimplemented(Format("Programs of format \"{}\" are not supported, only \"mlir\" and \"hlo\".", name));
}

std::optional<ArtifactFormat> ArtifactFormatOf(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (text.starts_with("ML\xefR")) return ArtifactFormat::kStableHlo;
  if (std::any_of(file.begin(), file.end(), IsControlCharacter)) return ArtifactFormat::kHlo;
  return std::nullopt;
}

StatusOr<std::unique_ptr<ir::Module>> ReadArtifact(const Artifact& artifact) {
  for (const FormatRow& row : kFormats) {
    if (row.format == artifact.format) return row.read(artifact.bytes);
  }
  return Internal("A program has a format that does not exist.");
}

}  // namespace dragoman::compiler
