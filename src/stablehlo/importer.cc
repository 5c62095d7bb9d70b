// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/importer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/format.h"
#include "read/checks.h"
#include "stablehlo/location_table.h"
#include "stablehlo/meaning.h"
#include "stablehlo/op_attributes.h"

namespace dragoman::stablehlo {
namespace {

// The bit of a block's op count that says arguments follow.
constexpr uint64_t kHasArguments = 1;

}  // namespace

Importer::Importer(std::shared_ptr<const Container> container, ir::Module& module)
    : container_(std::move(container)), table_(container_), module_(module), writer_(container_->data.size()) {}

std::string Importer::WhileReading(const StreamOp& op) const {
  const VhloOp* row = VhloOpOf(op);
  return read::WhileReading(row == nullptr ? op.name->name : row->base_name,
                            LocationTable(container_).Describe(LocationIdOf(op.location)));
}

// The section holds one block: builtin.module alone.
Status Importer::Run() {
  ByteReader reader(container_->ir);
  const uint64_t count_and_flag = reader.Varint();
  RETURN_IF_ERROR(reader.status("IR section"));
  if (count_and_flag != (1 << 1)) return InvalidArgument("The artifact's IR section does not hold one module alone.");
  RETURN_IF_ERROR(ImportModule(reader));
  if (reader.at_end()) return OkStatus();
  return InvalidArgument(Format("The artifact is damaged: {} bytes follow its module.", reader.remaining()));
}

Status Importer::ImportModule(ByteReader& reader) {
  ASSIGN_OR_RETURN(const StreamOp op, ReadStreamOp(reader, *container_));
  if (op.name->dialect->dialect != Dialect::kBuiltin || op.name->name != "module" || op.num_regions != 1) {
    return InvalidArgument(
        Format("The artifact holds {}.{} instead of a module.", op.name->dialect->name, op.name->name));
  }
  RETURN_IF_ERROR(ImportModuleAttributes(op));
  return WithRegions(op, reader, [this](ByteReader& regions) -> Status {
    const uint64_t num_blocks = regions.Varint();
    if (num_blocks == 0) return regions.status("module");
    values_.resize(regions.Count());
    ASSIGN_OR_RETURN(const BlockHeader header, ReadBlockHeader(regions));
    if (num_blocks != 1 || !header.argument_types.empty() || !values_.empty()) {
      return InvalidArgument("The artifact's module has values or several blocks.");
    }
    for (size_t i = 0; i < header.num_ops; ++i) RETURN_IF_ERROR(ImportTopLevelOp(regions));
    return OkStatus();
  });
}

Status Importer::ImportModuleAttributes(const StreamOp& op) {
  // sym_name, then sym_visibility: each an index shifted left by one, or'ed with whether it is there.
  ByteReader properties(op.properties);
  const uint64_t name = properties.at_end() ? 0 : properties.Varint();
  if (name & 1) {
    ASSIGN_OR_RETURN(module_.name, table_.Text(name >> 1));
  }
  if (!op.dictionary.has_value()) return OkStatus();
  ASSIGN_OR_RETURN(const auto entries, table_.Dictionary(*op.dictionary));
  for (const auto& [key, value] : entries) {
    if (key != "mhlo.num_partitions" && key != "mhlo.num_replicas") continue;
    ASSIGN_OR_RETURN(const int64_t count, table_.Int(value));
    if (count < 1 || count > 1 << 20) return InvalidArgument(Format("The module's {} is {}.", key, count));
    (key == "mhlo.num_partitions" ? module_.num_partitions : module_.num_replicas) = static_cast<int>(count);
  }
  return OkStatus();
}

Status Importer::ImportTopLevelOp(ByteReader& reader) {
  ASSIGN_OR_RETURN(const StreamOp op, ReadStreamOp(reader, *container_));
  const VhloOp* row = VhloOpOf(op);
  if (row != nullptr && row->name == "func_v1") return ImportFunction(op, *row, reader);
  return MeaningOf(op) == Meaning::kNothing && op.num_regions == 0 ? OkStatus() : RefuseOp(op);
}

Status Importer::ImportFunction(const StreamOp& op, const VhloOp& row, ByteReader& reader) {
  // arg_attrs, function_type, res_attrs, sym_name, sym_visibility
  ASSIGN_OR_RETURN(const std::vector<AttrIndex> attributes, ReadPropertyList(op, row));
  ASSIGN_OR_RETURN(const std::string_view name, table_.Text(attributes[3]));
  ASSIGN_OR_RETURN(const std::string_view visibility, table_.Text(attributes[4]));
  if (!function_names_.emplace(name).second) {
    return InvalidArgument(Format("The artifact has two functions with the name {}.", name));
  }
  if (op.num_regions != 1) return InvalidArgument(Format("Function {} has {} regions.", name, op.num_regions));
  module_.functions.push_back(std::make_unique<ir::Function>());
  ir::Function& function = *module_.functions.back();
  function.name = name;
  function.is_public = visibility != "private";
  const Status body =
      WithRegions(op, reader, [&](ByteReader& regions) { return ImportRegion(function.body, regions); });
  RETURN_IF_ERROR(body.WithContext(Format("In function {}.", name)));
  ASSIGN_OR_RETURN(function.parameters, ImportParameters(attributes[0], function.body.arguments.size()));
  const auto num_results = static_cast<int64_t>(function.body.terminator()->operands.size());
  ASSIGN_OR_RETURN(function.result_spaces, ImportResultSpaces(attributes[2], static_cast<size_t>(num_results)));
  for (const ir::ParameterInfo& parameter : function.parameters) {
    if (parameter.aliased_output < num_results) continue;
    return InvalidArgument(Format("A parameter of function {} is aliased with result {}, but there are only {}.", name,
                                  parameter.aliased_output, num_results));
  }
  return OkStatus();
}

StatusOr<std::vector<ir::ParameterInfo>> Importer::ImportParameters(AttrIndex arg_attrs, size_t num_parameters) {
  ASSIGN_OR_RETURN(const std::vector<AttrIndex> dictionaries, table_.Array(arg_attrs));
  std::vector<ir::ParameterInfo> parameters(num_parameters);
  if (dictionaries.empty()) return parameters;
  if (dictionaries.size() != num_parameters) {
    return InvalidArgument(
        Format("A function has attributes for {} parameters, but {} parameters.", dictionaries.size(), num_parameters));
  }
  for (size_t i = 0; i < num_parameters; ++i) {
    ASSIGN_OR_RETURN(const auto entries, table_.Dictionary(dictionaries[i]));
    for (const auto& [name, value] : entries) {
      if (name != "tf.aliasing_output" && name != "jax.buffer_donor") continue;
      ASSIGN_OR_RETURN(const int64_t number, table_.Int(value));
      if (number < 0 || number > 1 << 30) return InvalidArgument(Format("A parameter's {} is {}.", name, number));
      if (name == "tf.aliasing_output") parameters[i].aliased_output = static_cast<int>(number);
      if (name == "jax.buffer_donor") parameters[i].is_donor = number != 0;
    }
  }
  return parameters;
}

StatusOr<std::vector<MemorySpace>> Importer::ImportResultSpaces(AttrIndex res_attrs, size_t num_results) {
  ASSIGN_OR_RETURN(const std::vector<AttrIndex> dictionaries, table_.Array(res_attrs));
  std::vector<MemorySpace> spaces(dictionaries.empty() ? 0 : num_results);
  if (dictionaries.size() != spaces.size()) {
    return InvalidArgument(
        Format("A function has attributes for {} results, but {} results.", dictionaries.size(), num_results));
  }
  for (size_t i = 0; i < spaces.size(); ++i) {
    ASSIGN_OR_RETURN(const auto entries, table_.Dictionary(dictionaries[i]));
    for (const auto& [name, value] : entries) {
      if (name != "mhlo.memory_kind") continue;
      ASSIGN_OR_RETURN(const std::string_view kind, table_.Text(value));
      const auto found = std::find(std::begin(kMemorySpaceNames), std::end(kMemorySpaceNames), kind);
      if (found == std::end(kMemorySpaceNames)) {
        return Unimplemented(Format("Result {} is wanted in memory of the unknown kind \"{}\".", i, kind));
      }
      spaces[i] = static_cast<MemorySpace>(found - std::begin(kMemorySpaceNames));
    }
  }
  const auto is_device = [](MemorySpace space) { return space == MemorySpace::kDevice; };
  if (std::all_of(spaces.begin(), spaces.end(), is_device)) spaces.clear();
  return spaces;
}

template <typename Read>
Status Importer::WithRegions(const StreamOp& op, ByteReader& reader, Read read) {
  if (!op.is_isolated) return read(reader);
  ASSIGN_OR_RETURN(const Section section, ReadSection(reader));
  if (section.id != SectionId::kIr)
    return InvalidArgument("The artifact is damaged: a region is in the wrong section.");
  std::vector<ir::Value*> outer_values = std::exchange(values_, {});
  const size_t outer_next = std::exchange(next_value_, 0);
  ByteReader regions(section.data);
  RETURN_IF_ERROR(read(regions));
  values_ = std::move(outer_values);
  next_value_ = outer_next;
  if (regions.at_end()) return OkStatus();
  return InvalidArgument(Format("The artifact is damaged: {} bytes follow a region.", regions.remaining()));
}

Status Importer::ImportRegions(const StreamOp& op, ir::Op& target, ByteReader& reader) {
  RETURN_IF_ERROR(writer_.Enter());
  RETURN_IF_ERROR(WithRegions(op, reader, [&](ByteReader& regions) -> Status {
    for (uint64_t i = 0; i < op.num_regions; ++i) {
      RETURN_IF_ERROR(ImportRegion(*target.parent->AddRegion(&target), regions));
    }
    return OkStatus();
  }));
  writer_.Leave();
  return OkStatus();
}

Status Importer::ImportRegion(ir::Block& block, ByteReader& reader) {
  const uint64_t num_blocks = reader.Varint();
  const size_t num_values = reader.Count();
  RETURN_IF_ERROR(reader.status("region"));
  if (num_blocks != 1) {
    return InvalidArgument(Format("A region of the artifact has {} blocks, only one is allowed.", num_blocks));
  }
  RETURN_IF_ERROR(writer_.Charge(num_values * sizeof(ir::Value*)));
  const size_t base = values_.size();
  const size_t outer_next = std::exchange(next_value_, base);
  values_.resize(base + num_values);
  RETURN_IF_ERROR(ImportBlock(block, reader));
  values_.resize(base);
  next_value_ = outer_next;
  return OkStatus();
}

StatusOr<Importer::BlockHeader> Importer::ReadBlockHeader(ByteReader& reader) {
  BlockHeader header;
  const uint64_t count_and_flag = reader.Varint();
  header.num_ops = count_and_flag >> 1;
  if (count_and_flag & kHasArguments) {
    header.argument_types.resize(reader.Count());
    for (uint64_t& type : header.argument_types) {
      const uint64_t type_and_flag = reader.Varint();
      type = type_and_flag >> 1;
      if (type_and_flag & 1) reader.Varint();
    }
    if (reader.Byte() != 0) SkipUseListOrders(reader, header.argument_types.size());
  }
  RETURN_IF_ERROR(reader.status("block"));
  return header;
}

Status Importer::ImportBlock(ir::Block& block, ByteReader& reader) {
  ASSIGN_OR_RETURN(const BlockHeader header, ReadBlockHeader(reader));
  for (const uint64_t index : header.argument_types) {
    ASSIGN_OR_RETURN(const TensorType* type, table_.types().Tensor(index));
    RETURN_IF_ERROR(writer_.Charge(type->dims.size() * sizeof(int64_t)));
    RETURN_IF_ERROR(Define(block.AddArgument(*type)));
  }
  for (size_t i = 0; i < header.num_ops; ++i) RETURN_IF_ERROR(ImportOp(block, reader));
  if (block.ops.empty() || block.terminator()->code != ir::OpCode::kReturn) {
    return InvalidArgument("A region of the artifact does not end in return.");
  }
  return OkStatus();
}

Status Importer::ImportOp(ir::Block& block, ByteReader& reader) {
  ASSIGN_OR_RETURN(const StreamOp op, ReadStreamOp(reader, *container_));
  StatusOr<ir::Op*> target = ImportOpHead(op, block);
  if (!target.ok()) return target.status().WithContext(WhileReading(op));
  if (op.num_regions == 0) return OkStatus();
  if (*target != nullptr) return ImportRegions(op, **target, reader);
  // The region of an identity is read only to get past it.
  ir::Block ignored;
  return ImportRegions(op, *ignored.Append(ir::OpCode::kCase, {}, {}), reader);
}

StatusOr<ir::Op*> Importer::ImportOpHead(const StreamOp& op, ir::Block& block) {
  switch (MeaningOf(op)) {
    case Meaning::kOperation:
      return ImportVhloOp(op, *VhloOpOf(op), block);
    case Meaning::kIdentity:
      return ImportIdentity(op);
    case Meaning::kNothing:
      return op.result_types.empty() ? StatusOr<ir::Op*>(nullptr) : RefuseOp(op);
    case Meaning::kUnsupported:
      return RefuseOp(op);
  }
  return RefuseOp(op);
}

StatusOr<ir::Op*> Importer::ImportVhloOp(const StreamOp& op, const VhloOp& row, ir::Block& block) {
  const ir::OpInfo& info = ir::Info(*row.code);
  if (info.num_regions >= 0 && op.num_regions != static_cast<uint64_t>(info.num_regions)) {
    return Unimplemented(Format("An operation {} with {} regions is not supported, it has {}.", info.name,
                                op.num_regions, info.num_regions));
  }
  ASSIGN_OR_RETURN(ir::Attributes attributes, ImportAttributes(row, op, table_));
  ASSIGN_OR_RETURN(std::vector<ir::Value*> operands, Operands(op));
  ASSIGN_OR_RETURN(std::vector<TensorType> types, ResultTypes(op));
  ASSIGN_OR_RETURN(ir::Op * target, writer_.Append(block, {*row.code, std::move(operands), std::move(types),
                                                           std::move(attributes), LocationIdOf(op.location)}));
  for (const auto& result : target->results) RETURN_IF_ERROR(Define(result.get()));
  return target;
}

StatusOr<ir::Op*> Importer::ImportIdentity(const StreamOp& op) {
  ASSIGN_OR_RETURN(const std::vector<ir::Value*> operands, Operands(op));
  ASSIGN_OR_RETURN(const std::vector<TensorType> types, ResultTypes(op));
  if (operands.size() != types.size()) {
    return InvalidArgument(Format("{} should have as many results as its {} operands, it has {}.", op.name->name,
                                  operands.size(), types.size()));
  }
  for (size_t i = 0; i < operands.size(); ++i) {
    if (operands[i]->type != types[i]) {
      return Unimplemented(Format("{} from {} to {} is not supported.", op.name->name, operands[i]->type.ToString(),
                                  types[i].ToString()));
    }
    RETURN_IF_ERROR(Define(operands[i]));
  }
  return nullptr;
}

Status Importer::RefuseOp(const StreamOp& op) {
  const VhloOp* row = VhloOpOf(op);
  std::vector<std::string> operands, results;
  for (const uint64_t number : op.operands) {
    const ir::Value* value = number < values_.size() ? values_[number] : nullptr;
    operands.push_back(value == nullptr ? "unknown" : value->type.ToString());
  }
  for (const uint64_t type : op.result_types) results.push_back(table_.types().Text(type));
  const std::string name =
      row != nullptr ? std::string(row->base_name) : Format("{}.{}", op.name->dialect->name, op.name->name);
  return read::RefuseOperation(read::Describe(name, operands, results));
}

StatusOr<std::vector<ir::Value*>> Importer::Operands(const StreamOp& op) const {
  std::vector<ir::Value*> operands;
  operands.reserve(op.operands.size());
  for (const uint64_t number : op.operands) {
    if (number >= values_.size() || values_[number] == nullptr) {
      return InvalidArgument(
          Format("Operand {} has the number {}, which no earlier value has.", operands.size(), number));
    }
    operands.push_back(values_[number]);
  }
  return operands;
}

StatusOr<std::vector<TensorType>> Importer::ResultTypes(const StreamOp& op) {
  std::vector<TensorType> types;
  types.reserve(op.result_types.size());
  for (const uint64_t index : op.result_types) {
    ASSIGN_OR_RETURN(const TensorType* type, table_.types().Tensor(index));
    types.push_back(*type);
  }
  return types;
}

Status Importer::Define(ir::Value* value) {
  if (next_value_ >= values_.size()) {
    return InvalidArgument("A region of the artifact defines more values than it says.");
  }
  values_[next_value_++] = value;
  return OkStatus();
}

}  // namespace dragoman::stablehlo
