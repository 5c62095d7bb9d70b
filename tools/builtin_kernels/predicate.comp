// SPDX-License-Identifier: Apache-2.0
// Decides whether a region of predicated dispatches runs: result = parent and test(value), and writes the region's dispatch
// sizes, `sizes` where the result holds and zero where not. Run by one workgroup; the five arrays do not overlap.
// test: the low byte is not zero (while), or the branch that value selects is `branch`: out of range, the last (case).
#version 460
#extension GL_EXT_buffer_reference : require
layout(local_size_x = 64) in;
layout(buffer_reference, std430, buffer_reference_align = 4) restrict buffer Words { uint data[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) readonly restrict buffer Record {
  Words value;
  Words parent;
  Words result;
  Words sizes;
  Words dispatch_sizes;
  uint num_sizes;
  uint num_branches;  // 0: while
  uint branch;
};
layout(push_constant) uniform Constants {
  Record record;
  uint num_segments;
  uint zero;
};
void main() {
  const uint value = record.value.data[0];
  bool holds = (value & 0xff) != 0;
  if (record.num_branches != 0) {
    const uint last = record.num_branches - 1;
    holds = min(value, last) == record.branch;  // as u32 a negative index is beyond the last
  }
  holds = holds && record.parent.data[0] != 0;
  if (gl_LocalInvocationID.x == 0) record.result.data[0] = holds ? 1 : 0;
  for (uint i = gl_LocalInvocationID.x; i < record.num_sizes; i += 64) {
    record.dispatch_sizes.data[i] = holds ? record.sizes.data[i] : 0;
  }
}
