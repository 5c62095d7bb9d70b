// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"
#include "passes/decompose.h"
#include "passes/testing.h"

namespace dragoman::passes {
namespace {

TEST(DecomposeBatchNorm, MeansWhatTheOperationsDo) {
  for (const char* feature : {"0", "1", "2"}) {
    const int count = 4 + feature[0] - '0';
    const std::string x = "tensor<4x5x6xf32>", v = Format("tensor<{}xf32>", count);
    const std::string attributes = Format("{{epsilon = dense<0.01>, feature_index = {}}}", feature);
    ExpectSameMeaning(Decompose,
                      Format(R"(module @m
func public @main(%x: {0}, %s: {1}, %o: {1}, %m: {1}, %d: {0}) {{
  %y, %a, %b = batch_norm_training(%x, %s, %o) {2} : {0}, {1}, {1}
  %v = multiply(%s, %s) : {1}
  %z = batch_norm_inference(%x, %s, %o, %m, %v) {2} : {0}
  %g, %h, %i = batch_norm_grad(%x, %s, %m, %v, %d) {2} : {0}, {1}, {1}
  return(%y, %a, %b, %z, %g, %h, %i)
}})",
                             x, v, attributes),
                      1e-4);
  }
}

}  // namespace
}  // namespace dragoman::passes
