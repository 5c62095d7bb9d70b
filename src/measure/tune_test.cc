// SPDX-License-Identifier: Apache-2.0
#include "measure/tune.h"

#include <gmock/gmock.h>

#include "base/directory_testing.h"
#include "base/os_testing.h"
#include "compiler/tuning_cache.h"

namespace dragoman::measure {
namespace {

using ::testing::HasSubstr;

constexpr const char* kText = R"(module @test
func public @main(%x: tensor<128x96xf32>, %y: tensor<96x128xf32>, %b: tensor<128x128xf32>) {
  %z = dot_general(%x, %y) {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], precision = 2} : tensor<128x128xf32>
  %s = add(%z, %b) : tensor<128x128xf32>
  return(%s)
})";

StatusOr<std::unique_ptr<ir::Module>> MakeTestModule() { return ir::Parse(kText); }

// The choices of a GPU, on whatever is here.
class TuneTest : public testing::Test {
 protected:
  void SetUp() override {
    os::SetVariable("DRAGOMAN_PROFILE", "tests/profiles/navi31.json");
    auto client = runtime::Client::Create({});
    os::ClearVariable("DRAGOMAN_PROFILE");
    ASSERT_TRUE(client.ok()) << client.status().message();
    client_ = *client;
  }
  runtime::Device& device() { return *client_->devices().front(); }
  std::shared_ptr<runtime::Client> client_;
};

TEST_F(TuneTest, TriesOtherTilesAndNamesTheQuickest) {
  const auto products = TuneProgram(device(), MakeTestModule, {}, {.most_candidates = 3});
  ASSERT_TRUE(products.ok()) << products.status().message();
  ASSERT_EQ(products->size(), 1u);
  const TunedProduct& product = products->front();
  EXPECT_THAT(product.key, HasSubstr("1x128x128x96 f32"));
  EXPECT_EQ(product.num_tried, 3u);
  EXPECT_GT(product.seconds_after, 0);
  EXPECT_LE(product.seconds_after, product.seconds_before);
  EXPECT_EQ(product.after == product.before, product.seconds_after == product.seconds_before);
}

TEST_F(TuneTest, LeavesAloneWhatIsTunedWhereAsked) {
  const auto first = TuneProgram(device(), MakeTestModule, {}, {.most_candidates = 0});
  ASSERT_TRUE(first.ok()) << first.status().message();
  compiler::Options options;
  options.tuning = TuningOf(*first);
  EXPECT_EQ(options.tuning.products.size(), 1u);
  const auto second = TuneProgram(device(), MakeTestModule, options, {.only_new = true});
  ASSERT_TRUE(second.ok()) << second.status().message();
  EXPECT_TRUE(second->empty());
}

TEST_F(TuneTest, AChoiceIsPartOfTheKeyOfCaches) {
  compiler::Options tuned;
  tuned.tuning.products["1x128x128x96 f32"] = "tile 64x64x16 with 1 parts of K";
  EXPECT_NE(compiler::Fingerprint(tuned), compiler::Fingerprint({}));
}

using TuningCache = DirectoryTest;

TEST_F(TuningCache, KeepsWhatWasMeasuredOfEachDevice) {
  const auto folder = CacheFolder::Open(directory_);
  ASSERT_TRUE(folder.ok()) << folder.status().message();
  target::DeviceProfile card, other;
  other.name = "another";
  EXPECT_TRUE(compiler::LoadTuning(nullptr, card).products.empty());
  EXPECT_TRUE(compiler::LoadTuning(folder->get(), card).products.empty());
  EXPECT_TRUE(compiler::AddTuning(**folder, card, {.products = {{"a", "tile 1"}, {"b", "tile 2"}}}));
  EXPECT_TRUE(compiler::AddTuning(**folder, card, {.products = {{"b", "tile 3"}}}));
  using Products = std::map<std::string, std::string>;
  EXPECT_EQ(compiler::LoadTuning(folder->get(), card).products, (Products{{"a", "tile 1"}, {"b", "tile 3"}}));
  EXPECT_TRUE(compiler::LoadTuning(folder->get(), other).products.empty());
}

}  // namespace
}  // namespace dragoman::measure
