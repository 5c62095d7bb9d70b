// SPDX-License-Identifier: Apache-2.0
// Fills 4 bytes an invocation; the invocation after the last fills the remaining 0 to 3 bytes.
#version 460
#extension GL_EXT_buffer_reference : require
layout(local_size_x = 256) in;
layout(buffer_reference, std430, buffer_reference_align = 4) restrict buffer Words { uint data[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) readonly restrict buffer Record {
  Words target;
  uint num_words;
  uint num_remaining_bytes;
  uint value;
};
layout(push_constant) uniform Constants {
  Record record;
  uint num_segments;
  uint zero;
};
void main() {
  const uint index = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * 256 + gl_LocalInvocationID.x;
  if (index < record.num_words) {
    record.target.data[index] = record.value;
  } else if (index == record.num_words && record.num_remaining_bytes != 0) {
    const uint mask = (1u << (record.num_remaining_bytes * 8)) - 1;
    record.target.data[index] = (record.value & mask) | (record.target.data[index] & ~mask);
  }
}
