// SPDX-License-Identifier: Apache-2.0
#include "kernel/kernel_hash.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <vector>

#include "kernel/builder.h"

namespace dragoman::kernel {
namespace {

Kernel MakeKernel() {
  const target::DeviceProfile profile;
  Builder b{profile};
  const int in = b.AddBuffer({DType::kF32, true, false});
  const int out = b.AddBuffer({DType::kF32, false, true});
  const int shared = b.AddShared(KType::kF32, 64);
  const V at = b.GlobalIndex(64);
  b.If(b.ULt(at, b.I32(100)), [&] { b.StoreShared(shared, b.LocalIndex(), b.Load(in, at)); });
  b.Barrier();
  b.Store(out, at, b.LoadShared(shared, b.ISub(b.I32(63), b.LocalIndex())));
  return std::move(b).Finish(64);
}

// The first instruction, regions included, that has what is looked for.
Instruction* Find(std::vector<Instruction>& body, const std::function<bool(const Instruction&)>& wanted) {
  for (Instruction& instruction : body) {
    if (wanted(instruction)) return &instruction;
  }
  return nullptr;
}

TEST(HashKernel, IsTheSameForKernelsThatSayTheSame) { EXPECT_EQ(HashKernel(MakeKernel()), HashKernel(MakeKernel())); }

// Each change is one that codegen would see.
TEST(HashKernel, DiffersByWhatAKernelSays) {
  const auto first = [](Kernel& kernel, KOp op) -> Instruction& {
    return *Find(kernel.body.body, [&](const Instruction& instruction) { return instruction.op == op; });
  };
  const std::vector<std::function<void(Kernel&)>> changes = {
      [](Kernel&) {},
      [](Kernel& k) { k.workgroup_size = 32; },
      [](Kernel& k) { k.required_subgroup_size = 32; },
      [](Kernel& k) { k.num_params = 1; },
      [](Kernel& k) { k.is_segmented = true; },
      [](Kernel& k) { k.matrix_shape.m = 16; },
      [](Kernel& k) { k.matrix_shape.accumulator = DType::kF16; },
      [](Kernel& k) { k.buffers[0].may_alias = true; },
      [](Kernel& k) { k.buffers[1].is_read = true; },
      [](Kernel& k) { k.buffers[1].memory = DType::kS32; },
      [](Kernel& k) { k.shared[0].count = 65; },
      [](Kernel& k) { k.shared[0].type = KType::kI32; },
      [](Kernel& k) { k.value_types[0] = KType::kF16; },
      [](Kernel& k) { k.body.body.pop_back(); },
      [&](Kernel& k) { first(k, KOp::kStore).buffer = 0; },
      [&](Kernel& k) { first(k, KOp::kStore).imm ^= uint64_t{1} << 40; },
      [&](Kernel& k) { first(k, KOp::kConstant).imm ^= 1; },
      [&](Kernel& k) { std::swap(first(k, KOp::kISub).operands[0], first(k, KOp::kISub).operands[1]); },
      [&](Kernel& k) { first(k, KOp::kISub).op = KOp::kIAdd; },
      [&](Kernel& k) { first(k, KOp::kISub).type = KType::kI64; },
      [&](Kernel& k) {
        auto& region = first(k, KOp::kIf).regions[0];
        region = std::make_shared<Region>(*region);
        Find(region->body, [](const Instruction& i) { return i.op == KOp::kStoreShared; })->buffer = 1;
      },
  };
  std::set<Hash128> hashes;
  for (const auto& change : changes) {
    Kernel kernel = MakeKernel();
    change(kernel);
    hashes.insert(HashKernel(kernel));
  }
  EXPECT_EQ(hashes.size(), changes.size());
}

}  // namespace
}  // namespace dragoman::kernel
