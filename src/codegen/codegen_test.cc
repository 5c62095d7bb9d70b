// SPDX-License-Identifier: Apache-2.0
#include "codegen/codegen.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "base/os_testing.h"
#include "codegen/case_testing.h"
#include "codegen/module_rules_testing.h"
#include "codegen/profiles_testing.h"
#include "kernel/builder.h"
#include "spirv/spv.h"
#include "spirv/testing.h"

namespace dragoman::codegen {
namespace {

using kernel::Builder;
using kernel::Kernel;
using kernel::KOp;
using kernel::KType;
using kernel::V;
using target::DeviceProfile;

std::vector<uint32_t> Generate(const Kernel& kernel, const DeviceProfile& profile) {
  const Status verified = kernel::Verify(kernel);
  EXPECT_TRUE(verified.ok()) << verified.message() << "\n" << kernel::Print(kernel);
  const auto generated = GenerateSpirv(kernel, profile);
  EXPECT_TRUE(generated.ok()) << profile.name << ": " << generated.status().message();
  return generated.ok() ? generated->spirv : std::vector<uint32_t>();
}

void ExpectValid(const Kernel& kernel, const std::vector<uint32_t>& words) {
  const Status valid = spirv::Validate(words);
  EXPECT_TRUE(valid.ok()) << valid.message() << "\n" << kernel::Print(kernel) << spirv::Disassemble(words);
}

std::set<uint32_t> Capabilities(std::initializer_list<spv::Capability> capabilities) {
  std::set<uint32_t> numbers;
  for (const spv::Capability capability : capabilities) numbers.insert(static_cast<uint32_t>(capability));
  return numbers;
}

// out[i] = in[i] + in[i], guarded, for `count` elements at a time.
Kernel CopyKernel(const DeviceProfile& profile, DType memory, int count, KType index_type) {
  Builder b(profile);
  const int in = b.AddBuffer({.memory = memory, .is_read = true});
  const int out = b.AddBuffer({.memory = memory, .is_written = true});
  const int size = b.AddParam();
  const V i = b.IMul(b.GlobalIndex(64), b.I32(count));
  b.If(b.ULt(i, b.Param(size)), [&] {
    const V index = index_type == KType::kI64 ? b.Convert(KOp::kZExt, i, KType::kI64) : i;
    const std::vector<V> values = b.LoadVector(in, index, count);
    b.StoreVector(out, index, values);
  });
  return std::move(b).Finish(64);
}

std::vector<DType> MemoryTypes() {
  std::vector<DType> types;
  for (int i = 0; i < static_cast<int>(DType::kC64); ++i) types.push_back(static_cast<DType>(i));
  return types;
}

TEST(ModuleRules, TellWhatADeviceLacksAndAddressesThatAreComputed) {
  DeviceProfile profile = FullProfile();
  const std::vector<uint32_t> by_index = Generate(CopyKernel(profile, DType::kU8, 1, KType::kI32), profile);
  EXPECT_EQ(CapabilityBeyond(by_index, profile), "");
  EXPECT_NE(CapabilityBeyond(by_index, BareProfile()), "");
  EXPECT_EQ(AddressArithmetic(by_index), "");
  profile.address_form = target::AddressForm::kByteOffset32;
  EXPECT_NE(AddressArithmetic(Generate(CopyKernel(profile, DType::kU8, 1, KType::kI32), profile)), "");
}

int CountOf(spv::Op op, const std::vector<uint32_t>& words) {
  int count = 0;
  for (size_t at = 5; at < words.size(); at += words[at] >> 16) {
    count += (words[at] & 0xffff) == static_cast<uint32_t>(op);
  }
  return count;
}

TEST(Codegen, HidesZeroFactorsOfEitherSignWhereDriversDropThem) {
  const auto negations = [](bool drops, float factor) {
    DeviceProfile profile = FullProfile();
    profile.drops_zero_products = drops;
    Builder b(profile);
    const int in = b.AddBuffer({.memory = DType::kF32, .is_read = true});
    const int out = b.AddBuffer({.memory = DType::kF32, .is_written = true});
    const V i = b.GlobalIndex(64);
    b.Store(out, i, b.FMul(b.Load(in, i), b.Float(KType::kF32, factor)));
    const Kernel kernel = std::move(b).Finish(64);
    const std::vector<uint32_t> words = Generate(kernel, profile);
    if (os::WantsValidation()) ExpectValid(kernel, words);
    return CountOf(spv::Op::OpFNegate, words);
  };
  EXPECT_EQ(negations(true, -0.0f), 1);
  EXPECT_EQ(negations(true, 0.0f), 0);
  EXPECT_EQ(negations(true, -2.0f), 0);
  EXPECT_EQ(negations(false, -0.0f), 0);
}

// Two addresses and a parameter are five words, which the lanes of a subgroup load together. The other loads are of the
// push constants (2), the built-ins (4) and the elements.
TEST(Codegen, LoadsRecordsOnceAndElementsInPairsWhereALoadVisitsEachLane) {
  DeviceProfile profile = FullProfile();
  profile.address_form = target::AddressForm::kAccessChain;
  profile.subgroup_size = profile.subgroup_min_size = profile.subgroup_max_size = 8;
  const auto generate = [&](bool visits_lanes, DType memory) {
    profile.loads_visit_lanes = visits_lanes;
    const Kernel kernel = CopyKernel(profile, memory, 4, KType::kI32);
    const std::vector<uint32_t> words = Generate(kernel, profile);
    if (os::WantsValidation()) ExpectValid(kernel, words);
    return words;
  };
  const std::vector<uint32_t> plain = generate(false, DType::kF32), paired = generate(true, DType::kF32);
  EXPECT_EQ(CountOf(spv::Op::OpGroupNonUniformShuffle, plain), 0);
  EXPECT_EQ(CountOf(spv::Op::OpGroupNonUniformShuffle, paired), 5);
  EXPECT_EQ(CountOf(spv::Op::OpStore, plain), 1);
  EXPECT_EQ(CountOf(spv::Op::OpStore, paired), 2);
  // Of the record three loads become one and one more of the lane; of the elements one becomes two.
  EXPECT_EQ(CountOf(spv::Op::OpLoad, paired), CountOf(spv::Op::OpLoad, plain));
  EXPECT_EQ(CountOf(spv::Op::OpStore, generate(true, DType::kF16)), 1);
}

TEST(Codegen, EveryCaseIsValidOnEveryProfile) {
  if (!os::WantsValidation()) GTEST_SKIP() << spirv::kNotValidated;
  std::set<std::vector<uint32_t>> seen;
  for (const DeviceProfile& profile : ProfileMatrix()) {
    for (const KernelCase& one : AllCases(profile)) {
      SCOPED_TRACE(one.name + " on " + profile.name);
      const std::vector<uint32_t> words = Generate(one.kernel, profile);
      EXPECT_EQ(CapabilityBeyond(words, profile), "");
      if (profile.address_form == target::AddressForm::kAccessChain) {
        EXPECT_EQ(AddressArithmetic(words), "");
      }
      if (!words.empty() && seen.insert(words).second) ExpectValid(one.kernel, words);
    }
  }
}

TEST(Codegen, F64OnADeviceWithoutItIsUnimplementedAndNamesBoth) {
  DeviceProfile profile = FullProfile();
  profile.float64 = false;
  const auto generated = GenerateSpirv(CopyKernel(FullProfile(), DType::kF64, 1, KType::kI32), profile);
  ASSERT_FALSE(generated.ok());
  EXPECT_EQ(generated.status().code(), StatusCode::kUnimplemented);
  EXPECT_NE(generated.status().message().find("f64"), std::string::npos);
  EXPECT_NE(generated.status().message().find(profile.name), std::string::npos);
}

TEST(Codegen, EqualKernelsGiveEqualWords) {
  const DeviceProfile profile = FullProfile();
  const auto words = Generate(CopyKernel(profile, DType::kF16, 4, KType::kI32), profile);
  EXPECT_EQ(words, Generate(CopyKernel(profile, DType::kF16, 4, KType::kI32), profile));
  EXPECT_NE(words, Generate(CopyKernel(profile, DType::kF16, 2, KType::kI32), profile));
}

// Of a segmented kernel, with every way to use the segment.
TEST(Codegen, SegmentedKernelsAreValid) {
  if (!os::WantsValidation()) GTEST_SKIP() << spirv::kNotValidated;
  for (const DeviceProfile& profile : ProfileMatrix()) {
    Builder b(profile);
    b.SetSegmented();
    const int in = b.AddBuffer({.memory = DType::kU8, .is_read = true});
    const int out = b.AddBuffer({.memory = DType::kF32, .is_written = true});
    const int size = b.AddParam();
    const V i = b.GlobalIndex(64);
    b.If(b.ULt(i, b.Param(size)), [&] { b.Store(out, i, b.Convert(KOp::kUToF, b.Load(in, i), KType::kF32)); });
    const Kernel kernel = std::move(b).Finish(64);
    const std::vector<uint32_t> words = Generate(kernel, profile);
    ExpectValid(kernel, words);
  }
}

// Of a kernel that reads each of its buffers behind an if in a loop.
int NumLoadsAheadOfTheLoop(int num_buffers) {
  const target::DeviceProfile profile = FullProfile();
  Builder b(profile);
  const V i = b.GlobalIndex(64);
  b.For(b.I32(0), i, b.I32(1), {}, [&](V k, std::span<const V>) {
    for (int n = 0; n < num_buffers; ++n) {
      const int buffer = b.AddBuffer({.memory = DType::kU32, .is_read = true, .is_written = true});
      b.If(b.IEq(k, b.I32(n)), [&] { b.Store(buffer, i, b.Load(buffer, k)); });
    }
    return std::vector<V>();
  });
  int num_loads = 0;
  const std::vector<uint32_t> words = Generate(std::move(b).Finish(64), profile);
  for (size_t at = 5; at < words.size(); at += words[at] >> 16) {
    const auto op = static_cast<spv::Op>(words[at] & 0xffff);
    if (op == spv::Op::OpLoopMerge) break;
    num_loads += op == spv::Op::OpLoad ? 1 : 0;
  }
  return num_loads;
}

TEST(Codegen, LoadsOnlyTheFirstAddressesAtTheEntry) {
  const int with_eight = NumLoadsAheadOfTheLoop(8);
  EXPECT_EQ(NumLoadsAheadOfTheLoop(32), with_eight + 24);
  EXPECT_EQ(NumLoadsAheadOfTheLoop(60), with_eight + 24);
}

TEST(Codegen, KernelsWithoutBuffersAreValid) {
  if (!os::WantsValidation()) GTEST_SKIP() << spirv::kNotValidated;
  const target::DeviceProfile profile = FullProfile();
  Builder b(profile);
  b.Barrier();
  const Kernel kernel = std::move(b).Finish(1);
  ExpectValid(kernel, Generate(kernel, profile));
}

TEST(Codegen, SaysWhatTheDeviceLacks) {
  const KernelCase* subgroup_case = nullptr;
  const std::vector<KernelCase> cases = StructureCases(FullProfile());
  for (const KernelCase& one : cases) {
    if (one.needs_subgroups) subgroup_case = &one;
  }
  ASSERT_NE(subgroup_case, nullptr);
  EXPECT_EQ(GenerateSpirv(subgroup_case->kernel, BareProfile()).status().code(), StatusCode::kUnimplemented);
  DeviceProfile small = FullProfile();
  small.max_workgroup_invocations = 16;
  EXPECT_EQ(GenerateSpirv(cases[0].kernel, small).status().code(), StatusCode::kUnimplemented);
}

// Five hundred kernels in well under a second, unoptimised builds and busy machines included.
TEST(Codegen, GeneratesFiveHundredKernelsInASecond) {
  const DeviceProfile profile = FullProfile();
  const std::vector<KernelCase> cases = StructureCases(profile);
  const auto start = std::chrono::steady_clock::now();
  size_t words = 0;
  for (int i = 0; i < 500; ++i) {
    const auto generated = GenerateSpirv(cases[static_cast<size_t>(i) % cases.size()].kernel, profile);
    ASSERT_TRUE(generated.ok());
    words += generated->spirv.size();
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 1.0);
  EXPECT_GT(words, 500u * 100u);
}

TEST(Codegen, AsksOnlyForTheCapabilitiesThatAKernelUses) {
  DeviceProfile profile = FullProfile();
  using enum spv::Capability;
  const auto of = [&](DType memory) {
    return CapabilitiesOf(Generate(CopyKernel(profile, memory, 1, KType::kI32), profile));
  };
  EXPECT_EQ(of(DType::kU32), Capabilities({Shader, PhysicalStorageBufferAddresses}));
  EXPECT_EQ(of(DType::kF32),
            Capabilities({Shader, PhysicalStorageBufferAddresses, SignedZeroInfNanPreserve, DenormPreserve}));
  profile.int64 = false;
  EXPECT_EQ(of(DType::kU8), Capabilities({Shader, PhysicalStorageBufferAddresses, StorageBuffer8BitAccess, Int8}));
  profile = BareProfile();
  for (const DType memory : MemoryTypes()) {
    if (memory != DType::kF64) {
      EXPECT_EQ(of(memory), Capabilities({Shader, PhysicalStorageBufferAddresses})) << Name(memory);
    }
  }
}

// RADV takes apart on GCN, for good, a multiply-add that must not be contracted; other drivers those that may be, and
// takes a factor out that several share.
TEST(Codegen, LetsOnlyGcnContractWhatProductsAddUp) {
  DeviceProfile profile = FullProfile();
  const auto count_uncontracted = [&](bool shares_factor, bool is_carried) {
    Builder b(profile);
    const int out = b.AddBuffer({.memory = DType::kF32, .is_written = true});
    const V x = b.Convert(KOp::kSToF, b.GlobalIndex(64), KType::kF32);
    const V y = b.FMul(x, x);
    const std::vector<V> start = {x};
    const auto sums = b.For(b.I32(0), b.I32(8), b.I32(1), start, [&](V, std::span<const V> carried) {
      const V before = is_carried ? carried[0] : y;
      const V once = b.Fma(x, x, before);
      return std::vector<V>{b.Fma(shares_factor ? x : y, y, once)};
    });
    b.Store(out, b.I32(0), sums[0]);
    const std::vector<uint32_t> words = Generate(std::move(b).Finish(64), profile);
    const auto decorates = [&](size_t i) {
      return (words[i] & 0xffffu) == static_cast<uint32_t>(spv::Op::OpDecorate) &&
             words[i + 2] == static_cast<uint32_t>(spv::Decoration::NoContraction);
    };
    int count = 0;
    for (size_t i = 5; i < words.size(); i += words[i] >> 16) count += decorates(i) ? 1 : 0;
    return count;
  };
  const int others = count_uncontracted(false, true) - 2;
  EXPECT_GE(others, 0);
  profile.multiply_add_cycles = 4;
  EXPECT_EQ(count_uncontracted(false, true), others);
  EXPECT_EQ(count_uncontracted(true, true), others + 1);
  EXPECT_EQ(count_uncontracted(false, false), others + 2);
}

}  // namespace
}  // namespace dragoman::codegen
