// SPDX-License-Identifier: Apache-2.0
// Random programs, compiled for recorded devices with and without fusion, run by the kernel interpreter and compared
// with the evaluator: lanes, tiles, matrix units and the like are what no CPU's driver ever asks for.
// DRAGOMAN_RANDOM_PROGRAMS=N runs N programs, DRAGOMAN_RANDOM_FIRST=S from seed S on.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "compiler/program_interpreter_testing.h"
#include "compiler/random_program_movement_testing.h"
#include "target/profile_json.h"

namespace dragoman::compiler {
namespace {

// Sanitizers make them ten times slower.
#if defined(DRAGOMAN_SANITIZED)
constexpr int kNumRandomPrograms = 8;
#else
constexpr int kNumRandomPrograms = 60;
#endif
constexpr int kNumForEveryKind = 60;
constexpr const char* kRandomDevices[] = {"navi31", "h100",   "dg2", "m1",       "adreno740",
                                          "navi21", "nvk162", "lnl", "polaris10"};

int NumberFromEnvironment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

const target::DeviceProfile& RecordedProfile(const std::string& device) {
  static std::map<std::string, target::DeviceProfile> profiles;
  const auto [entry, is_new] = profiles.try_emplace(device);
  if (is_new) {
    const auto profile = target::LoadProfile(Format("tests/profiles/{}.json", device));
    EXPECT_TRUE(profile.ok()) << profile.status().message();
    if (profile.ok()) entry->second = *profile;
  }
  return entry->second;
}

// Most are small: they are quick, and their operations meet in more ways.
RandomTheme ThemeOf(int seed) {
  if (seed % 20 == 4) return RandomTheme::kLongSort;
  constexpr RandomTheme kThemes[] = {RandomTheme::kSmall, RandomTheme::kRows, RandomTheme::kSmall,
                                     RandomTheme::kProduct, RandomTheme::kTranspose};
  return kThemes[seed % std::size(kThemes)];
}

bool Loads(const kernel::Region& region) {
  return std::ranges::any_of(region.body, [](const kernel::Instruction& instruction) {
    return instruction.op == kernel::KOp::kLoad ||
           std::ranges::any_of(instruction.regions, [](const auto& inner) { return Loads(*inner); });
  });
}

bool LoadsInLoop(const kernel::Region& region) {
  return std::ranges::any_of(region.body, [](const kernel::Instruction& instruction) {
    const bool is_loop = instruction.op == kernel::KOp::kFor || instruction.op == kernel::KOp::kWhile;
    return std::ranges::any_of(instruction.regions,
                               [&](const auto& inner) { return is_loop ? Loads(*inner) : LoadsInLoop(*inner); });
  });
}

bool HasVectors(const kernel::Region& region) {
  return std::ranges::any_of(region.body, [](const kernel::Instruction& instruction) {
    return (instruction.op == kernel::KOp::kLoad && instruction.imm > 1) ||
           std::ranges::any_of(instruction.regions, [](const auto& inner) { return HasVectors(*inner); });
  });
}

// Which of the kinds of kernels that only GPUs run are in the program.
void NoteKinds(const CompiledProgram& compiled, std::set<std::string>& kinds) {
  VisitDispatches(compiled.program.steps, [&](const program::Step& step) {
    const auto holds = [&](std::string_view text) { return step.label.find(text) != std::string::npos; };
    const kernel::Kernel& kernel = compiled.sources.at(compiled.program.kernels[step.kernel].hash);
    if (holds("matrix tile")) {
      kinds.insert("product on matrix units");
    } else if (holds("dot_general tile")) {
      kinds.insert("product by tiles");
    } else if (holds("dot_general")) {
      kinds.insert("product of another kind");
    }
    if (holds("phases over")) kinds.insert(LoadsInLoop(kernel.body) ? "rows that are read again" : "resident rows");
    if (holds("transpose into")) kinds.insert("transposed tiles");
    if (holds("by keys")) kinds.insert("sort by digits");
    if (step.num_segments > 1) kinds.insert("segments");
    if (HasVectors(kernel.body)) kinds.insert("lanes");
  });
}

// One message, for the first element that is off by more than both sides may be.
void ExpectWithin(const RandomValue& result, const ir::Literal& actual, const ir::Literal& expected) {
  for (int64_t i = 0; i < result.type.num_elements(); ++i) {
    if (!IsFloat(result.type.dtype)) {
      const int64_t got = reference::ElementAsInt(actual, i), want = reference::ElementAsInt(expected, i);
      if (got == want) continue;
      ADD_FAILURE() << result.name << " element " << i << " is " << got << ", expected " << want;
      return;
    }
    const double got = reference::ElementAsDouble(actual, i), want = reference::ElementAsDouble(expected, i);
    if (std::abs(got - want) <= 2 * result.error) continue;
    ADD_FAILURE() << result.name << " element " << i << " is " << got << ", expected " << want << " within "
                  << 2 * result.error;
    return;
  }
}

void ExpectRuns(const RandomProgram& random, const std::string& device, int seed, std::set<std::string>& kinds) {
  const auto parse = [&] { return ir::Parse(random.text()); };
  auto module = parse();
  ASSERT_TRUE(module.ok()) << module.status().message();
  const Status verified = ir::Verify(**module);
  ASSERT_TRUE(verified.ok()) << verified.message();
  const auto expected = reference::Evaluate(**module, "main", random.inputs());
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  std::vector<Bytes> inputs;
  for (const ir::Literal& input : random.inputs()) inputs.push_back(input.Dense());
  const target::DeviceProfile& profile = RecordedProfile(device);
  for (const bool fuse : {true, false}) {
    SCOPED_TRACE(fuse ? "with fusion" : "without fusion");
    const auto compiled = CompileForInterpreter(*parse(), profile, fuse);
    ASSERT_TRUE(compiled.ok()) << compiled.status().message();
    NoteKinds(*compiled, kinds);
    const int subgroup_size = seed % 4 < 2 ? profile.subgroup_size : profile.subgroup_min_size;
    const kernel::InterpretOptions options{.subgroup_size = subgroup_size,
                                           .max_loop_iterations = profile.max_loop_iterations};
    const auto outputs = ProgramInterpreter(*compiled, options, seed % 2 == 1).Run(inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.status().message();
    for (size_t i = 0; i < expected->size(); ++i) {
      ExpectWithin(random.results()[i], ir::Literal((*expected)[i].type(), (*outputs)[i]), (*expected)[i]);
    }
  }
}

// Bounds that let anything pass would prove nothing.
TEST(RandomPrograms, HaveBoundsThatMeanSomething) {
  int num_results = 0, num_loose = 0;
  for (int seed = 0; seed < 200; ++seed) {
    const RandomProgram random(static_cast<uint32_t>(seed), ThemeOf(seed));
    for (const RandomValue& result : random.results()) {
      ++num_results;
      num_loose += result.error > 0.02 * std::max(result.magnitude, 0.1);
    }
  }
  EXPECT_GT(num_results, 1000);
  EXPECT_LT(num_loose, num_results / 8);
}

// Two steps of which one reads what the other writes.
TEST(ProgramInterpreter, SeesMissingBarriers) {
  const char* text =
      "module @m func public @main(%a: tensor<5xsi32>) { %s = sort(%a) {dimension = 0, is_stable = 1} : tensor<5xsi32> "
      "(%p: tensor<si32>, %q: tensor<si32>) { %r = compare(%p, %q) {comparison_direction = 5, compare_type = 3} : "
      "tensor<i1> return(%r) } %t = reverse(%s) {dimensions = [0]} : tensor<5xsi32> return(%t) }";
  auto module = ir::Parse(text);
  ASSERT_TRUE(module.ok()) << module.status().message();
  auto compiled = CompileForInterpreter(*std::move(module), RecordedProfile("navi31"), true);
  ASSERT_TRUE(compiled.ok()) << compiled.status().message();
  ASSERT_GE(compiled->program.steps.size(), 2u);
  const TensorType type{DType::kS32, {5}};
  const std::vector<Bytes> inputs = {reference::LiteralFromInts(type, std::vector<int64_t>{3, 1, 5, 2, 4}).Dense()};
  const Bytes sorted = reference::LiteralFromInts(type, std::vector<int64_t>{5, 4, 3, 2, 1}).Dense();
  const auto run = [&] { return ProgramInterpreter(*compiled, {}, true).Run(inputs); };
  const auto right = run();
  ASSERT_TRUE(right.ok()) << right.status().message();
  EXPECT_EQ((*right)[0], sorted);
  for (program::Step& step : compiled->program.steps) step.barrier_before = false;
  const auto wrong = run();
  ASSERT_TRUE(wrong.ok()) << wrong.status().message();
  EXPECT_NE((*wrong)[0], sorted);
}

TEST(RandomPrograms, ComputeOnRecordedDevicesWhatTheEvaluatorSays) {
  std::set<std::string> kinds;
  const int num_programs = NumberFromEnvironment("DRAGOMAN_RANDOM_PROGRAMS", kNumRandomPrograms);
  const int first = NumberFromEnvironment("DRAGOMAN_RANDOM_FIRST", 0);
  for (int seed = first; seed < first + num_programs; ++seed) {
    const RandomProgram random(static_cast<uint32_t>(seed), ThemeOf(seed));
    const std::string device = kRandomDevices[static_cast<uint32_t>(seed) * 7 / 5 % std::size(kRandomDevices)];
    SCOPED_TRACE(Format("seed {} for {}\n{}", seed, device, random.text()));
    ExpectRuns(random, device, seed, kinds);
  }
  if (num_programs < kNumForEveryKind) return;
  for (const char* kind : {"lanes", "product on matrix units", "product by tiles", "product of another kind",
                           "resident rows", "rows that are read again", "transposed tiles", "sort by digits"}) {
    EXPECT_TRUE(kinds.contains(kind)) << "no program has: " << kind;
  }
}

}  // namespace
}  // namespace dragoman::compiler
