// SPDX-License-Identifier: Apache-2.0
// Events of the device's timelines.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "runtime/core.h"
#include "runtime/runtime.h"

namespace dragoman::runtime {

// Ready when the work up to `moment` is done.
std::shared_ptr<Event> MakeTimelineEvent(std::shared_ptr<Core> core, const Moment& moment);

// As above, and then `finish` runs once, on whichever thread notices first, before the event is ready.
std::shared_ptr<Event> MakeFinishingEvent(std::shared_ptr<Core> core, const Moment& moment,
                                          std::function<void()> finish);

// Ready when all are; with the error of the first that failed.
std::shared_ptr<Event> JoinEvents(std::span<const std::shared_ptr<Event>> events);

}  // namespace dragoman::runtime
