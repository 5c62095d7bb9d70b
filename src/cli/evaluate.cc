// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <fstream>

#include "base/format.h"
#include "base/os.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "reference/evaluator.h"

namespace dragoman::cli {
namespace {

// The parameters' data one after the other, dense.
StatusOr<std::vector<ir::Literal>> SplitInputs(const ir::Function& function, std::span<const std::byte> data) {
  std::vector<ir::Literal> inputs;
  for (const auto& argument : function.body.arguments) {
    const auto size = static_cast<size_t>(argument->type.size_bytes());
    if (size > data.size()) {
      return InvalidArgument(
          Format("The inputs end before parameter {}, {}.", inputs.size(), argument->type.ToString()));
    }
    inputs.emplace_back(argument->type,
                        std::vector<std::byte>(data.begin(), data.begin() + static_cast<ptrdiff_t>(size)));
    data = data.subspan(size);
  }
  if (data.empty()) return inputs;
  return InvalidArgument(Format("The inputs are {} bytes longer than the parameters.", data.size()));
}

Status CheckHasData(const ir::Function& function, const EvaluateOptions& options) {
  const auto& parameters = function.body.arguments;
  if (parameters.empty() || !options.data.empty()) return OkStatus();
  std::string types;
  for (const auto& parameter : parameters) types += (types.empty() ? "" : ", ") + parameter->type.ToString();
  return InvalidArgument(
      Format("The program takes {} parameter{} ({}), and nothing is given: --data FILE names a file of their elements, "
             "dense, one tensor after the other.",
             parameters.size(), parameters.size() == 1 ? "" : "s", types));
}

Status EvaluateOne(const EvaluateOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<char> bytes, ReadFile(options.input));
  ASSIGN_OR_RETURN(const auto module, ReadModule(bytes));
  std::vector<char> data;
  if (!options.data.empty()) {
    ASSIGN_OR_RETURN(data, ReadFile(options.data));
  }
  RETURN_IF_ERROR(CheckHasData(*module->main(), options));
  ASSIGN_OR_RETURN(const auto inputs, SplitInputs(*module->main(), std::as_bytes(std::span(data))));
  ASSIGN_OR_RETURN(const auto results, reference::Evaluate(*module, "main", inputs));
  std::ofstream output(os::PathOf(options.output), std::ios::binary);
  for (const ir::Literal& result : results) {
    const std::vector<std::byte> dense = result.Dense();
    output.write(reinterpret_cast<const char*>(dense.data()), static_cast<std::streamsize>(dense.size()));
    std::fputs((result.type().ToString() + "\n").c_str(), stdout);
  }
  return output ? OkStatus() : Unavailable(Format("The file {} cannot be written.", options.output));
}

}  // namespace

int Evaluate(const EvaluateOptions& options) {
  const Status status = EvaluateOne(options);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace dragoman::cli
