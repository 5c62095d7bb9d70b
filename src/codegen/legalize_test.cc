// SPDX-License-Identifier: Apache-2.0
#include "codegen/legalize.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "base/format.h"
#include "codegen/case_testing.h"
#include "codegen/profiles_testing.h"
#include "kernel/builder.h"
#include "kernel/interpreter.h"

namespace dragoman::codegen {
namespace {

using target::DeviceProfile;
using Buffers = std::vector<std::vector<std::byte>>;

// The buffers after the kernel ran over the case's input.
StatusOr<Buffers> Interpreted(const kernel::Kernel& kernel, const KernelCase& one) {
  Buffers buffers = one.buffers;
  std::vector<std::vector<std::byte>*> pointers;
  for (auto& buffer : buffers) pointers.push_back(&buffer);
  RETURN_IF_ERROR(kernel::Interpret(kernel, pointers, one.params, one.workgroups));
  return buffers;
}

void ExpectSameMeaning(const KernelCase& one, const DeviceProfile& profile) {
  SCOPED_TRACE(one.name + " on " + profile.name);
  const auto expected = Interpreted(one.kernel, one);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  const auto legal = Legalize(one.kernel, profile);
  ASSERT_TRUE(legal.ok()) << legal.status().message();
  const Status verified = kernel::Verify(*legal);
  ASSERT_TRUE(verified.ok()) << verified.message() << "\n" << kernel::Print(*legal);
  EXPECT_FALSE(NeedsLegalization(*legal, profile)) << kernel::Print(*legal);
  const auto actual = Interpreted(*legal, one);
  ASSERT_TRUE(actual.ok()) << actual.status().message() << "\n" << kernel::Print(*legal);
  for (size_t i = 0; i < one.buffers.size(); ++i) {
    const std::string difference = Difference(one.kernel.buffers[i].memory, (*expected)[i], (*actual)[i], 0);
    EXPECT_EQ(difference, "") << "buffer " << i << "\n" << kernel::Print(*legal);
  }
}

// Words shared by neighbours make the race of an in-place kernel visible to the interpreter; it is benign, for each
// invocation looks at its own bits only.
bool RacesInWords(const KernelCase& one, const DeviceProfile& profile) {
  return one.name.starts_with("in place") && !IsNativeMemory(one.kernel.buffers[0].memory, profile);
}

TEST(Legalize, KeepsTheMeaningOfEveryCaseOnEveryProfile) {
  for (const DeviceProfile& profile : ProfileMatrix()) {
    if (profile.address_form == target::AddressForm::kByteOffset32) continue;
    for (const KernelCase& one : AllCases(profile)) {
      if (!NeedsLegalization(one.kernel, profile) || RacesInWords(one, profile)) continue;
      ExpectSameMeaning(one, profile);
    }
  }
}

TEST(Legalize, LeavesNativeKernelsAlone) {
  const DeviceProfile profile = FullProfile();
  for (const KernelCase& one : StructureCases(profile)) {
    EXPECT_FALSE(NeedsLegalization(one.kernel, profile)) << one.name;
  }
}

// out[i] = a[i] / divisor, for one constant after the other.
KernelCase DivisionByConstant(kernel::KOp op, int64_t divisor, std::span<const int64_t> numbers,
                              const DeviceProfile& profile) {
  const auto count = static_cast<int>(numbers.size());
  kernel::Builder b(profile);
  const int in = b.AddBuffer({DType::kS64, true, false, false});
  const int out = b.AddBuffer({DType::kS64, false, true, false});
  b.For(b.I32(0), b.I32(count), b.I32(1), {}, [&](kernel::V i, std::span<const kernel::V>) {
    const kernel::V quotient = b.Binary(op, b.Load(in, i), b.Int(kernel::KType::kI64, divisor));
    b.Store(out, i, quotient);
    return std::vector<kernel::V>{};
  });
  KernelCase one;
  one.name = Format("{} by {}", kernel::Name(op), divisor);
  one.kernel = std::move(b).Finish(1);
  const auto bytes = std::as_bytes(numbers);
  one.buffers = {{bytes.begin(), bytes.end()}, std::vector<std::byte>(bytes.size())};
  return one;
}

TEST(Legalize, DividesLongIntegersByEveryKindOfConstant) {
  constexpr int64_t kLowest = std::numeric_limits<int64_t>::min(), kHighest = std::numeric_limits<int64_t>::max();
  std::vector<int64_t> numbers = {0, 1, -1, kLowest, kLowest + 1, kHighest, kHighest - 1};
  for (int bit = 1; bit < 63; bit += 3) {
    const int64_t power = int64_t{1} << bit;
    for (const int64_t near : {power - 1, power, power + 1, -power}) numbers.push_back(near);
  }
  for (const int64_t step : {int64_t{3}, int64_t{641}, int64_t{6700417}, int64_t{0x5555555555555555}}) {
    for (int64_t times = -7; times < 8; ++times) {
      const auto product = static_cast<int64_t>(static_cast<uint64_t>(step) * static_cast<uint64_t>(times));
      numbers.insert(numbers.end(), {product, product - 1});
    }
  }
  if (numbers.size() % 2 == 1) numbers.push_back(5);
  const DeviceProfile profile = FullProfile();
  for (const int64_t divisor : std::vector<int64_t>(numbers)) {
    if (divisor == 0) continue;
    for (const auto op : {kernel::KOp::kUDiv, kernel::KOp::kURem, kernel::KOp::kSDiv, kernel::KOp::kSRem}) {
      const bool is_signed = op == kernel::KOp::kSDiv || op == kernel::KOp::kSRem;
      if (divisor == -1 && is_signed) continue;  // the lowest by -1 is undefined
      const KernelCase one = DivisionByConstant(op, divisor, numbers, profile);
      if (NeedsLegalization(one.kernel, profile)) ExpectSameMeaning(one, profile);
    }
  }
}

// out[i] = make(in[i]), bf16 from f32.
KernelCase StoreBF16(std::string name, const std::vector<uint32_t>& floats,
                     const std::function<kernel::V(kernel::Builder&, kernel::V)>& make) {
  const DeviceProfile profile = FullProfile();
  kernel::Builder b(profile);
  const int in = b.AddBuffer({DType::kF32, true, false, false});
  const int out = b.AddBuffer({DType::kBF16, false, true, false});
  b.For(b.I32(0), b.I32(static_cast<int64_t>(floats.size())), b.I32(1), {},
        [&](kernel::V i, std::span<const kernel::V>) {
          b.Store(out, i, make(b, b.Load(in, i)));
          return std::vector<kernel::V>{};
        });
  KernelCase one;
  one.name = std::move(name);
  one.kernel = std::move(b).Finish(1);
  const auto bytes = std::as_bytes(std::span(floats));
  one.buffers = {{bytes.begin(), bytes.end()}, std::vector<std::byte>(bytes.size() / 2)};
  return one;
}

int64_t CountRoundings(const kernel::Region& region) {
  int64_t count = 0;
  for (const kernel::Instruction& inst : region.body) {
    count += inst.op == kernel::KOp::kRoundBF16 ? 1 : 0;
    for (const auto& inner : inst.regions) count += CountRoundings(*inner);
  }
  return count;
}

TEST(Legalize, RoundsToBF16OnceForAStore) {
  using kernel::Builder, kernel::KOp, kernel::KType, kernel::V;
  std::vector<uint32_t> floats = {0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff, 0x7f7fffff, 0x7f800000, 0x80000000};
  for (uint64_t bits = 0; bits <= 0xffffffff; bits += 0x10001 * 29 + 0x4000)
    floats.push_back(static_cast<uint32_t>(bits));
  if (floats.size() % 2 == 1) floats.push_back(0);
  const auto round = [](Builder& b, V x) { return b.Convert(KOp::kRoundBF16, x, KType::kF32); };
  const KernelCase cases[] = {
      StoreBF16("rounded", floats, round),
      StoreBF16("negated", floats, [&](Builder& b, V x) { return b.Unary(KOp::kFNeg, round(b, x)); }),
      StoreBF16("magnitude", floats, [&](Builder& b, V x) { return b.Unary(KOp::kFAbs, round(b, x)); }),
      StoreBF16("chosen", floats,
                [&](Builder& b, V x) { return b.Select(b.Compare(KOp::kFLt, x, b.F32(1)), round(b, x), b.F32(-2)); }),
      StoreBF16("not rounded", floats, [](Builder&, V x) { return x; }),
      StoreBF16("chosen, not rounded", floats,
                [&](Builder& b, V x) { return b.Select(b.Compare(KOp::kFLt, x, b.F32(1)), x, round(b, x)); }),
      StoreBF16("chosen from a number that is no bf16", floats, [&](Builder& b, V x) {
        return b.Select(b.Compare(KOp::kFLt, x, b.F32(1)), round(b, x), b.F32(1.0f + 0x1p-20f));
      })};
  const DeviceProfile profile = FullProfile();
  for (const KernelCase& one : cases) ExpectSameMeaning(one, profile);
  const auto roundings = [&](const KernelCase& one) {
    return CountRoundings(Legalize(one.kernel, profile)->body) - CountRoundings(one.kernel.body);
  };
  for (int i = 0; i < 4; ++i) EXPECT_EQ(roundings(cases[i]), 0) << cases[i].name;
  for (int i = 4; i < 7; ++i) EXPECT_EQ(roundings(cases[i]), 1) << cases[i].name;
}

TEST(Legalize, RefusesF64BitsWithout64BitIntegers) {
  DeviceProfile profile = FullProfile();
  const std::vector<KernelCase> cases = ConversionCases(profile);
  profile.int64 = false;
  int refused = 0;
  for (const KernelCase& one : cases) {
    if (one.name != "bitcast si64 to f64") continue;
    const auto legal = Legalize(one.kernel, profile);
    ASSERT_FALSE(legal.ok());
    EXPECT_EQ(legal.status().code(), StatusCode::kUnimplemented);
    ++refused;
  }
  EXPECT_EQ(refused, 1);
}

}  // namespace
}  // namespace dragoman::codegen
