// SPDX-License-Identifier: Apache-2.0
// A list of attributes that owns its names and texts, in the form the ABI hands out. Without booleans: jaxlib stops the
// process when a device has one.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "pjrt/c_api.h"

namespace dragoman::pjrt {

class NamedValues {
 public:
  NamedValues() = default;
  NamedValues(const NamedValues&) = delete;  // the list points into the object
  NamedValues& operator=(const NamedValues&) = delete;

  void Add(std::string_view name, std::string_view text);
  void Add(std::string_view name, int64_t value);
  void Add(std::string_view name, std::vector<int64_t> values);
  void Add(std::string_view name, float value);

  // Valid until the next Add.
  const PJRT_NamedValue* data() const { return values_.data(); }
  size_t size() const { return values_.size(); }

 private:
  PJRT_NamedValue& Append(std::string_view name, PJRT_NamedValue_Type type, size_t value_size);

  std::vector<PJRT_NamedValue> values_;
  std::deque<std::string> texts_;
  std::deque<std::vector<int64_t>> lists_;
};

}  // namespace dragoman::pjrt
