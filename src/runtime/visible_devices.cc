// SPDX-License-Identifier: Apache-2.0
#include "runtime/visible_devices.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "base/format.h"

namespace dragoman::runtime {
namespace {

using target::DeviceType;

struct VendorRow {
  std::string_view name;
  uint32_t id;
};
constexpr VendorRow kVendors[] = {{"amd", 0x1002},      {"intel", 0x8086}, {"nvidia", 0x10de},
                                  {"qualcomm", 0x5143}, {"apple", 0x106b}, {"mesa", 0x10005}};

int Rank(DeviceType type) {
  switch (type) {
    case DeviceType::kDiscreteGpu:
      return 0;
    case DeviceType::kIntegratedGpu:
      return 1;
    case DeviceType::kVirtualGpu:
      return 2;
    case DeviceType::kOther:
      return 3;
    case DeviceType::kCpu:
      return 4;
  }
  return 5;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

std::string_view Strip(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool Matches(std::string_view item, size_t index, const target::DeviceProfile& profile) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), number);
  if (error == std::errc() && end == item.data() + item.size()) return number == index;
  const std::string lower = Lower(item);
  for (const VendorRow& vendor : kVendors) {
    if (vendor.name == lower) return vendor.id == profile.vendor_id;
  }
  return Lower(profile.name).find(lower) != std::string::npos;
}

std::string Listing(std::span<const DeviceReport> reports) {
  std::string text;
  for (size_t i = 0; i < reports.size(); ++i) {
    text += Format("{}{}: {}{}", i == 0 ? "" : ", ", i, reports[i].profile.name,
                   reports[i].is_usable ? "" : " (not usable)");
  }
  return text;
}

}  // namespace

std::vector<size_t> OrderDevices(std::span<const DeviceReport> reports) {
  std::vector<size_t> order(reports.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (reports[a].is_usable != reports[b].is_usable) return reports[a].is_usable;
    return Rank(reports[a].profile.type) < Rank(reports[b].profile.type);
  });
  return order;
}

StatusOr<std::vector<size_t>> ChooseDevices(std::span<const DeviceReport> reports,
                                            std::optional<std::string_view> visible_devices) {
  if (reports.empty() || !reports[0].is_usable) {
    return Unavailable(Format("No Vulkan device can be used. {}", reports.empty() ? "" : reports[0].refusal));
  }
  if (!visible_devices.has_value()) return std::vector<size_t>{0};
  std::string_view rest = Strip(*visible_devices);
  const bool is_all = rest.empty() || Lower(rest) == "all";
  std::vector<size_t> chosen;
  std::string refusal;
  const auto choose = [&](size_t index) {
    if (!reports[index].is_usable) {
      refusal = reports[index].refusal;
    } else if (std::find(chosen.begin(), chosen.end(), index) == chosen.end()) {
      chosen.push_back(index);
    }
  };
  while (!is_all && !rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view item = Strip(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    for (size_t i = 0; i < reports.size() && !item.empty(); ++i) {
      if (Matches(item, i, reports[i].profile)) choose(i);
    }
  }
  for (size_t i = 0; is_all && i < reports.size(); ++i) choose(i);
  if (!chosen.empty()) return chosen;
  if (!refusal.empty()) return FailedPrecondition(refusal);
  return InvalidArgument(
      Format("DRAGOMAN_VISIBLE_DEVICES=\"{}\" matches no device. There are: {}.", *visible_devices, Listing(reports)));
}

}  // namespace dragoman::runtime
