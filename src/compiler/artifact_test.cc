// SPDX-License-Identifier: Apache-2.0
#include "compiler/artifact.h"

#include <gtest/gtest.h>

#include <string_view>

namespace dragoman::compiler {
namespace {

std::span<const std::byte> BytesOf(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(ArtifactFormat, IsKnownByPjrtsName) {
  EXPECT_EQ(*ArtifactFormatNamed("mlir"), ArtifactFormat::kStableHlo);
  EXPECT_EQ(*ArtifactFormatNamed("hlo"), ArtifactFormat::kHlo);
  const Status other = ArtifactFormatNamed("hlo_with_config").status();
  EXPECT_EQ(other.code(), StatusCode::kUnimplemented);
  EXPECT_EQ(other.message(), "Programs of format \"hlo_with_config\" are not supported, only \"mlir\" and \"hlo\".");
}

TEST(ArtifactFormat, IsKnownByAFilesBytes) {
  EXPECT_EQ(ArtifactFormatOf(BytesOf("ML\xefR\x0d")), ArtifactFormat::kStableHlo);
  EXPECT_EQ(ArtifactFormatOf(BytesOf("\x0a\x04main\x12\x04main")), ArtifactFormat::kHlo);
  EXPECT_EQ(ArtifactFormatOf(BytesOf("\nfunc @main() {\n\treturn() // \xc3\xa4\n}")), std::nullopt);
}

TEST(ReadArtifact, LeavesDamageToTheFormatsReader) {
  for (const ArtifactFormat format : {ArtifactFormat::kStableHlo, ArtifactFormat::kHlo}) {
    EXPECT_EQ(ReadArtifact({BytesOf("neither"), format}).status().code(), StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace dragoman::compiler
