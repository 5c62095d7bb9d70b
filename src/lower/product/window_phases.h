// SPDX-License-Identifier: Apache-2.0
// One spatial dimension of a convolution as index arithmetic over three counters: result q, phase f, tap t.
//
//     place in the result    result_offset + result_step q + result_phase f
//     tap of the window      tap_offset + tap_phase f + tap_step t
//     place in the input     (input_offset + input_result q + input_tap t) / dilation
//
// Together the counters reach each place of the result once, with all taps that see an element of the input. They may
// also reach places outside of the result, which do not count, and taps outside of the window or places outside or
// between elements of the input, which count as zero.
#pragma once

#include <cstdint>

namespace dragoman::kernel {

struct WindowAxis {
  int64_t results = 1;  // how far each counter goes
  int64_t phases = 1;
  int64_t taps = 1;
  int64_t result_offset = 0;
  int64_t result_step = 1;
  int64_t result_phase = 0;
  int64_t tap_offset = 0;
  int64_t tap_phase = 0;
  int64_t tap_step = 1;
  int64_t input_offset = 0;
  int64_t input_result = 1;
  int64_t input_tap = 1;
  int64_t dilation = 1;
};

// A dilated axis of one phase as one without dilation whose phases are at most `most_phases`; the axis itself where it
// has stride or dilated taps, or where that would multiply no less.
WindowAxis InPhases(const WindowAxis& axis, int64_t most_phases);

}  // namespace dragoman::kernel
