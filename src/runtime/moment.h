// SPDX-License-Identifier: Apache-2.0
// Points on the timelines of a device's queues.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/check.h"

namespace dragoman::runtime {

// The queues of a device.
enum class QueueId : uint8_t { kMain };
inline constexpr int kNumQueues = 1;

// Reached when the queue has done all work up to here. The default is before everything: nothing has to be done.
struct Moment {
  QueueId queue = QueueId::kMain;
  uint64_t value = 0;  // of the queue's timeline; 0 is before everything

  friend bool operator==(const Moment& a, const Moment& b) {
    return a.value == b.value && (a.queue == b.queue || a.value == 0);
  }
  // Two queues have no order: asking for it stops the process.
  friend bool operator<(const Moment& a, const Moment& b) {
    CHECK(a.queue == b.queue || a.value == 0 || b.value == 0);
    return a.value < b.value;
  }
};

// The last moment on each queue at which something is used.
class Uses {
 public:
  Uses() = default;  // none
  Uses(const Moment& moment) { values_[static_cast<int>(moment.queue)] = moment.value; }

  void Add(const Uses& other) {
    for (int i = 0; i < kNumQueues; ++i) values_[i] = std::max(values_[i], other.values_[i]);
  }
  Moment on(QueueId queue) const { return {queue, values_[static_cast<int>(queue)]}; }

  friend bool operator==(const Uses&, const Uses&) = default;

 private:
  std::array<uint64_t, kNumQueues> values_{};
};

}  // namespace dragoman::runtime
