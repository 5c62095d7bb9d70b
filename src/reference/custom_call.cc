// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <string_view>

#include "base/format.h"
#include "ir/collectives.h"
#include "reference/eigh.h"
#include "reference/householder.h"
#include "reference/lu.h"
#include "reference/op_functions.h"
#include "reference/sort.h"

namespace dragoman::reference {
namespace {

using ir::AttrKey;

// The number after "name = " in a configuration such as "{reduction_dim = 1, top_k = 2}"; -1 when it is not there.
int64_t NumberNamed(std::string_view name, std::string_view config) {
  const std::string wanted = std::string(name) + " = ";
  const size_t found = config.find(wanted);
  if (found == std::string_view::npos) return -1;
  int64_t value = -1;
  std::from_chars(config.data() + found + wanted.size(), config.data() + config.size(), value);
  return value;
}

// Values, their indices, then initial values that an exact search does not need.
Results EvaluateApproxTopK(const OpCall& call) {
  const ir::AttrValue* name = call.op.attributes.Find(AttrKey::kCalledComputations);
  const ir::Function* comparator =
      name == nullptr || call.frame.module == nullptr ? nullptr : call.frame.module->Find(std::get<std::string>(*name));
  if (comparator == nullptr) return Unimplemented("ApproxTopK is not evaluated without the function that compares.");
  const size_t num_inputs = call.op.results.size();
  const int64_t dimension = NumberNamed("reduction_dim", call.op.attributes.Text(AttrKey::kBackendConfig));
  const Dims& dims = call.operands[0].type().dims;
  if (dimension < 0 || dimension >= static_cast<int64_t>(dims.size()) ||
      call.op.type().dims[dimension] > dims[dimension]) {
    return Unimplemented(Format("ApproxTopK from {} to {} is not evaluated.", call.operands[0].type().ToString(),
                                call.op.type().ToString()));
  }
  return SortLines(call.operands.first(num_inputs), dimension, call.op.type().dims[dimension], comparator->body,
                   call.frame);
}

struct Target {
  std::string_view name;
  OpFunction function;
};
constexpr Target kTargets[] = {
    {"Qr", EvaluateQr},
    {"ProductOfElementaryHouseholderReflectors", EvaluateProductOfReflectors},
    {"ApproxTopK", EvaluateApproxTopK},
    {"Eigh", EvaluateEigh},
    {"LuDecomposition", EvaluateLu},
};

}  // namespace

Results EvaluateCustomCall(const OpCall& call) {
  const std::string& name = call.op.attributes.Text(AttrKey::kCallTargetName);
  for (const Target& target : kTargets) {
    if (target.name == name) return target.function(call);
  }
  if (ir::IsPartitioningMark(call.op)) return std::vector<Literal>(call.operands.begin(), call.operands.end());
  return Unimplemented(Format("The custom call {} is not evaluated.", name));
}

}  // namespace dragoman::reference
