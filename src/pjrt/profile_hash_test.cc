// SPDX-License-Identifier: Apache-2.0
#include "pjrt/profile_hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace dragoman::pjrt {
namespace {

TEST(ProfileHash, DependsOnTheTextsAndTheMatrixShapes) {
  const target::DeviceProfile plain;
  std::vector<target::DeviceProfile> profiles(6);
  profiles[0].name = "a";
  profiles[1].driver_name = "a";
  profiles[2].driver_info = "a";
  profiles[3].matrix_shapes = {{16, 16, 16}};
  profiles[4].matrix_shapes = {{16, 16, 8}};
  std::vector<Hash128> hashes;
  for (const target::DeviceProfile& profile : profiles) hashes.push_back(ProfileHash(profile));
  EXPECT_EQ(hashes[5], ProfileHash(plain));
  std::sort(hashes.begin(), hashes.end());
  EXPECT_EQ(std::unique(hashes.begin(), hashes.end()), hashes.end());
}

// Flips a bit of each plain byte; one that operator== sees and the hash does not is a forgotten field.
TEST(ProfileHash, DependsOnEveryPlainField) {
  const target::DeviceProfile plain;
  const size_t first = offsetof(target::DeviceProfile, vendor_id);
  const size_t shapes = offsetof(target::DeviceProfile, matrix_shapes);
  size_t num_seen = 0;
  for (size_t at = first; at < sizeof(plain); ++at) {
    if (at >= shapes && at < shapes + sizeof(plain.matrix_shapes)) continue;
    target::DeviceProfile changed;
    reinterpret_cast<unsigned char*>(&changed)[at] ^= 1;
    if (changed == plain) continue;  // padding
    ++num_seen;
    EXPECT_NE(ProfileHash(changed), ProfileHash(plain)) << "byte " << at;
  }
  EXPECT_GT(num_seen, 60u);
}

}  // namespace
}  // namespace dragoman::pjrt
