// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/op_attributes.h"

#include <string>

#include "base/format.h"
#include "read/checks.h"

namespace dragoman::stablehlo {
namespace {

using ir::Attributes;
using ir::AttrKey;

// Carries out what attribute `index` says; may look at what is imported already.
using Rule = Status (*)(AttrIndex index, AttributeTable& table, Attributes& attributes);

Status LeaveOut(AttrIndex, AttributeTable&, Attributes&) { return OkStatus(); }

// One precision an operand; the more exact one counts.
Status PrecisionConfig(AttrIndex index, AttributeTable& table, Attributes& attributes) {
  ASSIGN_OR_RETURN(const std::vector<AttrIndex> items, table.Array(index));
  for (const AttrIndex item : items) {
    ASSIGN_OR_RETURN(const int64_t precision, table.Int(item));
    RETURN_IF_ERROR(read::RaisePrecision(precision, attributes));
  }
  return read::RaisePrecision(static_cast<int64_t>(Precision::kDefault), attributes);
}

// A dot algorithm on f32 or f64 asks for exact products. Type none: no algorithm is asked for.
Status AlgorithmType(AttrIndex index, AttributeTable& table, Attributes& attributes) {
  ASSIGN_OR_RETURN(const uint64_t type, table.Type(index));
  const std::string name = table.types().Text(type);
  if (name != "f32" && name != "f64") return OkStatus();
  return read::RaisePrecision(static_cast<int64_t>(Precision::kHighest), attributes);
}

// Several products of narrow parts for one of the operands' type (bf16 x 3, x 6, x 9) mean near-f32 accuracy.
Status AlgorithmSteps(AttrIndex index, AttributeTable& table, Attributes& attributes) {
  const StatusOr<int64_t> steps = table.Int(index);
  if (!steps.ok()) return table.Type(index).status();
  return *steps <= 1 ? OkStatus() : read::RaisePrecision(static_cast<int64_t>(Precision::kHighest), attributes);
}

// Names of functions, separated by spaces.
Status CalledComputations(AttrIndex index, AttributeTable& table, Attributes& attributes) {
  ASSIGN_OR_RETURN(const std::vector<AttrIndex> items, table.Array(index));
  std::string names;
  for (const AttrIndex item : items) {
    ASSIGN_OR_RETURN(const std::string_view name, table.Text(item));
    names += (names.empty() ? "" : " ") + std::string(name);
  }
  if (!names.empty()) attributes.Set(AttrKey::kCalledComputations, names);
  return OkStatus();
}

// Layouts list dimensions minor to major; data is row-major everywhere here.
Status RowMajorLayouts(AttrIndex index, AttributeTable& table, Attributes&) {
  ASSIGN_OR_RETURN(const std::vector<AttrIndex> layouts, table.Array(index));
  for (const AttrIndex layout : layouts) {
    ASSIGN_OR_RETURN(const std::vector<int64_t> minor_to_major, table.Ints(layout));
    for (size_t i = 0; i < minor_to_major.size(); ++i) {
      if (minor_to_major[i] == static_cast<int64_t>(minor_to_major.size() - 1 - i)) continue;
      return Unimplemented(Format("A custom call with the layout {} is not supported, only row-major data is.",
                                  ToString(minor_to_major)));
    }
  }
  return OkStatus();
}

Status NoTilings(AttrIndex index, AttributeTable& table, Attributes&) {
  ASSIGN_OR_RETURN(const std::vector<AttrIndex> tilings, table.Array(index));
  return tilings.empty() ? OkStatus() : Unimplemented("A custom call with tiled results is not supported.");
}

struct RuleRow {
  std::string_view name;
  Rule rule;
};
constexpr RuleRow kRules[] = {
    {"precision_config", PrecisionConfig},
    {"lhs_precision_type", AlgorithmType},
    {"rhs_precision_type", LeaveOut},
    {"accumulation_type", LeaveOut},
    {"lhs_component_count", LeaveOut},
    {"rhs_component_count", LeaveOut},
    {"num_primitive_operations", AlgorithmSteps},
    {"allow_imprecise_accumulation", LeaveOut},
    // Every function here is as accurate as its type allows, whatever is asked.
    {"result_accuracy", LeaveOut},
    {"called_computations", CalledComputations},
    {"operand_layouts", RowMajorLayouts},
    {"result_layouts", RowMajorLayouts},
    {"result_tilings", NoTilings},
    // Which operand's memory a result may reuse: a permission.
    {"output_operand_aliases", LeaveOut},
    {"api_version", LeaveOut},
    {"version", LeaveOut},
    {"source_target_pairs", LeaveOut},
};

Rule FindRule(std::string_view name) {
  for (const RuleRow& row : kRules) {
    if (row.name == name) return row.rule;
  }
  return nullptr;
}

// A matrix with a group a row, -1 where it has fewer devices than others.
StatusOr<ir::AttrValue> ReplicaGroups(AttrIndex index, AttributeTable& table) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> devices, table.Ints(index));
  ASSIGN_OR_RETURN(const ir::Literal matrix, table.Literal(index));
  const Dims& dims = matrix.type().dims;
  if (dims.size() != 2) return InvalidArgument(Format("Replica groups are {}, expected rows.", ToString(dims)));
  std::vector<int64_t> groups;
  for (size_t i = 0; i < devices.size(); ++i) {
    const bool is_last = (static_cast<int64_t>(i) + 1) % dims[1] == 0;
    if (devices[i] != -1) groups.push_back(devices[i]);
    if (is_last) groups.push_back(-1);
  }
  return ir::AttrValue(std::move(groups));
}

