// SPDX-License-Identifier: Apache-2.0
#include "compiler/program_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "base/directory_testing.h"

namespace dragoman::compiler {
namespace {

namespace fs = std::filesystem;

class ProgramCacheTest : public DirectoryTest {
 protected:
  size_t NumFiles() const {
    if (!fs::exists(directory_)) return 0;
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(directory_)) count += entry.path().extension() == ".program";
    return count;
  }
  std::string Compile(const std::string& artifact, const target::DeviceProfile& profile = {}, bool fuse = true) {
    Options options;
    options.fuse = fuse;
    const auto program = CompileCached(std::as_bytes(std::span(artifact)), profile, options,
                                       program::DiskCache(*CacheFolder::Open(directory_)));
    EXPECT_TRUE(program.ok()) << program.status().message();
    return program.ok() ? program::Print(**program) : "";
  }
  // Of IR text.
  StatusOr<program::ValidProgram> CompileText(const std::string& text) {
    auto module = ir::Parse(text);
    EXPECT_TRUE(module.ok()) << module.status().message();
    return CompileCached(*std::move(module), {}, {}, program::DiskCache(*CacheFolder::Open(directory_)));
  }
  // A program that adds the constant to its parameter x.
  static std::string AddTo(const std::string& x, const std::string& constant) {
    return "module @m\nfunc public @main(%" + x + ": tensor<3xf32>) {\n  %c = constant() {value = dense<" + constant +
           ">} : tensor<3xf32>\n  %s = add(%" + x + ", %c) : tensor<3xf32>\n  return(%s)\n}\n";
  }
  static std::string Artifact(const std::string& name) {
    std::ifstream file("tests/data/door/" + name + ".bc", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  static std::string WithoutPlaces(const std::string& program) {
    return std::regex_replace(program, std::regex(" at [^\n]*"), "");
  }
};

TEST_F(ProgramCacheTest, GivesTheSameProgramFromTheCompilerAndFromDisk) {
  const std::string compiled = Compile(Artifact("step"));
  EXPECT_EQ(NumFiles(), 1u);
  EXPECT_EQ(Compile(Artifact("step")), compiled);
  EXPECT_EQ(NumFiles(), 1u);
}

// The artifacts differ in the strings of their locations alone; equal lengths keep the container whole.
TEST_F(ProgramCacheTest, FindsAProgramWhoseSourceLinesMoved) {
  std::string moved = Artifact("add");
  const size_t at = moved.find("jit(<lambda>)/add");
  ASSERT_NE(at, std::string::npos);
  moved.replace(at, 17, "jit(<another>)ad+");
  const std::string compiled = Compile(Artifact("add"));
  EXPECT_NE(compiled.find(" at jit(<lambda>)/add"), std::string::npos) << compiled;
  // The lines of the first one are not the second's.
  EXPECT_EQ(Compile(moved), WithoutPlaces(compiled));
  EXPECT_EQ(NumFiles(), 1u);
}

TEST_F(ProgramCacheTest, KeepsProgramsOfOtherDevicesAndOptionsApart) {
  target::DeviceProfile other;
  other.subgroup_size = 64;
  Compile(Artifact("step"));
  Compile(Artifact("step"), other);
  Compile(Artifact("step"), {}, /*fuse=*/false);
  Compile(Artifact("add"));
  EXPECT_EQ(NumFiles(), 4u);
}

// However its values are named; whatever else differs is another program.
TEST_F(ProgramCacheTest, FindsAModuleAgain) {
  const auto compiled = CompileText(AddTo("x", "1.5"));
  ASSERT_TRUE(compiled.ok()) << compiled.status().message();
  const auto found = CompileText(AddTo("y", "1.5"));
  ASSERT_TRUE(found.ok()) << found.status().message();
  EXPECT_EQ(program::Print(**found), program::Print(**compiled));
  EXPECT_EQ(NumFiles(), 1u);
  for (const char* other : {"1.5000001", "-0", "0", "[1.5, 1.5, 2]", "0x7fc00000", "0x7fc00001"}) {
    const size_t before = NumFiles();
    EXPECT_TRUE(CompileText(AddTo("x", other)).ok());
    EXPECT_EQ(NumFiles(), before + 1) << other;
  }
}

TEST_F(ProgramCacheTest, FindsAModuleThatAnArtifactReadsAs) {
  const std::string artifact = Artifact("step");
  const std::string compiled = Compile(artifact);
  auto module = ReadArtifact({std::as_bytes(std::span(artifact))});
  ASSERT_TRUE(module.ok()) << module.status().message();
  const auto program = CompileText(ir::Print(**module));
  ASSERT_TRUE(program.ok()) << program.status().message();
  EXPECT_EQ(program::Print(**program), WithoutPlaces(compiled));  // text has none
  EXPECT_EQ(NumFiles(), 1u);
}

TEST_F(ProgramCacheTest, RefusesAModuleThatDoesNotVerify) {
  const auto program = CompileText(
      "module @m\nfunc public @main(%x: tensor<3xf32>) {\n  %y = negate(%x) : tensor<4xf32>\n"
      "  return(%y)\n}\n");
  EXPECT_EQ(program.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(NumFiles(), 0u);
}

TEST(Fingerprint, DiffersByEachFieldThatAProgramDependsOn) {
  const std::vector<target::Options> all = {
      {},
      {.fuse = false},
      {.skipped_passes = {"fold"}},
      {.skipped_passes = {""}},
      {.skipped_passes = {"fold", "simplify"}},
      {.skipped_passes = {"simplify", "fold"}},
      {.skipped_passes = {"fold simplify"}},
      {.skipped_passes = {"fold without=8:simplify"}},
      {.fuse = false, .skipped_passes = {"fold"}},
      {.tuning = {{{"a", "b"}}}},
      {.tuning = {{{"a", "c"}}}},
      {.tuning = {{{"a", "b"}, {"c", "d"}}}},
      {.tuning = {{{"a", "b product=1:c=1:d"}}}},
  };
  std::set<Hash128> fingerprints;
  for (const target::Options& options : all) {
    EXPECT_EQ(Fingerprint(options), Fingerprint(target::Options(options)));
    fingerprints.insert(Fingerprint(options));
  }
  EXPECT_EQ(fingerprints.size(), all.size());
}

TEST(Fingerprint, IsTheSameWhoeverLooksOn) {
  Options watched;
  watched.dump = [](std::string_view, std::string_view) {};
  EXPECT_EQ(Fingerprint(watched), Fingerprint(Options()));
}

TEST_F(ProgramCacheTest, FailsLikeTheCompiler) {
  const auto program =
      CompileCached(std::span<const std::byte>(), {}, {}, program::DiskCache(*CacheFolder::Open(directory_)));
  EXPECT_EQ(program.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(NumFiles(), 0u);
}

}  // namespace
}  // namespace dragoman::compiler
