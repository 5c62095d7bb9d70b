// SPDX-License-Identifier: Apache-2.0
// Events of the device's timeline.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "runtime/core.h"
#include "runtime/runtime.h"

namespace dragoman::runtime {

// Ready when the queue has done the work that ends with `value`.
std::shared_ptr<Event> MakeTimelineEvent(std::shared_ptr<Core> core, uint64_t value);

// As above, and then `finish` runs once, on whichever thread notices first, before the event is ready.
std::shared_ptr<Event> MakeFinishingEvent(std::shared_ptr<Core> core, uint64_t value, std::function<void()> finish);

// Ready when all are; with the error of the first that failed.
std::shared_ptr<Event> JoinEvents(std::span<const std::shared_ptr<Event>> events);

}  // namespace dragoman::runtime
