// SPDX-License-Identifier: Apache-2.0
// What a compilation depends on besides the program: handed from the driver down to each pass, fusion and lowering.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "target/profile.h"

namespace dragoman::target {

// What was measured on a device to be faster than what the estimates say.
struct Tuning {
  // The form of a product's kernel by the product's key: lower/product/tile_config.h says what both are called. A name
  // that does not fit the device changes nothing.
  std::map<std::string, std::string> products;
};

// What its caller asks of the compiler.
struct Options {
  bool fuse = true;  // false: every op alone (a test mode)
  std::vector<std::string> skipped_passes;
  bool exact_products = false;  // float32 products are never rounded to fewer bits, whatever precision they state
  Tuning tuning;
};

inline const Options kDefaultOptions;

// Refers to both; outlived by them.
struct CompileContext {
  const DeviceProfile& profile;
  const Options& options = kDefaultOptions;
};

}  // namespace dragoman::target
