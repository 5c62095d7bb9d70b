// SPDX-License-Identifier: Apache-2.0
// Where everything that is kept between runs lives: compiled programs and the driver's pipelines.
#pragma once

#include <string>

namespace dragoman {

// $DRAGOMAN_CACHE_DIR, else $XDG_CACHE_HOME/dragoman, else ~/.cache/dragoman; empty when there is no home or the first
// variable is "off". Not created yet.
std::string CacheDirectory();

}  // namespace dragoman
