// SPDX-License-Identifier: Apache-2.0
// Structured control flow: every loop and selection names its merge block; values cross by phis.
#include "codegen/emitter.h"

namespace dragoman::codegen {

using kernel::KType;
using spirv::Id;
using spirv::Module;
using spv::Op;

void Emitter::OpenBlock(Id block) {
  module_.EmitLabel(block);
  current_block_ = block;
}

void Emitter::Branch(Id target) { module_.EmitVoid(Op::OpBranch, {target}); }

void Emitter::BindArguments(const kernel::Region& region, std::span<const Id> values) {
  if (static_cast<size_t>(region.num_arguments) != values.size()) {
    return Fail("A region has another number of arguments than its instruction gives.");
  }
  for (size_t i = 0; i < values.size(); ++i) {
    values_[region.first_argument + i] = values[i];
    sums_[region.first_argument + i] = {kernel::kNoValue, kernel::kNoValue};
  }
}

// Emits the body; returns what it yields. current_block_ is then the block that it ends in, still open.
std::vector<Id> Emitter::EmitRegion(const kernel::Region& region) {
  const std::vector<Base> outer_buffers = buffers_;
  std::vector<Id> yielded;
  for (const Instruction& inst : region.body) {
    if (inst.op == kernel::KOp::kYield) {
      yielded = Operands(inst);
      break;
    }
    EmitInstruction(inst);
  }
  buffers_ = outer_buffers;
  return yielded;
}

// The carried values at a loop's head: incoming 0 is the initial value, from the current block; 1 the next iteration's.
std::vector<Module::Phi> Emitter::EmitPhis(const Instruction& inst, size_t first_initial) {
  std::vector<Module::Phi> phis;
  for (size_t i = first_initial; i < inst.operands.size(); ++i) {
    phis.push_back(module_.EmitPhi(TypeOf(KTypeOf(inst.operands[i])), 2));
  }
  return phis;
}

// NVIDIA's compiler (580.159) dereferences null on a boolean phi whose incoming values are one value, valid as it is: a
// value that no iteration changes comes from the phi itself.
void Emitter::CloseLoopPhi(const Module::Phi& phi, Incoming initial, Incoming next) {
  module_.SetPhi(phi, 0, initial.value, initial.block);
  module_.SetPhi(phi, 1, next.value == initial.value ? phi.result : next.value, next.block);
}

namespace {
std::vector<Id> ResultsOf(std::span<const Module::Phi> phis) {
  std::vector<Id> ids;
  for (const Module::Phi& phi : phis) ids.push_back(phi.result);
  return ids;
}
}  // namespace

// head: phis, test → body … → next: i + step → head; merge. The phis are the loop's results.
void Emitter::EmitFor(const Instruction& inst) {
  const std::vector<Id> operands = Operands(inst);
  for (const auto& region : inst.regions) EmitBasesOf(*region);
  const Id entry = current_block_;
  const Id head = module_.NewId(), body = module_.NewId(), next = module_.NewId(), merge = module_.NewId();
  const Id i32 = module_.Int(32);
  Branch(head);
  OpenBlock(head);
  const Module::Phi i = module_.EmitPhi(i32, 2);
  const std::vector<Module::Phi> carried = EmitPhis(inst, 3);
  const Id goes_on = module_.Emit(Op::OpSLessThan, module_.Bool(), {i.result, operands[1]});
  const uint32_t control = static_cast<uint32_t>(profile_.unrolling_is_costly ? spv::LoopControlMask::DontUnroll
                                                                              : spv::LoopControlMask::MaskNone);
  module_.EmitVoid(Op::OpLoopMerge, {merge, next, control});
  module_.EmitVoid(Op::OpBranchConditional, {goes_on, body, merge});

  OpenBlock(body);
  std::vector<Id> arguments = ResultsOf(carried);
  arguments.insert(arguments.begin(), i.result);
  BindArguments(*inst.regions[0], arguments);
  const std::vector<Id> yielded = EmitRegion(*inst.regions[0]);
  if (yielded.size() != carried.size()) return Fail("The body of a for yields another number of values than it takes.");
  Branch(next);

  OpenBlock(next);
  const Id next_i = module_.Emit(Op::OpIAdd, i32, {i.result, operands[2]});
  Branch(head);
  CloseLoopPhi(i, {operands[0], entry}, {next_i, next});
  for (size_t k = 0; k < carried.size(); ++k) {
    CloseLoopPhi(carried[k], {operands[3 + k], entry}, {yielded[k], next});
    values_[inst.first_result + k] = carried[k].result;
  }
  OpenBlock(merge);
}

// head: phis → test … → body … → next → head; test leads to merge.
void Emitter::EmitWhile(const Instruction& inst) {
  const std::vector<Id> operands = Operands(inst);
  for (const auto& region : inst.regions) EmitBasesOf(*region);
  const Id entry = current_block_;
  const Id head = module_.NewId(), test = module_.NewId(), body = module_.NewId();
  const Id next = module_.NewId(), merge = module_.NewId();
  Branch(head);
  OpenBlock(head);
  const std::vector<Module::Phi> carried = EmitPhis(inst, 0);
  const uint32_t control = static_cast<uint32_t>(profile_.unrolling_is_costly ? spv::LoopControlMask::DontUnroll
                                                                              : spv::LoopControlMask::MaskNone);
  module_.EmitVoid(Op::OpLoopMerge, {merge, next, control});
  Branch(test);

  OpenBlock(test);
  const std::vector<Id> arguments = ResultsOf(carried);
  BindArguments(*inst.regions[0], arguments);
  const std::vector<Id> condition = EmitRegion(*inst.regions[0]);
  if (condition.size() != 1) return Fail("The condition of a while yields other than one value.");
  module_.EmitVoid(Op::OpBranchConditional, {condition[0], body, merge});

  OpenBlock(body);
  BindArguments(*inst.regions[1], arguments);
  const std::vector<Id> yielded = EmitRegion(*inst.regions[1]);
  if (yielded.size() != carried.size())
    return Fail("The body of a while yields another number of values than it takes.");
  Branch(next);
  OpenBlock(next);
  Branch(head);
  for (size_t k = 0; k < carried.size(); ++k) {
    CloseLoopPhi(carried[k], {operands[k], entry}, {yielded[k], next});
    values_[inst.first_result + k] = carried[k].result;
  }
  OpenBlock(merge);
}

void Emitter::EmitIf(const Instruction& inst) {
  const Id condition = Get(inst.operands[0]);
  // An else that only yields nothing is no block.
  const bool has_else = inst.regions.size() > 1 && (inst.num_results > 0 || inst.regions[1]->body.size() > 1);
  if (!has_else && inst.num_results > 0) return Fail("An if with results has no else region.");
  const Id then_block = module_.NewId();
  const Id else_block = has_else ? module_.NewId() : 0;
  const Id merge = module_.NewId();
  module_.EmitVoid(Op::OpSelectionMerge, {merge, static_cast<uint32_t>(spv::SelectionControlMask::MaskNone)});
  module_.EmitVoid(Op::OpBranchConditional, {condition, then_block, has_else ? else_block : merge});

  std::vector<Id> yielded[2];
  Id ends[2] = {};
  for (size_t side = 0; side < (has_else ? 2u : 1u); ++side) {
    OpenBlock(side == 0 ? then_block : else_block);
    yielded[side] = EmitRegion(*inst.regions[side]);
    ends[side] = current_block_;
    if (yielded[side].size() != static_cast<size_t>(inst.num_results)) {
      return Fail("A region of an if yields another number of values than the if has results.");
    }
    Branch(merge);
  }
  OpenBlock(merge);
  for (int k = 0; k < inst.num_results; ++k) {
    if (yielded[0][k] == yielded[1][k]) {
      values_[inst.first_result + k] = yielded[0][k];
      continue;
    }
    const Module::Phi phi = module_.EmitPhi(TypeOf(KTypeOf(inst.first_result + k)), 2);
    for (int side = 0; side < 2; ++side) module_.SetPhi(phi, side, yielded[side][k], ends[side]);
    values_[inst.first_result + k] = phi.result;
  }
}

}  // namespace dragoman::codegen
