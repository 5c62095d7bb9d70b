// SPDX-License-Identifier: Apache-2.0
#include "stablehlo/vhlo_ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "stablehlo/op_attributes.h"

namespace dragoman::stablehlo {
namespace {

// The row whose base name is the op's, of any version.
const VhloOp* RowFor(ir::OpCode code) {
  for (const char* version : {"_v1", "_v2"}) {
    const VhloOp* row = FindVhloOp(std::string(ir::Info(code).name) + version);
    if (row != nullptr) return row;
  }
  return nullptr;
}

TEST(VhloOps, GiveEveryOpOfTheTensorIrButOurOwn) {
  const std::set<std::string> own = {"scan",     "fourier",  "jacobi_rotations", "rotate_blocks",
                                     "lu_panel", "qr_panel", "lu_update",        "cholesky_panel"};
  for (int i = 0; i <= static_cast<int>(ir::OpCode::kReturn); ++i) {
    const auto code = static_cast<ir::OpCode>(i);
    const std::string name(ir::Info(code).name);
    const bool is_ours = own.contains(name) || name.starts_with("chlo.");
    EXPECT_EQ(RowFor(code) == nullptr, is_ours) << name;
  }
}

TEST(VhloOps, ListAttributesAlphabetically) {
  for (const char* name :
       {"gather_v2", "scatter_v2", "convolution_v1", "dot_general_v2", "custom_call_v1", "func_v1"}) {
    const VhloOp* row = FindVhloOp(name);
    ASSERT_NE(row, nullptr) << name;
    EXPECT_TRUE(std::is_sorted(row->attributes.begin(), row->attributes.end())) << name;
  }
}

TEST(VhloOps, LoseNoAttribute) {
  for (int i = 0; i <= static_cast<int>(ir::OpCode::kReturn); ++i) {
    const auto code = static_cast<ir::OpCode>(i);
    const VhloOp* row = RowFor(code);
    if (row == nullptr) continue;
    for (const std::string_view name : row->attributes) {
      EXPECT_TRUE(KeyOf(code, name).has_value() || HasImportRule(name)) << row->name << " " << name;
    }
    for (const ir::AttrKey key : ir::Info(code).attributes) {
      const std::string_view wanted = key == ir::AttrKey::kPrecision ? "precision_config" : ir::Info(key).name;
      EXPECT_EQ(std::count(row->attributes.begin(), row->attributes.end(), wanted), 1) << row->name << " " << wanted;
    }
  }
}

TEST(VhloOps, KnowTheOpsThatAreRefused) {
  for (const char* name : {"dynamic_reshape_v1", "if_v1", "map_v1", "uniform_quantize_v1"}) {
    const VhloOp* row = FindVhloOp(name);
    ASSERT_NE(row, nullptr) << name;
    EXPECT_FALSE(row->code.has_value()) << name;
  }
  EXPECT_EQ(FindVhloOp("cosine_v1"), nullptr);
  EXPECT_EQ(FindVhloOp(""), nullptr);
}

}  // namespace
}  // namespace dragoman::stablehlo
