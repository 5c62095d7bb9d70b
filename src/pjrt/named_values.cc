// SPDX-License-Identifier: Apache-2.0
#include "pjrt/named_values.h"

namespace dragoman::pjrt {

PJRT_NamedValue& NamedValues::Append(std::string_view name, PJRT_NamedValue_Type type, size_t value_size) {
  const std::string& owned_name = texts_.emplace_back(name);
  PJRT_NamedValue& value = values_.emplace_back();
  value.struct_size = sizeof(PJRT_NamedValue);
  value.name = owned_name.data();
  value.name_size = owned_name.size();
  value.type = type;
  value.value_size = value_size;
  return value;
}

void NamedValues::Add(std::string_view name, std::string_view text) {
  const std::string& owned_text = texts_.emplace_back(text);
  Append(name, PJRT_NamedValue_kString, text.size()).string_value = owned_text.data();
}

void NamedValues::Add(std::string_view name, int64_t value) {
  Append(name, PJRT_NamedValue_kInt64, 1).int64_value = value;
}

void NamedValues::Add(std::string_view name, std::vector<int64_t> values) {
  const std::vector<int64_t>& owned_list = lists_.emplace_back(std::move(values));
  Append(name, PJRT_NamedValue_kInt64List, owned_list.size()).int64_array_value = owned_list.data();
}

void NamedValues::Add(std::string_view name, float value) {
  Append(name, PJRT_NamedValue_kFloat, 1).float_value = value;
}

}  // namespace dragoman::pjrt
