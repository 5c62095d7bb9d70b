// SPDX-License-Identifier: Apache-2.0
#include "compiler/estimates.h"

#include <algorithm>
#include <cmath>

namespace dragoman::compiler {
namespace {

using ir::AttrKey;
using ir::OpCode;
using ir::OpKind;

double Elements(const TensorType& type) { return static_cast<double>(type.num_elements()); }
double Bytes(const TensorType& type) { return static_cast<double>(type.size_bytes()); }

double DotFlops(const ir::Op& op) {
  double products = Elements(op.type());
  for (const int64_t dim : op.attributes.Ints(AttrKey::kLhsContractingDimensions)) {
    products *= static_cast<double>(op.operands[0]->type.dims[dim]);
  }
  return 2 * products;
}

double ConvolutionFlops(const ir::Op& op) {
  const TensorType& kernel = op.operands[1]->type;
  const int64_t features = kernel.dims[op.attributes.Int(AttrKey::kKernelOutputFeatureDimension)];
  return 2 * Elements(op.type()) * Elements(kernel) / static_cast<double>(std::max<int64_t>(1, features));
}

// Of a region that combines two elements.
double RegionOps(const ir::Op& op) {
  return op.regions.empty() ? 1 : std::max<double>(1, static_cast<double>(op.regions[0]->ops.size()) - 1);
}

double ReductionFlops(const ir::Op& op) {
  double elements = Elements(op.operands[0]->type);
  if (op.attributes.Has(AttrKey::kWindowDimensions)) {
    elements = Elements(op.code == OpCode::kSelectAndScatter ? op.operands[1]->type : op.type());
    for (const int64_t extent : op.attributes.Ints(AttrKey::kWindowDimensions)) {
      elements *= static_cast<double>(extent);
    }
  }
  if (op.code == OpCode::kSort) {
    const auto row = op.operands[0]->type.dims[op.attributes.Int(AttrKey::kDimension)];
    elements *= std::log2(std::max<double>(2, static_cast<double>(row)));
  }
  return elements * RegionOps(op);
}

double OpFlops(const ir::Op& op) {
  if (op.code == OpCode::kDotGeneral) return DotFlops(op);
  if (op.code == OpCode::kConvolution) return ConvolutionFlops(op);
  if (op.code == OpCode::kFourier) {
    const int64_t line = op.operands[0]->type.dims[op.attributes.Int(AttrKey::kDimension)];
    return 5 * Elements(op.operands[0]->type) * std::log2(std::max<double>(2, static_cast<double>(line)));
  }
  const OpKind kind = ir::Info(op.code).kind;
  if (kind == OpKind::kReduction) return ReductionFlops(op);
  return kind == OpKind::kElementwise ? Elements(op.type()) : 0;
}

// Of operand `index` of the op, what it looks at.
double ReadBytes(const ir::Op& op, size_t index) {
  const bool takes_some = op.code == OpCode::kSlice || op.code == OpCode::kDynamicSlice || op.code == OpCode::kGather;
  const double all = Bytes(op.operands[index]->type);
  return takes_some && index == 0 ? std::min(all, Bytes(op.type())) : all;
}

double ReadBytes(const fusion::Group& group, const ir::Value* value) {
  double bytes = 0;
  for (const ir::Op* op : group.members) {
    for (size_t i = 0; i < op->operands.size(); ++i) {
      if (op->operands[i] == value) bytes += ReadBytes(*op, i);
    }
  }
  return bytes == 0 ? Bytes(value->type) : std::min(bytes, Bytes(value->type));
}

// What an update in place gives; infinite where the group is none.
double UpdateBytes(const fusion::Group& group) {
  if (group.kind == fusion::GroupKind::kDynamicUpdateSlice) return Bytes(group.hero->operands[1]->type);
  if (group.kind == fusion::GroupKind::kScatter) return Bytes(group.hero->operands.back()->type);
  return HUGE_VAL;
}

}  // namespace

double FlopsOf(const fusion::Group& group) {
  double flops = 0;
  for (const ir::Op* op : group.members) flops += OpFlops(*op);
  return flops;
}

double BytesOf(const Launch& launch, const Lowered& lowered, const fusion::Group& group) {
  double bytes = 0;
  for (size_t i = 0; i < launch.arguments.size(); ++i) {
    const kernel::Argument& argument = launch.arguments[i];
    const auto& binding = launch.kernel->buffers[i];
    if (argument.value == nullptr) {
      bytes += static_cast<double>(lowered.temporaries[argument.temporary]);
      continue;
    }
    const double all = std::min(Bytes(argument.value->type), UpdateBytes(group));
    if (binding.is_written) bytes += all;
    if (binding.is_read) bytes += binding.is_written ? all : ReadBytes(group, argument.value);
  }
  return bytes;
}

}  // namespace dragoman::compiler
