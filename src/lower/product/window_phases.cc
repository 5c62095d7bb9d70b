// SPDX-License-Identifier: Apache-2.0
#include "lower/product/window_phases.h"

#include <initializer_list>

#include "base/arithmetic.h"

namespace dragoman::kernel {
namespace {

int64_t MultiplyAdds(const WindowAxis& axis) { return axis.results * axis.phases * axis.taps; }

// Place o of the result meets tap k at an element of the input where o + k + input_offset is a multiple of the
// dilation: o + k = dilation n + residue. A phase is a residue of the tap or of the place.
WindowAxis Undilated(const WindowAxis& axis, int64_t residue) {
  WindowAxis phased;
  phased.phases = axis.dilation;
  phased.result_step = axis.dilation;
  phased.tap_step = axis.dilation;
  phased.input_offset = (residue + axis.input_offset) / axis.dilation;
  return phased;
}

// o = dilation q + residue - f, k = dilation t + f.
WindowAxis ByTap(const WindowAxis& axis, int64_t residue) {
  WindowAxis phased = Undilated(axis, residue);
  phased.results = (axis.results - 1 - residue + axis.dilation - 1) / axis.dilation + 1;
  phased.result_offset = residue;
  phased.result_phase = -1;
  phased.taps = CeilDiv(axis.taps, axis.dilation);
  phased.tap_phase = 1;
  return phased;
}

// o = dilation q + f, k = dilation t + residue - f.
WindowAxis ByResult(const WindowAxis& axis, int64_t residue) {
  WindowAxis phased = Undilated(axis, residue);
  phased.results = CeilDiv(axis.results, axis.dilation);
  phased.result_phase = 1;
  phased.taps = (axis.taps - 1 - residue + axis.dilation - 1) / axis.dilation + 1;
  phased.tap_offset = residue;
  phased.tap_phase = -1;
  return phased;
}

}  // namespace

WindowAxis InPhases(const WindowAxis& axis, int64_t most_phases) {
  const bool is_plain = axis.input_result == 1 && axis.input_tap == 1;
  if (axis.dilation == 1 || axis.dilation > most_phases || !is_plain) return axis;
  if (axis.results == 0 || axis.taps == 0) return axis;
  const int64_t below = axis.input_offset % axis.dilation;
  const int64_t residue = below > 0 ? axis.dilation - below : -below;
  WindowAxis best = axis;
  for (const WindowAxis& phased : {ByResult(axis, residue), ByTap(axis, residue)}) {
    if (MultiplyAdds(phased) < MultiplyAdds(best)) best = phased;
  }
  return best;
}

}  // namespace dragoman::kernel
