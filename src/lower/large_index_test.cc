// SPDX-License-Identifier: Apache-2.0
// Index arithmetic of kernels over tensors of about 2^31 elements and more: the last workgroups alone run, on memory
// for the elements that they reach.
#include <gtest/gtest.h>

#include "kernel/builder.h"
#include "lower/group_testing.h"
#include "lower/product/kinds.h"
#include "lower/product_run_testing.h"
#include "lower/stream/kinds.h"
#include "lower/stream/lower_loop.h"

namespace dragoman::kernel {
namespace {

constexpr int64_t kTwoTo31 = int64_t{1} << 31;

// The last `workgroups` of a dispatch. Each buffer holds the elements, bytes, from `first` on, or all where it has one.
Status RunTail(const Dispatch& dispatch, std::vector<std::vector<std::byte>>& buffers, int64_t workgroups,
               uint64_t first) {
  InterpretOptions options;
  options.first_workgroup = dispatch.workgroups - workgroups;
  std::vector<std::vector<std::byte>*> pointers;
  for (std::vector<std::byte>& buffer : buffers) {
    options.first_elements.push_back(buffer.size() > 1 ? first : 0);
    pointers.push_back(&buffer);
  }
  return Interpret(dispatch.kernel, pointers, dispatch.params, workgroups, options);
}

std::vector<std::byte> Pattern(int64_t size) {
  std::vector<std::byte> bytes(size);
  for (int64_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 % 120);
  return bytes;
}

TEST(LargeIndex, LoopsReachTheirLastElements) {
  for (const int64_t count : {kTwoTo31 - (1 << 20) - 3, kTwoTo31 - 1029, kTwoTo31 - 3, kTwoTo31 - 1, kTwoTo31,
                              kTwoTo31 + 5, 2 * kTwoTo31 - 1, 2 * kTwoTo31 + 3}) {
    const TestGroup test(Format("(%0: tensor<{0}xui8>) {{ %1 = add(%0, %0) : tensor<{0}xui8> return(%1) }}", count));
    for (const target::DeviceProfile& profile : TestProfiles()) {
      SCOPED_TRACE(Format("{} elements, {}", count, profile.unrolling_is_costly ? "CPU" : "GPU"));
      const auto lowered = LowerLoop(test.group, {profile});
      ASSERT_TRUE(lowered.ok()) << lowered.status().message();
      const Dispatch& dispatch = lowered->dispatches[0];
      const int64_t per_workgroup = dispatch.kernel.workgroup_size * ChooseLoop(test.group, profile).lanes;
      const int64_t first = (dispatch.workgroups - 3) * per_workgroup;
      std::vector<std::vector<std::byte>> buffers(2, Pattern(count - first));
      const std::vector<std::byte> in = buffers[0];
      const size_t out = dispatch.kernel.buffers[0].is_written ? 0 : 1;
      buffers[out].assign(in.size(), std::byte{0xee});
      const Status status = RunTail(dispatch, buffers, 3, first);
      ASSERT_TRUE(status.ok()) << status.message();
      int failures = 0;
      for (size_t i = 0; i < in.size() && failures < 3; ++i) {
        if (static_cast<int>(buffers[out][i]) != 2 * static_cast<int>(in[i])) ++failures;
      }
      EXPECT_EQ(failures, 0);
    }
  }
}

ProductTest Column(int64_t m) {
  return ProductTest({DType::kU8, {m, 1}}, {DType::kU8, {1, 1}},
                     [&](ir::Block& block, const std::vector<ir::Value*>& operands) {
                       return AppendDot(block, operands, {{}, {}, {1}, {0}}, DType::kU8);
                     });
}

TEST(LargeIndex, ProductsReachTheirLastResults) {
  const int64_t m = kTwoTo31 - (1 << 20);
  const ProductTest test = Column(m);
  for (const target::DeviceProfile& profile : TestProfiles()) {
    const auto lowered = LowerDot(test.group, {profile});
    ASSERT_TRUE(lowered.ok()) << lowered.status().message();
    const Product product = test.Prepared();
    const ProductConfig config = ChooseProductKernel(product, SimplifyProduct(product), {profile});
    const Dispatch& dispatch = lowered->dispatches[0];
    const int64_t first = (dispatch.workgroups - 3) * config.workgroup_size * config.rows * config.columns;
    std::vector<std::vector<std::byte>> buffers;
    for (const Argument& argument : dispatch.arguments) {
      buffers.push_back(argument.value->type.num_elements() == 1 ? std::vector<std::byte>{std::byte{2}}
                                                                 : Pattern(m - first));
    }
    const Status status = RunTail(dispatch, buffers, 3, first);
    ASSERT_TRUE(status.ok()) << status.message();
    const std::vector<std::byte> in = Pattern(m - first);
    int failures = 0;
    for (size_t b = 0; b < buffers.size(); ++b) {
      if (dispatch.arguments[b].value != test.hero->result()) continue;
      for (size_t i = 0; i < in.size(); ++i) {
        failures += static_cast<int>(buffers[b][i]) != 2 * static_cast<int>(in[i]) ? 1 : 0;
      }
    }
    EXPECT_EQ(failures, 0);
  }
}

TEST(LargeIndex, ProductsThatCountFurtherAreRefused) {
  for (const target::DeviceProfile& profile : TestProfiles()) {
    for (const int64_t m : {kTwoTo31 - 3, kTwoTo31, 2 * kTwoTo31 + 5}) {
      const auto lowered = LowerDot(Column(m).group, {profile});
      EXPECT_EQ(lowered.status().code(), StatusCode::kUnimplemented) << m;
    }
  }
}

TEST(LargeIndex, EndsOfPartsDoNotWrapAround) {
  const int64_t extent = kTwoTo31 - (1 << 20);
  for (const int64_t splits : {2, 3, 7, 4096}) {
    const int64_t part = (extent + splits - 1) / splits;
    const target::DeviceProfile profile;
    Builder b(profile);
    const int out = b.AddBuffer({DType::kS32, false, true});
    const V lo = b.IMul(b.LocalIndex(), b.I32(part));
    b.Store(out, b.LocalIndex(), b.EndOfPart(lo, part, extent));
    std::vector<std::byte> bytes(4 * splits);
    std::vector<std::byte>* const buffers[] = {&bytes};
    const Status status = Interpret(std::move(b).Finish(static_cast<int>(splits)), buffers, {}, 1);
    ASSERT_TRUE(status.ok()) << status.message();
    for (int64_t i = 0; i < splits; ++i) {
      int32_t end = 0;
      std::memcpy(&end, bytes.data() + 4 * i, 4);
      EXPECT_EQ(end, std::min((i + 1) * part, extent)) << i << " of " << splits;
    }
  }
}

}  // namespace
}  // namespace dragoman::kernel
