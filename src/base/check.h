// SPDX-License-Identifier: Apache-2.0
// CHECK stops the process where going on would harm memory. For every other bug of ours return Internal(...).
#pragma once

#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                                                      \
  do {                                                                                                        \
    if (!(condition)) [[unlikely]] {                                                                          \
      std::fprintf(stderr, "dragoman: internal check failed at %s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                                           \
    }                                                                                                         \
  } while (false)
