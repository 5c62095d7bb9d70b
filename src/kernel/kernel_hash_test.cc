// SPDX-License-Identifier: Apache-2.0
#include "kernel/kernel_hash.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <vector>

#include "kernel/builder.h"
#include "kernel/kernel_testing.h"

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

// The kernels are made anew each time, so nothing else has their regions.
Region& Branch(Kernel& kernel, size_t number) { return *First(kernel, KOp::kIf).regions[number]; }

TEST(HashKernel, IsTheSameForKernelsThatSayTheSame) { EXPECT_EQ(HashKernel(MakeKernel()), HashKernel(MakeKernel())); }

// Each change is one that codegen would see.
TEST(HashKernel, DiffersByWhatAKernelSays) {
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
      [](Kernel& k) { First(k, KOp::kStore).buffer = 0; },
      [](Kernel& k) { First(k, KOp::kStore).imm ^= uint64_t{1} << 40; },
      [](Kernel& k) { First(k, KOp::kConstant).imm ^= 1; },
      [](Kernel& k) { std::swap(First(k, KOp::kISub).operands[0], First(k, KOp::kISub).operands[1]); },
      [](Kernel& k) { First(k, KOp::kISub).op = KOp::kIAdd; },
      [](Kernel& k) { First(k, KOp::kISub).type = KType::kI64; },
      [](Kernel& k) { First(k, KOp::kStoreShared).buffer = 1; },
      [](Kernel& k) { k.matrix_shape.n = 16; },
      [](Kernel& k) { k.matrix_shape.k = 16; },
      [](Kernel& k) { k.matrix_shape.input = DType::kBF16; },
      [](Kernel& k) { k.buffers[0].is_read = false; },
      [](Kernel& k) { k.buffers[0].is_written = true; },
      [](Kernel& k) { k.buffers.push_back(k.buffers[1]); },
      [](Kernel& k) { k.shared.push_back(k.shared[0]); },
      [](Kernel& k) { k.value_types.push_back(KType::kI32); },
      [](Kernel& k) { First(k, KOp::kISub).operands.push_back(0); },
      [](Kernel& k) { First(k, KOp::kISub).first_result += 1; },
      [](Kernel& k) { First(k, KOp::kISub).num_results = 2; },
      [](Kernel& k) { First(k, KOp::kStore).imm ^= 1; },
      [](Kernel& k) { First(k, KOp::kConstant).imm ^= uint64_t{1} << 63; },
      [](Kernel& k) { First(k, KOp::kIf).regions.pop_back(); },
      [](Kernel& k) { std::swap(First(k, KOp::kIf).regions[0], First(k, KOp::kIf).regions[1]); },
      [](Kernel& k) { Branch(k, 1).first_argument = 3; },
      [](Kernel& k) { Branch(k, 1).num_arguments = 1; },
      [](Kernel& k) { std::swap(k.body.body[0], k.body.body[1]); },
      // An instruction of a branch moved behind it.
      [](Kernel& k) {
        auto& branch = Branch(k, 0).body;
        k.body.body.insert(k.body.body.end() - 1, branch.front());
        branch.erase(branch.begin());
      },
  };
  std::map<Hash128, size_t> hashes;
  for (size_t i = 0; i < changes.size(); ++i) {
    Kernel kernel = MakeKernel();
    changes[i](kernel);
    const auto [entry, is_new] = hashes.emplace(HashKernel(kernel), i);
    EXPECT_TRUE(is_new) << "changes " << entry->second << " and " << i;
  }
}

}  // namespace
}  // namespace dragoman::kernel
