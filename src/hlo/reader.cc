// SPDX-License-Identifier: Apache-2.0
#include "hlo/reader.h"

#include "hlo/fields.h"
#include "hlo/importer.h"
#include "read/checks.h"

namespace dragoman::hlo {

StatusOr<std::unique_ptr<ir::Module>> ReadHlo(std::span<const std::byte> proto) {
  ASSIGN_OR_RETURN(const ModuleTable table, ReadModuleTable(proto));
  auto module = std::make_unique<ir::Module>();
  module->name = table.message.Text(module_field::kName);
  auto locations = std::make_shared<LocationTable>();
  module->locations = locations;
  RETURN_IF_ERROR(Importer(table, *module, *locations).Run());
  return read::CheckModule(std::move(module));
}

}  // namespace dragoman::hlo
