// SPDX-License-Identifier: Apache-2.0
#include "compiler/program_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace dragoman::compiler {
namespace {

namespace fs = std::filesystem;

class ProgramCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = (fs::path(::testing::TempDir()) / (std::string("dragoman_programs_") + test->name())).string();
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  size_t NumFiles() const {
    if (!fs::exists(folder_)) return 0;
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(folder_)) count += entry.path().extension() == ".program";
    return count;
  }
  std::string Compile(const std::string& artifact, const target::DeviceProfile& profile = {}, bool fuse = true) {
    Options options;
    options.fuse = fuse;
    const auto program = CompileCached(std::as_bytes(std::span(artifact)), profile, options,
                                       program::DiskCache(*CacheFolder::Open(folder_)));
    EXPECT_TRUE(program.ok()) << program.status().message();
    return program.ok() ? program::Print(*program) : "";
  }
  static std::string Artifact(const std::string& name) {
    std::ifstream file("tests/data/door/" + name + ".bc", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  std::string folder_;
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
  EXPECT_EQ(Compile(moved), compiled);
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
      CompileCached(std::span<const std::byte>(), {}, {}, program::DiskCache(*CacheFolder::Open(folder_)));
  EXPECT_EQ(program.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(NumFiles(), 0u);
}

}  // namespace
}  // namespace dragoman::compiler
