// SPDX-License-Identifier: Apache-2.0
// For tests of other rooms: the first device of this machine.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "runtime/runtime.h"

namespace dragoman::runtime {

inline Device& TheDevice() {
  static const std::shared_ptr<Client> client = [] {
    auto made = Client::Create({});
    if (!made.ok()) ADD_FAILURE() << made.status().message();
    return made.ok() ? *made : nullptr;
  }();
  return *client->devices()[0];
}

}  // namespace dragoman::runtime
