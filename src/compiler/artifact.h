// SPDX-License-Identifier: Apache-2.0
// Programs as frameworks hand them over, of either format, to tensor IR.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/status.h"
#include "ir/ir.h"

namespace dragoman::compiler {

enum class ArtifactFormat : uint8_t {
  kStableHlo,  // a portable artifact, as JAX sends it
  kHlo,        // a serialized HloModuleProto, as TensorFlow and torch_xla send it
};

struct Artifact {
  Artifact(std::span<const std::byte> artifact, ArtifactFormat its_format = ArtifactFormat::kStableHlo)
      : bytes(artifact), format(its_format) {}

  std::span<const std::byte> bytes;  // must stay
  ArtifactFormat format;
};

// By the name that PJRT has for it: "mlir" or "hlo". UNIMPLEMENTED: another one.
StatusOr<ArtifactFormat> ArtifactFormatNamed(std::string_view name);
// What a file holds, by its bytes; nullopt when it is a text.
std::optional<ArtifactFormat> ArtifactFormatOf(std::span<const std::byte> file);

// Fails as the format's reader does (stablehlo/reader.h, hlo/reader.h). The result verifies.
StatusOr<std::unique_ptr<ir::Module>> ReadArtifact(const Artifact& artifact);

}  // namespace dragoman::compiler
