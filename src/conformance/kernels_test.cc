// SPDX-License-Identifier: Apache-2.0
// Every codegen case on the device at hand against the kernel interpreter, as the device is and with features hidden
// from codegen so that each emulation runs too.
#include <gtest/gtest.h>

#include <cstring>
#include <ostream>
#include <set>

#include "codegen/case_testing.h"
#include "codegen/codegen.h"
#include "conformance/device_kernels.h"
#include "kernel/builder.h"
#include "kernel/interpreter.h"
#include "kernel/loop_bound.h"
#include "runtime/device_testing.h"

namespace dragoman::conformance {
namespace {

using codegen::KernelCase;
using runtime::TheDevice;
using target::DeviceProfile;

struct Override {
  const char* name;
  void (*change)(DeviceProfile&);
  friend std::ostream& operator<<(std::ostream& out, const Override& override) { return out << override.name; }
};

constexpr Override kOverrides[] = {
    {"as it is", [](DeviceProfile&) {}},
    {"other address form",
     [](DeviceProfile& p) {
       p.address_form = p.address_form == target::AddressForm::kAccessChain ? target::AddressForm::kByteOffset32
                                                                            : target::AddressForm::kAccessChain;
     }},
    {"sign extension by words", [](DeviceProfile& p) { p.misreads_widened_comparisons = true; }},
    {"no int64", [](DeviceProfile& p) { p.int64 = false; }},
    {"no storage8", [](DeviceProfile& p) { p.storage8 = false; }},
    {"no storage16", [](DeviceProfile& p) { p.storage16 = false; }},
    {"no float16", [](DeviceProfile& p) { p.float16 = false; }},
    {"no rounding mode", [](DeviceProfile& p) { p.rounding_rte_f16 = false; }},
    {"bare",
     [](DeviceProfile& p) {
       p.float16 = p.float64 = p.int64 = p.int8 = p.int16 = p.storage8 = p.storage16 = false;
       p.rounding_rte_f16 = p.signed_zero_inf_nan_f32 = p.signed_zero_inf_nan_f16 = false;
     }},
};

StatusOr<std::vector<Bytes>> Interpreted(const KernelCase& one, int subgroup_size) {
  std::vector<Bytes> buffers = one.buffers;
  std::vector<Bytes*> pointers;
  for (Bytes& buffer : buffers) pointers.push_back(&buffer);
  RETURN_IF_ERROR(
      kernel::Interpret(one.kernel, pointers, one.params, one.workgroups, {.subgroup_size = subgroup_size}));
  return buffers;
}

// Kernels that an override leaves as they were have run already.
bool IsNew(const program::Kernel& compiled) {
  static std::set<Hash128> seen;
  return seen.insert(compiled.hash).second;
}

void ExpectDeviceAgrees(const KernelCase& one, const DeviceProfile& profile) {
  const auto compiled = codegen::GenerateSpirv(one.kernel, profile);
  ASSERT_TRUE(compiled.ok()) << compiled.status().message();
  if (!IsNew(*compiled)) return;
  const auto expected = Interpreted(one, profile.subgroup_size);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  const auto actual = RunOnDevice(TheDevice(), *compiled, one.kernel, {{one.buffers, one.params, one.workgroups}});
  ASSERT_TRUE(actual.ok()) << actual.status().message();
  for (size_t i = 0; i < one.buffers.size(); ++i) {
    const std::string difference =
        codegen::Difference(one.kernel.buffers[i].memory, (*expected)[i], (*actual)[0].buffers[i], one.tolerance);
    EXPECT_EQ(difference, "") << "buffer " << i << "\n" << kernel::Print(one.kernel);
  }
}

class KernelsOnDevice : public ::testing::TestWithParam<Override> {};

TEST_P(KernelsOnDevice, ComputeWhatTheInterpreterDoes) {
  DeviceProfile profile = TheDevice().profile();
  GetParam().change(profile);
  for (const KernelCase& one : codegen::AllCases(profile)) {
    SCOPED_TRACE(one.name);
    ExpectDeviceAgrees(one, profile);
  }
}

INSTANTIATE_TEST_SUITE_P(Overrides, KernelsOnDevice, ::testing::ValuesIn(kOverrides), [](const auto& info) {
  std::string name = info.param.name;
  for (char& letter : name) letter = letter == ' ' ? '_' : letter;
  return name;
});

// out[i] = in[i] + parameter over segments of different sizes, one of them empty.
TEST(SegmentsOnDevice, EachWorksOnItsOwnRecord) {
  const DeviceProfile& profile = TheDevice().profile();
  kernel::Builder b(profile);
  b.SetSegmented();
  const int in = b.AddBuffer({.memory = DType::kU32, .is_read = true});
  const int out = b.AddBuffer({.memory = DType::kU32, .is_written = true});
  const int size = b.AddParam(), addend = b.AddParam();
  const kernel::V i = b.GlobalIndex(32);
  b.If(b.ULt(i, b.Param(size)), [&] { b.Store(out, i, b.IAdd(b.Load(in, i), b.Param(addend))); });
  const kernel::Kernel kernel = std::move(b).Finish(32);
  std::vector<Segment> segments;
  for (const uint32_t count : {100u, 1u, 0u, 33u, 64u, 7u}) {
    Segment segment{{Bytes(((count + 4) * 4 + 15) / 16 * 16), {}}, {count, 1000 * count}, (count + 31) / 32};
    for (size_t k = 0; k < segment.buffers[0].size(); ++k)
      segment.buffers[0][k] = static_cast<std::byte>(k * 7 + count);
    segment.buffers[1] = Bytes(segment.buffers[0].size(), std::byte{0xee});
    segments.push_back(std::move(segment));
  }
  const auto compiled = codegen::GenerateSpirv(kernel, profile);
  ASSERT_TRUE(compiled.ok()) << compiled.status().message();
  const auto actual = RunOnDevice(TheDevice(), *compiled, kernel, segments);
  ASSERT_TRUE(actual.ok()) << actual.status().message();
  for (size_t s = 0; s < segments.size(); ++s) {
    std::vector<Bytes*> pointers = {&segments[s].buffers[0], &segments[s].buffers[1]};
    const Status interpreted = kernel::Interpret(kernel, pointers, segments[s].params, segments[s].workgroups);
    ASSERT_TRUE(interpreted.ok()) << interpreted.message();
    EXPECT_EQ((*actual)[s].buffers[1], segments[s].buffers[1]) << s;
  }
}

// 32769 workgroups make a grid of two rows with a long tail, whose workgroups must not count.
TEST(LargeGridOnDevice, WorkgroupsBeyondTheLastDoNothing) {
  const DeviceProfile& profile = TheDevice().profile();
  kernel::Builder b(profile);
  const int counter = b.AddBuffer({.memory = DType::kU32, .is_read = true, .is_written = true});
  b.If(b.IEq(b.LocalIndex(), b.I32(0)), [&] { b.Atomic(kernel::KOp::kAtomicAdd, counter, b.I32(0), b.I32(1)); });
  b.If(b.And(b.IEq(b.LocalIndex(), b.I32(0)), b.ULt(b.I32(0x7fffffff), b.WorkgroupIndex())),
       [&] { b.Atomic(kernel::KOp::kAtomicAdd, counter, b.I32(1), b.I32(1)); });
  const kernel::Kernel kernel = std::move(b).Finish(8);
  const auto compiled = codegen::GenerateSpirv(kernel, profile);
  ASSERT_TRUE(compiled.ok()) << compiled.status().message();
  const auto actual = RunOnDevice(TheDevice(), *compiled, kernel, {{{Bytes(16)}, {}, 32769}});
  ASSERT_TRUE(actual.ok()) << actual.status().message();
  uint32_t count = 0;
  std::memcpy(&count, (*actual)[0].buffers[0].data(), 4);
  EXPECT_EQ(count, 32769u);
}

using kernel::Builder;
using kernel::V;

// As many iterations as `limit` lets loops make in all, in loops of every arrangement; each adds to a sum.
V OneLongLoop(Builder& b, V start, int64_t limit) {
  return b.For(b.I32(0), b.I32(limit - 1), b.I32(1), {start},
               [&](V i, std::span<const V> sum) { return std::vector<V>{b.IAdd(b.IMul(sum[0], b.I32(3)), i)}; })[0];
}

V ShortLoopsAfterALongOne(Builder& b, V start, int64_t limit) {
  V sum = OneLongLoop(b, start, limit - 60);
  for (int i = 0; i < 10; ++i) sum = OneLongLoop(b, sum, 6);
  return sum;
}

// Inner loops of as many iterations as the invocation's number asks for, on both sides of an if.
V NestedLoops(Builder& b, V start, int64_t limit) {
  const int64_t inner = (limit - 120) / 200;
  return b.For(b.I32(0), b.I32(100), b.I32(1), {start}, [&](V i, std::span<const V> sum) {
    const auto walk = [&](V count) {
      return [&b, inner, count, sum, i] {
        return b.For({b.I32(0), count, b.I32(1), inner - 1}, {sum[0]}, [&](V k, std::span<const V> c) {
          return std::vector<V>{b.IAdd(b.IMul(c[0], b.I32(5)), b.Xor(k, i))};
        });
      };
    };
    const V is_even = b.IEq(b.And(b.IAdd(i, b.LocalIndex()), b.I32(1)), b.I32(0));
    return b.IfValue(is_even, walk(b.I32(inner - 1)), walk(b.ISub(b.I32(inner - 1), b.LocalIndex())));
  })[0];
}

// Devices without a limit have none that is near.
TEST(LoopsOnDevice, ComeRoundAsOftenAsTheProfileAllows) {
  const DeviceProfile& profile = TheDevice().profile();
  const int64_t limit = profile.max_loop_iterations > 0 ? profile.max_loop_iterations : 300000;
  for (const auto make : {OneLongLoop, ShortLoopsAfterALongOne, NestedLoops}) {
    KernelCase one;
    Builder b(profile);
    const int out = b.AddBuffer({.memory = DType::kU32, .is_written = true});
    b.Store(out, b.GlobalIndex(16), make(b, b.GlobalIndex(16), limit));
    one.workgroups = 2;
    one.buffers = {Bytes(32 * 4)};
    one.kernel = std::move(b).Finish(16);
    EXPECT_LE(kernel::LoopIterations(one.kernel), limit);
    EXPECT_GT(kernel::LoopIterations(one.kernel), limit * 99 / 100);
    ExpectDeviceAgrees(one, profile);
  }
}

}  // namespace
}  // namespace dragoman::conformance