StatusOr<ir::AttrValue> ImportValue(ir::AttrType type, AttrIndex index, AttributeTable& table) {
  switch (type) {
    case ir::AttrType::kInt: {
      ASSIGN_OR_RETURN(const int64_t value, table.Int(index));
      return ir::AttrValue(value);
    }
    case ir::AttrType::kInts: {
      ASSIGN_OR_RETURN(std::vector<int64_t> values, table.Ints(index));
      return ir::AttrValue(std::move(values));
    }
    case ir::AttrType::kText: {
      if (!table.IsText(index)) {
        ASSIGN_OR_RETURN(std::string text, table.Print(index));
        return ir::AttrValue(std::move(text));
      }
      ASSIGN_OR_RETURN(const std::string_view text, table.Text(index));
      return ir::AttrValue(std::string(text));
    }
    case ir::AttrType::kLiteral: {
      ASSIGN_OR_RETURN(ir::Literal literal, table.Literal(index));
      return ir::AttrValue(std::move(literal));
    }
  }
  return Internal("An attribute has a form that does not exist. While importing attributes.");
}

// JAX states the configuration of some custom calls beside the op's own attributes.
Status ImportBackendConfig(const StreamOp& op, AttributeTable& table, Attributes& attributes) {
  if (!op.dictionary.has_value() || !attributes.Text(AttrKey::kBackendConfig).empty()) return OkStatus();
  ASSIGN_OR_RETURN(const auto entries, table.Dictionary(*op.dictionary));
  for (const auto& [name, value] : entries) {
    if (name != "mhlo.backend_config") continue;
    ASSIGN_OR_RETURN(ir::AttrValue config, ImportValue(ir::AttrType::kText, value, table));
    attributes.Set(AttrKey::kBackendConfig, std::move(config));
  }
  return OkStatus();
}

}  // namespace

std::optional<AttrKey> KeyOf(ir::OpCode code, std::string_view name) {
  for (const AttrKey key : ir::Info(code).attributes) {
    if (ir::Info(key).name == name) return key;
  }
  return std::nullopt;
}

bool HasImportRule(std::string_view name) { return FindRule(name) != nullptr; }

StatusOr<Attributes> ImportAttributes(const VhloOp& row, const StreamOp& op, AttributeTable& table) {
  ASSIGN_OR_RETURN(const std::vector<AttrIndex> values, ReadPropertyList(op, row));
  Attributes attributes;
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string_view name = row.attributes[i];
    if (const std::optional<AttrKey> key = KeyOf(*row.code, name)) {
      ASSIGN_OR_RETURN(ir::AttrValue value, *key == AttrKey::kReplicaGroups
                                                ? ReplicaGroups(values[i], table)
                                                : ImportValue(ir::Info(*key).type, values[i], table));
      attributes.Set(*key, std::move(value));
    } else if (const Rule rule = FindRule(name)) {
      RETURN_IF_ERROR(rule(values[i], table, attributes));
    }
  }
  if (row.code == ir::OpCode::kCustomCall) RETURN_IF_ERROR(ImportBackendConfig(op, table, attributes));
  return attributes;
}

}  // namespace dragoman::stablehlo
