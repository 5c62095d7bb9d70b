// SPDX-License-Identifier: Apache-2.0
// target[0] = source[0] < limit ? 1 : 0; u32, of which an i1 is the first byte.
#version 460
#extension GL_EXT_buffer_reference : require
layout(local_size_x = 1) in;
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Words { uint data[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Record {
  Words source;
  Words target;
  uint limit;
};
layout(push_constant) uniform Constants {
  Record record;
  uint num_segments;
  uint zero;
};
void main() { record.target.data[0] = record.source.data[0] < record.limit ? 1 : 0; }
