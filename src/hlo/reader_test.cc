// SPDX-License-Identifier: Apache-2.0
#include "hlo/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hlo/proto_testing.h"

namespace dragoman::hlo {
namespace {

using testing::HasSubstr;

StatusOr<std::unique_ptr<ir::Module>> Read(const Proto& module) {
  return ReadHlo(std::as_bytes(std::span(module.bytes())));
}

std::string Text(const Proto& module) {
  const auto read = Read(module);
  return read.ok() ? ir::Print(**read) : read.status().message();
}

Status StatusOf(const Proto& module) { return Read(module).status(); }

Proto Dims(const std::vector<int64_t>& dims) { return Proto().Ints(instruction_field::kDimensions, dims); }
Proto Called(const std::vector<int64_t>& ids) { return Proto().Ints(instruction_field::kCalledComputationIds, ids); }
const Proto kVector = ShapeProto(kF32Code, {4});
const Proto kScalar = ShapeProto(kF32Code, {});

ComputationProto Adder(int64_t id) {
  ComputationProto adder(id);
  const int64_t a = adder.Parameter(0, kScalar), b = adder.Parameter(1, kScalar);
  adder.Add("add", kScalar, {a, b});
  return adder;
}

TEST(ReadHlo, ReadsElementwiseOperationsAndConstants) {
  ComputationProto main(7);
  const int64_t x = main.Parameter(0, kVector);
  Proto literal;
  literal.Sub(literal_field::kShape, kVector).Floats(8, {1, 2, 3, 4});
  const int64_t c = main.Add("constant", kVector, {}, Proto().Sub(instruction_field::kLiteral, literal));
  main.Add("exponential-minus-one", kVector, {main.Add("multiply", kVector, {x, c})});
  const std::string text = Text(ModuleProto({main}));
  EXPECT_THAT(text, HasSubstr("exponential_minus_one("));
  EXPECT_THAT(text, HasSubstr("dense<[1"));
}

TEST(ReadHlo, TakesTuplesApart) {
  ComputationProto main(1);
  const int64_t x = main.Parameter(0, TupleProto({kVector, kScalar}));
  const int64_t first = main.Add("get-tuple-element", kVector, {x}, Proto().Int(instruction_field::kTupleIndex, 0));
  const int64_t second = main.Add("get-tuple-element", kScalar, {x}, Proto().Int(instruction_field::kTupleIndex, 1));
  const int64_t pair = main.Add("tuple", TupleProto({kScalar, kVector}), {second, first});
  main.Add("tuple", TupleProto({TupleProto({kScalar, kVector}), kScalar}), {pair, second});
  const auto module = Read(ModuleProto({main}));
  ASSERT_TRUE(module.ok()) << module.status().message();
  EXPECT_EQ((*module)->main()->body.arguments.size(), 2u);
  EXPECT_EQ((*module)->main()->body.terminator()->operands.size(), 3u);
}

TEST(ReadHlo, ReadsReducers) {
  ComputationProto main(2);
  const int64_t x = main.Parameter(0, kVector);
  const int64_t zero = main.Parameter(1, kScalar);
  Proto more = Dims({0});
  main.Add("reduce", kScalar, {x, zero}, more.Ints(instruction_field::kCalledComputationIds, {1}));
  EXPECT_THAT(Text(ModuleProto({Adder(1), main})), HasSubstr("reduce("));
}

TEST(ReadHlo, WritesMapsElementwise) {
  ComputationProto half(1);
  const int64_t x = half.Parameter(0, kScalar);
  Proto literal;
  literal.Sub(literal_field::kShape, kScalar).Floats(8, {0.5f});
  const int64_t c = half.Add("constant", kScalar, {}, Proto().Sub(instruction_field::kLiteral, literal));
  half.Add("multiply", kScalar, {x, c});
  ComputationProto main(2);
  main.Add("map", kVector, {main.Parameter(0, kVector)}, Called({1}));
  const std::string text = Text(ModuleProto({half, main}));
  EXPECT_THAT(text, HasSubstr("broadcast_in_dim("));
  EXPECT_THAT(text, HasSubstr(": tensor<4xf32>"));
}

TEST(ReadHlo, ReadsLoopsAndBranches) {
  const Proto state = TupleProto({kScalar, kVector});
  ComputationProto condition(1), body(2), twice(3), same(4), main(5);
  const int64_t c = condition.Parameter(0, state);
  const int64_t n = condition.Add("get-tuple-element", kScalar, {c});
  condition.Add("compare", ShapeProto(kPredCode, {}), {n, n},
                Proto().Text(instruction_field::kComparisonDirection, "LT"));
  body.Parameter(0, state);
  const int64_t t = twice.Parameter(0, kVector);
  twice.Add("add", kVector, {t, t});
  same.Parameter(0, kVector);
  const int64_t p = main.Parameter(0, ShapeProto(kPredCode, {}));
  const int64_t s = main.Parameter(1, kScalar), v = main.Parameter(2, kVector);
  const int64_t branch = main.Add("conditional", kVector, {p, v, v}, Called({3, 4}));
  const int64_t pair = main.Add("tuple", state, {s, branch});
  main.Add("while", state, {pair}, Called({2, 1}));
  const std::string text = Text(ModuleProto({condition, body, twice, same, main}));
  EXPECT_THAT(text, HasSubstr("while("));
  EXPECT_THAT(text, HasSubstr("case("));
}

// A 2x3 constant written column by column, and a transpose that is a change of the layout alone.
TEST(ReadHlo, HonoursLayouts) {
  const Proto columns = ShapeProto(kF32Code, {2, 3}, {0, 1});
  ComputationProto main(1);
  Proto literal;
  literal.Sub(literal_field::kShape, columns).Floats(8, {1, 4, 2, 5, 3, 6});
  const int64_t c = main.Add("constant", columns, {}, Proto().Sub(instruction_field::kLiteral, literal));
  main.Add("bitcast", ShapeProto(kF32Code, {3, 2}, {1, 0}), {c});
  const std::string text = Text(ModuleProto({main}));
  EXPECT_THAT(text, HasSubstr("dense<[1, 2, 3, 4, 5, 6]>"));
  EXPECT_THAT(text, HasSubstr("transpose("));
}

TEST(ReadHlo, ReadsAliases) {
  ComputationProto main(1);
  const int64_t x = main.Parameter(0, kVector), y = main.Parameter(1, kVector);
  main.Add("tuple", TupleProto({kVector, kVector}),
           {main.Add("add", kVector, {x, y}), main.Add("negate", kVector, {y})});
  Proto module = ModuleProto({main});
  Proto alias;
  alias.Ints(alias_field::kOutputShapeIndex, {1}).Int(alias_field::kParameterNumber, 0);
  module.Sub(module_field::kInputOutputAlias, Proto().Sub(alias_field::kEntries, alias));
  const auto read = Read(module);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ((*read)->main()->parameters[0].aliased_output, 1);
  EXPECT_EQ((*read)->main()->parameters[1].aliased_output, -1);
}

TEST(ReadHlo, NamesWhatItDoesNotSupport) {
  ComputationProto main(1);
  Proto metadata;
  metadata.Text(metadata_field::kOpName, "model/dense")
      .Text(metadata_field::kSourceFile, "/home/me/train.py")
      .Int(metadata_field::kSourceLine, 17);
  main.Add("infeed", kVector, {main.Parameter(0, kVector)}, Proto().Sub(instruction_field::kMetadata, metadata));
  const Status status = StatusOf(ModuleProto({main}));
  EXPECT_EQ(status.code(), StatusCode::kUnimplemented);
  EXPECT_EQ(status.message(),
            "The operation infeed (tensor<4xf32>) -> (tensor<4xf32>) is not supported. While reading infeed. At "
            "train.py:17 in "
            "model/dense.");
}

TEST(ReadHlo, RefusesDynamicDimensions) {
  ComputationProto main(1);
  Proto shape = kVector;
  Proto metadata;
  metadata.Text(metadata_field::kOpName, "model/where");
  main.Add("set-dimension-size", shape.Ints(shape_field::kIsDynamicDimension, {1}), {},
           Proto().Sub(instruction_field::kMetadata, metadata));
  const Status status = StatusOf(ModuleProto({main}));
  EXPECT_EQ(status.code(), StatusCode::kUnimplemented);
  EXPECT_THAT(status.message(), HasSubstr("dynamic dimension"));
  EXPECT_THAT(status.message(), HasSubstr("While reading set-dimension-size. At model/where."));
}

TEST(ReadHlo, RefusesWhatIsDamaged) {
  EXPECT_EQ(StatusOf(Proto()).code(), StatusCode::kInvalidArgument);
  ComputationProto forward(1);
  forward.Add("negate", kVector, {5});
  EXPECT_THAT(StatusOf(ModuleProto({forward})).message(), HasSubstr("does not come before it"));
  ComputationProto recursive(1);
  recursive.Add("call", kVector, {recursive.Parameter(0, kVector)}, Called({1}));
  EXPECT_THAT(StatusOf(ModuleProto({recursive})).message(), HasSubstr("calls computation 1"));
  ComputationProto main(1);
  main.Add("negate", kVector, {main.Parameter(0, kVector)});
  const std::string whole = ModuleProto({main}).bytes();
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto read = ReadHlo(std::as_bytes(std::span(whole).first(size)));
    if (!read.ok()) {
      EXPECT_EQ(read.status().code(), StatusCode::kInvalidArgument) << size;
    }
  }
}

TEST(ReadHlo, ReadsCollectivesWithTheirGroups) {
  ComputationProto main(2);
  const int64_t x = main.Parameter(0, kVector);
  const Proto group = Proto().Ints(group_field::kReplicaIds, {0, 1});
  const Proto iota = Proto().Int(iota_field::kNumGroups, 2).Int(iota_field::kDevicesPerGroup, 1);
  Proto reduce = Called({1});
  reduce.Sub(instruction_field::kReplicaGroups, group).Int(instruction_field::kChannelId, 3);
  const int64_t sum = main.Add("all-reduce", kVector, {x}, reduce);
  Proto gather = Dims({0});
  gather.Sub(instruction_field::kCollectiveDevices, Proto().Sub(devices_field::kIota, iota));
  const int64_t parts = main.Add("all-gather", kVector, {sum}, gather);
  const Proto pair = Proto().Int(pair_field::kSource, 1).Int(pair_field::kTarget, 0);
  const int64_t moved =
      main.Add("collective-permute", kVector, {parts}, Proto().Sub(instruction_field::kSourceTargetPairs, pair));
  main.Add("tuple", TupleProto({kVector, ShapeProto(kU32Code, {})}),
           {moved, main.Add("partition-id", ShapeProto(kU32Code, {}))});
  const std::string text = Text(ModuleProto({Adder(1), main}));
  EXPECT_THAT(text,
              HasSubstr("all_reduce(%0) {channel_id = 3, replica_groups = [0, 1, -1], use_global_device_ids = 0}"));
  EXPECT_THAT(text, HasSubstr("replica_groups = [0, -1, 1, -1], use_global_device_ids = 0, all_gather_dim = 0}"));
  EXPECT_THAT(text, HasSubstr("source_target_pairs = [1, 0]}"));
  EXPECT_THAT(text, HasSubstr("partition_id() : tensor<ui32>"));
}

// A copy that states another type than its operand's.
TEST(ReadHlo, RefusesValuesThatAreNotOfTheStatedShape) {
  ComputationProto main(1);
  const int64_t x = main.Parameter(0, kScalar);
  main.Add("bitcast", ShapeProto(kF32Code, {1, 1, 1}, {0, 1, 2}),
           {main.Add("copy", ShapeProto(kF32Code, {1, 1, 1}, {0, 2, 1}), {x})});
  const Status status = StatusOf(ModuleProto({main}));
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(
      status.message(),
      "The operation copy (tensor<f32>) -> (tensor<1x1x1xf32>) has values of other types than its shape says. While "
      "reading copy.");
}

// Each computation calls the one before twice: written out it would have 2^40 instructions.
TEST(ReadHlo, BoundsWhatComputationsGrowTo) {
  std::vector<ComputationProto> computations;
  for (int64_t id = 1; id <= 40; ++id) {
    ComputationProto& computation = computations.emplace_back(id);
    int64_t x = computation.Parameter(0, kVector);
    for (int i = 0; i < 2 && id > 1; ++i) x = computation.Add("fusion", kVector, {x}, Called({id - 1}));
    if (id == 1) computation.Add("negate", kVector, {x});
  }
  EXPECT_EQ(StatusOf(ModuleProto(computations)).code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace dragoman::hlo
