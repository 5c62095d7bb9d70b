// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/reader.h"

#include "read/checks.h"
#include "stablehlo/container.h"
#include "stablehlo/importer.h"
#include "stablehlo/location_table.h"

namespace dragoman::stablehlo {

StatusOr<std::unique_ptr<ir::Module>> ReadArtifact(std::span<const std::byte> artifact) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const Container> container, ParseContainer(artifact));
  auto module = std::make_unique<ir::Module>();
  module->locations = std::make_shared<LocationTable>(container);
  RETURN_IF_ERROR(Importer(container, *module).Run());
  return read::CheckModule(std::move(module));
}

}  // namespace dragoman::stablehlo
